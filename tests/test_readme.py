"""The README's Python runs and prints what stands under it; and CI would see if it did not."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def ci():
    """.ci/readme_commands.py as a module."""
    spec = importlib.util.spec_from_file_location("ci", ROOT / ".ci" / "readme_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_of_the_readme_prints_what_it_shows(ci):
    programs = [(text, shown) for kind, text, shown in ci.blocks(readme()) if kind == "python"]
    assert programs
    for text, shown in programs:
        assert "from tinynet import" in text and shown
        assert ci.run_program(text, shown) is None


def test_every_block_is_found_and_what_needs_more_than_a_clone_is_left_out(ci, capsys):
    text = "```sh\npip install -e .\npython a.py  # a note\n```\n\n```python\nprint(1)\n```\n\n"
    text += "```\n1\n```\n\n```sh\n# needs a GPU\npython b.py\n```\n"
    found = ci.blocks(text)
    assert [(kind, shown) for kind, _, shown in found] == [
        ("sh", ""),
        ("python", "1\n"),
        ("sh", ""),
    ]
    assert [ci.commands(text) for kind, text, _ in found if kind == "sh"] == [["python a.py"], []]
    assert len(ci.blocks(readme())) == readme().count("```sh\n") + readme().count("```python\n")


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("epoch 1  loss 0.578  14%\n", False),
        ("epoch 1  loss 0.585  13%\n", False),  # within 2 %, and 1 in the last place
        ("epoch 1  loss 0.598  14%\n", True),
        ("epoch 1  loss 0.578  12%\n", True),
        ("epoch 2  loss 0.578  14%\n", False),  # 1 in the last place too
        ("epoch 1  cost 0.578  14%\n", True),
        ("epoch 1  loss nan  14%\n", True),
        ("epoch 1  loss 0.578  14%\nepoch 2\n", True),
        ("", True),
    ],
)
def test_an_output_other_than_the_one_shown_is_told(ci, printed, told):
    assert (ci.difference("epoch 1  loss 0.578  14%\n", printed) is not None) == told


def test_a_program_that_fails_is_told(ci):
    assert ci.run_program("print(1); raise SystemExit(3)", "1\n") == "it ended with status 3"
    assert "printed is '2'" in ci.run_program("print(2 * 1 + 2 - 2)", "40\n")


def test_it_says_how_it_comes_here_and_where_it_runs():
    for words in ("git clone <this repository>", "Python 3.10", "Linux", "macOS", "not Windows"):
        assert words in readme()


def test_the_lines_of_kernels_that_it_quotes_are_where_it_says():
    quoted = re.findall(r"^ +(\w+\.cu):(\d+)  (.+)$", readme(), re.MULTILINE)
    assert quoted
    for file, line, text in quoted:
        lines = (ROOT / "tinynet" / "kernels" / file).read_text(encoding="utf-8").splitlines()
        assert lines[int(line) - 1].strip() == text
