"""Links in Markdown, and what they lead to: headings, as GitHub names them, and lines of code."""

import re
from pathlib import Path

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^][]|\[[^]]*\])*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.*?)(?: +#+)?$", re.MULTILINE)
NAMED = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
LINES = re.compile(r"L(\d+)(?:-L(\d+))?")
ELSEWHERE = ("https:", "http:", "mailto:")


def without_code(text: str) -> str:
    """Markdown without what only shows Markdown, or other code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Where the links and pictures of a Markdown text lead, but for other sites."""
    return [link for link in LINK.findall(without_code(text)) if not link.startswith(ELSEWHERE)]


def slug(heading: str) -> str:
    """What a heading is called in links: small letters, digits and _, with - between words."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def slugs(headings: list[str]) -> list[str]:
    """Those of all headings of a text: a second one of the same words ends with -1."""
    found: list[str] = []
    for heading in headings:
        name, count = slug(heading), 0
        while (one := f"{name}-{count}" if count else name) in found:
            count += 1
        found.append(one)
    return found


def anchors(text: str) -> set[str]:
    """All that a link into a Markdown text may name."""
    return {*slugs(HEADING.findall(FENCE.sub("", text))), *NAMED.findall(text)}


def problem(file: Path, link: str) -> str | None:
    """What is wrong with a link of a Markdown file; None if it leads somewhere."""
    path, _, anchor = link.partition("#")
    target = (file.parent / path) if path else file
    if not target.exists():
        return f"{link}: there is no such file"
    if not anchor or target.suffix == ".html":
        return None
    text = target.read_text(encoding="utf-8")
    if lines := LINES.fullmatch(anchor):
        last = int(lines[2] or lines[1])
        return None if last <= text.count("\n") else f"{link}: it has fewer lines"
    if target.suffix == ".md" and anchor not in anchors(text):
        return f"{link}: there is no such heading"
    return None
