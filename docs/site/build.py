"""The documentation as one site that needs no network: the pages, and an API reference.

    pip install -e ".[docs]"
    python docs/site/build.py site

Every Markdown file of the project becomes a page in the same place. What it links to comes along:
code as a page with numbered lines. The reference is pdoc's, from the docstrings.
"""

import os
import shutil
import sys
from html import escape
from pathlib import Path

import pdoc
from links import ELSEWHERE, links, slugs
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
STYLE = (ROOT / "tinynet" / "pages" / "web" / "base.css").read_text(encoding="utf-8")
OWN_STYLE = Path(__file__).with_name("site.css").read_text(encoding="utf-8")
PUBLIC = (
    *("tinynet.public", "tinynet.functional", "tinynet.nn", "tinynet.optim", "tinynet.init"),
    *("tinynet.tensor", "tinynet.module", "tinynet.gradient_check", "tinynet.models"),
    *("tinynet.exchange", "tinynet.data", "!tinynet.data.preparing"),
)
MENU = {
    "README.md": "tinynet",
    "docs/tour.md": "Tour",
    "docs/questions.md": "Questions",
    "docs/claims.md": "Claims",
    "docs/kernels/index.html": "Kernels",
    "docs/ladder.md": "Ladder",
    "docs/gradients.md": "Gradients",
    "docs/scaling.md": "Ranks",
    "docs/house.md": "House",
    "CONTRIBUTING.md": "Contributing",
    "api/index.html": "API",
}
SHOWN = (".py", ".cu", ".h", ".cpp", ".ipynb", "")  # as pages of code
PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style>
<nav>{menu}</nav><main>{body}</main></html>
"""


def main(out: Path) -> None:
    """Write the site into the folder `out`."""
    sources = [
        *(ROOT / name for name in MENU if name.endswith(".md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / "tinynet" / "kernels").glob("*.md"),
        *(ROOT / "tests" / "fakegpu").glob("*.md"),
    ]
    waiting, done = [path.resolve() for path in sources], set()
    while waiting:
        path = waiting.pop()
        if path not in done:
            done.add(path)
            waiting += add(path, out)
    shutil.copyfile(out / "README.html", out / "index.html")
    shutil.copytree(ROOT / "docs" / "kernels", out / "docs" / "kernels", dirs_exist_ok=True)
    templates = Path(__file__).with_name("pdoc")
    pdoc.render.configure(docformat="markdown", template_directory=templates)
    pdoc.pdoc(*PUBLIC, output_directory=out / "api")


def add(path: Path, out: Path) -> list[Path]:
    """Put a file, or a folder's, into the site; the files that it leads to."""
    if path.is_dir():
        return [child for child in path.iterdir() if child.is_file()]
    name = path.relative_to(ROOT)
    place = out / site_name(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        place.write_text(page(name, body_of(text)), encoding="utf-8")
        return [(path.parent / link.partition("#")[0]).resolve() for link in links(text)]
    if path.suffix in SHOWN:
        place.write_text(page(name, code_of(path)), encoding="utf-8")
    else:
        shutil.copyfile(path, place)
    return []


def site_name(name: Path) -> Path:
    """Where a file of the project lies in the site: docs/tour.html for docs/tour.md."""
    if name.suffix == ".md":
        return name.with_suffix(".html")
    return name.with_name(f"{name.name}.html") if name.suffix in SHOWN else name


def site_link(link: str) -> str:
    """A link of Markdown as it is in the site."""
    path, sign, anchor = link.partition("#")
    if not path or link.startswith(ELSEWHERE) or path.endswith("/"):
        return link
    return f"{site_name(Path(path)).as_posix()}{sign}{anchor.partition('-L')[0]}"


def body_of(markdown: str) -> str:
    """Markdown as HTML, its headings with names and its links as in the site."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = reader.parse(markdown)
    texts = [after for token, after in zip(tokens, tokens[1:]) if token.type == "heading_open"]
    opened = [token for token in tokens if token.type == "heading_open"]
    for token, name in zip(opened, slugs([text.content for text in texts])):
        token.attrSet("id", name)
    for token in tokens:
        for inner in token.children or ():
            for attribute in ("href", "src"):
                if (link := inner.attrGet(attribute)) is not None:
                    inner.attrSet(attribute, site_link(link))
    return reader.renderer.render(tokens, reader.options, {})


def code_of(path: Path) -> str:
    """A text with numbered lines, which links name L1, L2, ..."""
    lines = path.read_text(encoding="utf-8").splitlines()
    numbered = (f'<i id="L{i}">{i:4}</i>  {escape(line)}' for i, line in enumerate(lines, 1))
    text, name = "\n".join(numbered), path.relative_to(ROOT).as_posix()
    return f"<h1>{escape(name)}</h1><pre>{text}</pre>"


def page(name: Path, body: str) -> str:
    """The page of a file."""
    up = os.path.relpath(".", name.parent)
    entries = ((f"{up}/{site_link(target)}", word) for target, word in MENU.items())
    menu = " ".join(f'<a href="{link}">{escape(word)}</a>' for link, word in entries)
    lang = "ko" if ".ko" in name.suffixes else "en"
    style = STYLE + OWN_STYLE
    return PAGE.format(lang=lang, title=escape(name.name), style=style, menu=menu, body=body)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
