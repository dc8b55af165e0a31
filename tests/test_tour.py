"""The tour and its questions: up to date, alike in both languages, every number with a source.

python docs/tour/pages.py mends links to lines, quoted definitions, outputs and drawings.
"""

import ast
import importlib.util
import re
import runpy
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tiny_runs

from tinynet import simulator

ROOT = Path(__file__).parents[1]
DOCS, FOLDER = ROOT / "docs", ROOT / "docs" / "tour"
NAMES = ("tour", "questions")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?")
# Of the paper's text: what it claims and what it recommends. Everything else is measured here.
FROM_THE_PAPER = {
    *("25", "11", "90", "128", "224", "256"),
    *("1.4", "1.2", "0.4", "0.3", "39.0", "37.5", "18.2", "16.4", "15.4"),
}
# No fact of ours, but what a note says, a round number of a question, or a mathematical constant.
SAID = {"30", "60", "6.9", "1000"}


def module(name: str, file: Path):
    spec = importlib.util.spec_from_file_location(name, file)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


pages = module("pages", FOLDER / "pages.py")
ci = module("ci", ROOT / ".ci" / "readme_commands.py")


def page(name: str, language: str = "en") -> str:
    file = DOCS / f"{name}.md" if language == "en" else DOCS / f"{name}.{language}.md"
    return file.read_text(encoding="utf-8")


both = pytest.mark.parametrize("language", ["en", "ko"])
each = pytest.mark.parametrize("name", NAMES)


def chapters(text: str) -> list[str]:
    """What stands under each heading of the second level, with it."""
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)


def prose(text: str) -> str:
    """Without blocks, formulas, code, the targets of links, and the numbers of chapters."""
    text = re.sub(r"^#+ [\d.]*|^\|.*claims\.md#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^    .*$", "", FENCED.sub("", text), flags=re.MULTILINE)
    return re.sub(r"`[^`]*`", "", LINK.sub(r"\2", text))


def numbers(text: str) -> set[str]:
    return {number.rstrip(",") for number in NUMBER.findall(text)}


def values(found: set[str]) -> set[float]:
    return {float(number.replace(",", "")) for number in found}


def counts(number: str) -> bool:
    """Whether a number says something that could be wrong: no year, and no small whole one."""
    return not re.fullmatch(r"\d|10|(19|20)\d\d", number)


# ---------------------------------------------------------------- both languages say the same


@each
def test_the_same_headings(name):
    english, korean = (
        [
            (level, re.match(r"[\d.]*", words)[0])
            for level, words in HEADING.findall(FENCED.sub("", text))
        ]
        for text in (page(name), page(name, "ko"))
    )
    assert english == korean


@each
def test_the_same_commands_definitions_and_outputs(name):
    english, korean = (FENCED.findall(page(name, language)) for language in ("en", "ko"))
    assert english == korean and english


@each
def test_the_same_links_and_pictures(name):
    def targets(text):
        found = {target for _, _, target in LINK.findall(text)}
        return {target.replace(".ko.", ".") for target in found if not target.startswith("#")}

    assert targets(page(name)) == targets(page(name, "ko"))
    assert all(".ko.svg" in target for mark, _, target in LINK.findall(page(name, "ko")) if mark)


@each
def test_the_same_numbers_in_each_chapter(name):
    english, korean = (
        map(numbers, map(prose, chapters(page(name, language)))) for language in ("en", "ko")
    )
    for ours, theirs in zip(english, korean):
        assert {n for n in ours if counts(n)} == {n for n in theirs if counts(n)}


def test_the_korean_readme_has_the_headings_blocks_and_numbers_of_the_english_one():
    """After a change: python docs/tour/pages.py copies the blocks; the rest is prose."""
    english, korean = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
    )
    assert pages.with_blocks(korean, english) == korean
    levels = (
        [level for level, _ in HEADING.findall(FENCED.sub("", its))] for its in (english, korean)
    )
    assert next(levels) == next(levels)
    unknown = values({n for n in numbers(prose(korean)) if counts(n)}) - values(numbers(english))
    assert not unknown


@pytest.mark.parametrize("name", ["README", "docs/tour", "docs/questions"])
def test_emphasis_in_korean_is_closed_as_markdown_asks(name):
    """After a parenthesis, * closes nothing if a letter follows: **정의**(definition)는."""
    text = FENCED.sub("", (ROOT / f"{name}.ko.md").read_text(encoding="utf-8"))
    assert re.findall(r"\S*[)\"`]\*+[가-힣]\S*", text) == []


# ---------------------------------------------------------------- and it is so


@both
@each
def test_links_go_to_lines_that_hold_what_they_name(name, language):
    assert pages.with_links(page(name, language)) == page(name, language), pages.__doc__


@both
@each
def test_definitions_are_quoted_as_they_are(name, language):
    assert pages.with_definitions(page(name, language)) == page(name, language), pages.__doc__


@both
@each
def test_every_number_has_a_source(name, language):
    """It stands in a block of the same chapter (of the page, for questions), in the README, or in
    the paper."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    whole = page(name, language)
    for chapter in chapters(whole):
        around = whole if name == "questions" else chapter
        shown = [text for _, text in FENCED.findall(around)]
        formulas = re.findall(r"^    .*$", chapter, re.MULTILINE)
        known = values(numbers(" ".join([readme, *shown, *formulas])) | FROM_THE_PAPER | SAID)
        unknown = values({n for n in numbers(prose(chapter)) if counts(n)}) - known
        assert not unknown, chapter.splitlines()[0]


SHOWN = sorted({found for name in NAMES for found in pages.SHOWN.findall(page(name))})


@pytest.mark.parametrize(("commands", "shown"), SHOWN, ids=[its.split()[-1] for its, _ in SHOWN])
def test_programs_print_what_is_shown(commands, shown, capsys):
    program = re.fullmatch(r"python (docs/tour/\w+\.py)\n", commands)
    assert program, f"shown is the output of a program of docs/tour, not of {commands}"
    if simulator.unavailable() and "simulator" in (ROOT / program[1]).read_text(encoding="utf-8"):
        pytest.skip(simulator.unavailable())
    runpy.run_path(str(ROOT / program[1]), run_name="__main__")
    assert ci.difference(shown, capsys.readouterr().out, program[1]) is None


def test_every_program_is_shown():
    programs = {path.name for path in FOLDER.glob("*.py") if "print(" in path.read_text("utf-8")}
    commands = "".join(text for name in NAMES for kind, text in FENCED.findall(page(name)))
    assert programs == set(re.findall(r"docs/tour/(\w+\.py)", commands))


def test_the_views_of_a_trained_network_are_scored_as_eval_scores_them(
    photos, tmp_path, monkeypatch, capsys
):
    """Its output on the pages is of a run of two minutes; this is of one that takes a second."""
    run = tmp_path / "run"
    tiny_runs.train("--data", photos, "--steps", "5", "--out", run)
    monkeypatch.setattr(sys, "argv", ["trained_views.py", str(run)])
    program = runpy.run_path(str(FOLDER / "trained_views.py"), run_name="__main__")
    one, ten, logits = (line.split() for line in capsys.readouterr().out.splitlines())
    evaluated = tiny_runs.run("eval", "--checkpoint", run, "--views", "10").out
    for mine in (one, ten):
        assert f"loss {mine[-1]}" in evaluated, evaluated
        assert f"top-1 error {float(mine[-3][:-1]):.2f}%" in evaluated
    assert logits[1:4] == ["mean", "of", "logits"]
    views = [np.array([row]) for row in ([8.0, 0, 0], [0, 3, 0], [0, 3, 0])]  # as in views.py
    mean = np.exp(program["softmax_of_mean"](views))
    np.testing.assert_allclose(mean, [[0.632, 0.324, 0.044]], atol=5e-4)


@pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")
def test_drawings_are_up_to_date_and_each_is_shown(tmp_path):
    subprocess.run([sys.executable, str(FOLDER / "draw.py"), str(tmp_path)], check=True)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert drawn.keys() == {path.name for path in FOLDER.glob("*.svg")}
    for name, text in drawn.items():
        assert ci.difference((FOLDER / name).read_text(encoding="utf-8"), text, name) is None
    shown = chain.from_iterable(
        LINK.findall(page(name, of)) for name in NAMES for of in ("en", "ko")
    )
    assert {Path(target).name for mark, _, target in shown if mark} == drawn.keys()


# ---------------------------------------------------------------- every page has its parts


@pytest.mark.parametrize("number", range(1, 12))
def test_a_page_of_the_tour_has_all_its_parts(number):
    chapter = chapters(page("tour"))[number]
    assert chapter.startswith(f"## {number}. ")
    for language, lead in (("en", "Idea"), ("ko", "생각")):
        its = chapters(page("tour", language))[number]
        idea = re.search(rf"\*\*{lead}\.\*\* (.*?)\n\n", its, re.DOTALL)[1]
        assert len(re.findall(r"[.?](?=\s|$)", idea)) == 3, idea
    assert re.search(r"^    \S", FENCED.sub("", chapter), re.MULTILINE), "a formula"
    for part in (
        "**In code.**",
        "**Check it.**",
        "**Experiment.**",
        "### What learners ask: ",
        "### What notes get wrong",
    ):
        assert chapter.count(part) == 1, part
    assert chapter.count("![") == 1, "a picture"
    definition = next(text for kind, text in FENCED.findall(chapter) if kind == "python")
    assert isinstance(ast.parse(definition).body[0], ast.FunctionDef)
    commands = " ".join(text for kind, text in FENCED.findall(chapter) if kind == "sh")
    assert "check-grads" in commands or "--check" in commands
    assert f"docs/tour/{chapter.split('.svg)')[0].split('tour/')[-1]}.py" in commands


@pytest.mark.parametrize("number", range(2, 10))
def test_a_page_on_a_claim_of_the_paper_leads_to_its_verdict(number):
    assert re.search(r"\*\*Verdict\.\*\* .*\(claims\.md#\w+\)", chapters(page("tour"))[number])


def test_verdicts_are_those_of_the_claims():
    """Rows that were quoted before more seeds were run say how many, and may stay."""

    def read(row: str) -> tuple[str, int, set[str]]:
        return (
            re.match(r"\| \[([^]]+)", row)[1],
            int(re.search(r"(\d+) seeds?\)", row)[1]),
            numbers(row),
        )

    claims = (DOCS / "claims.md").read_text(encoding="utf-8")
    run = [row[0] for row in pages.CLAIM.finditer(claims) if "not run yet" not in row[0]]
    now = {name: (seeds, found) for name, seeds, found in map(read, run)}
    english, korean = (
        re.findall(r"^\| \[.*claims\.md#.*$", "\n".join(page(n, language) for n in NAMES), re.M)
        for language in ("en", "ko")
    )
    assert [numbers(row) for row in english] == [numbers(row) for row in korean]
    for name, seeds, found in map(read, english):
        assert seeds < now[name][0] or (seeds, found) == now[name], name


def test_each_kernel_of_a_page_has_its_twin_beside_it():
    for chapter in chapters(page("tour"))[1:]:
        targets = (target.partition("#L") for _, _, target in LINK.findall(chapter))
        by_lines = {file for file, _, lines in targets if lines}
        kernels = {file.removesuffix(".cu") for file in by_lines if file.endswith(".cu")}
        assert {f"{kernel}.py" for kernel in kernels} <= by_lines


def test_twenty_questions_each_with_two_sentences_and_a_command_a_figure_or_a_number():
    found = chapters(page("questions"))[1:]
    assert [chapter.split(". ")[0] for chapter in found] == [f"## {n}" for n in range(1, 21)]
    for chapter in found:
        evidence = FENCED.search(chapter) or "![" in chapter or numbers(prose(chapter)) - {""}
        assert evidence, chapter
        assert len(re.findall(r"[.?](?=\s|$)", prose(chapter).split("\n", 1)[1])) >= 2, chapter


def test_ci_runs_every_command_of_both():
    assert {f"docs/{name}.md" for name in NAMES} <= set(ci.PAGES)
