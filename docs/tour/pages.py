"""Brings the pages of the tour up to date: python docs/tour/pages.py

In docs/tour.md, docs/questions.md and their Korean twins it writes anew:

- links to lines: [`lrn_forward`](../tinynet/kernels/definitions.py#L165-L174) goes to where a
  function or class of that name is now (in a .cu file: the kernel of that name). Only kernels and
  their definitions, and the tour's own programs, are linked by lines: files that seldom change;
- definitions: a ```python block that begins with "def NAME(" becomes the text of the function NAME
  to which the first link of that name in the chapter goes;
- outputs: a block without a language, right after a ```sh block, becomes what its commands print,
  unless these begin with a comment that says what they need.

- verdicts: under a paragraph that leads to claims.md stand its rows on these claims, as far as they
  have been run.

The blocks of README.ko.md become those of README.md, in their order.

Then it draws the pictures (draw.py). tests/test_tour.py says what is out of date.
"""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "docs" / name for name in ("tour.md", "tour.ko.md", "questions.md", "questions.ko.md")
]
LINK = re.compile(r"\[`(\w+)`\]\(\.\./([^)#]+)(#L\d+-L\d+)?\)")
DEFINITION = re.compile(r"^```python\ndef (\w+)\((?:.*\n)(?:[^`].*\n|\n)*?```$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(  # the commands, and what is shown under them; no line of either begins with `
    r"^```sh\n((?:[^`#\n].*\n)+)```\n\n```\n((?:[^`\n].*\n|\n)*)```$", re.MULTILINE
)


@cache
def lines_of(file: Path, name: str) -> tuple[int, int]:
    """The first and the last line of what a file calls `name`; ValueError if it has no such."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node.lineno, node.end_lineno
    else:
        lines = text.splitlines()
        for first, line in enumerate(lines, 1):
            if f" {name}(" in line and not line.startswith("//"):
                return first, first + lines[first - 1 :].index("}")
    raise ValueError(f"{file} has no {name}")


def with_links(page: str) -> str:
    def link(found: re.Match) -> str:
        name, file, lines = found.groups()
        if not lines:
            return found[0]
        first, last = lines_of(ROOT / file, name)
        return f"[`{name}`](../{file}#L{first}-L{last})"

    return LINK.sub(link, page)


def with_definitions(page: str) -> str:
    def block(found: re.Match) -> str:
        name = found[1]
        chapter = page[: found.start()].rpartition("\n## ")[2]
        file = next(ROOT / file for its, file, _ in LINK.findall(chapter) if its == name)
        first, last = lines_of(file, name)
        text = "\n".join(file.read_text(encoding="utf-8").splitlines()[first - 1 : last])
        return f"```python\n{text}\n```"

    return DEFINITION.sub(block, page)


CLAIM = re.compile(r"^\| \[[^]]+\]\(#(\w+)\).*\|$", re.MULTILINE)
VERDICT = re.compile(r"^(\*\*[^*]+\*\* .*claims\.md#.*\n)(?:\n(?:\|.*\n)+)?", re.MULTILINE)
HEADER = {
    "en": "| claim | difference without it | 95 % interval | 2012 | verdict |",
    "ko": "| 주장 | 없을 때의 차이 | 95 % 구간 | 2012 | 판정 |",
}
IN_KOREAN = (
    (
        r"not decided at this size: about ([\d,]+) seeds would",
        r"이 크기로는 미정: 시드 \1개쯤이면 판정",
    ),
    (r"not decided at this size", "이 크기로는 미정"),
    (r"not reproduced", "재현되지 않음"),
    (r"reproduced", "재현됨"),
    (r"no number", "수치 없음"),
    (r"\((\d+) seeds?\)", r"(시드 \1개)"),
)


def with_verdicts(page: str, language: str) -> str:
    claims = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    run = [found for found in CLAIM.finditer(claims) if "not run yet" not in found[0]]

    def table(found: re.Match) -> str:
        names = re.findall(r"claims\.md#(\w+)", found[1])
        rows = [row[0].replace("](#", "](claims.md#") for row in run if row[1] in names]
        for words, korean in IN_KOREAN if language == "ko" else ():
            rows = [re.sub(words, korean, row) for row in rows]
        lines = [HEADER[language], "| --- | --- | --- | --- | --- |", *rows] if rows else []
        return "\n".join([found[1], *lines, ""]) if rows else found[1]

    return VERDICT.sub(table, page)


@cache
def output_of(commands: str) -> str:
    commands = commands.replace("python ", f"{sys.executable} ")
    return subprocess.run(
        commands, shell=True, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ).stdout


def with_outputs(page: str) -> str:
    def block(found: re.Match) -> str:
        return f"```sh\n{found[1]}```\n\n```\n{output_of(found[1])}```"

    return SHOWN.sub(block, page)


def with_blocks(page: str, other: str) -> str:
    """A page with the blocks of another; ValueError unless it has as many."""
    blocks = BLOCK.findall(other)
    if len(blocks) != len(BLOCK.findall(page)):
        raise ValueError("README.ko.md has other blocks than README.md: add or remove them there")
    remaining = iter(blocks)
    return BLOCK.sub(lambda _: next(remaining), page)


def main() -> None:
    korean, english = ROOT / "README.ko.md", ROOT / "README.md"
    page = with_blocks(korean.read_text(encoding="utf-8"), english.read_text(encoding="utf-8"))
    korean.write_text(page, encoding="utf-8")
    for file in PAGES:
        page = file.read_text(encoding="utf-8")
        page = with_verdicts(page, "ko" if ".ko." in file.name else "en")
        file.write_text(with_outputs(with_definitions(with_links(page))), encoding="utf-8")
    subprocess.run([sys.executable, str(Path(__file__).with_name("draw.py"))], check=True)


if __name__ == "__main__":
    main()
