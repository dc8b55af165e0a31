"""Every link of every page leads somewhere, in the project and in the site that is built of it."""

import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import unquote

import pytest
from imports import ROOT

SITE = ROOT / "docs" / "site"
PAGES = sorted(
    path
    for folder in (ROOT, *(ROOT / name for name in ("docs", "benchmarks", "tests", "tinynet")))
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)


@pytest.fixture(scope="module")
def links():
    """docs/site/links.py as a module."""
    spec = spec_from_file_location("links", SITE / "links.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page, links):
    found = links.links(page.read_text(encoding="utf-8"))
    assert [problem for link in found if (problem := links.problem(page, link))] == []


def test_the_readme_has_links_to_check(links):
    assert len(links.links((ROOT / "README.md").read_text(encoding="utf-8"))) > 50


def test_links_are_read_as_markdown_has_them(links):
    text = "[a](b.md) ![c \\[d\\]](e.png) [![f](g.png)](h.html) `[no](no)` [i](https://j.k)\n"
    text += "```\n[no](no)\n```\n[kernels/\\_\\_main\\_\\_.py](l.py#L2)\n"
    assert {*links.links(text)} >= {"b.md", "h.html", "l.py#L2"}
    assert not {"no", "https://j.k"} & {*links.links(text)}


def test_headings_are_named_as_on_github(links):
    text = '# A b, c!\n## `x_y` & [z](w.md)\n## A b, c!\n```\n# no\n```\n<a id="here"></a>\n'
    assert links.anchors(text) == {"a-b-c", "x_y--z", "a-b-c-1", "here"}


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("a.md", None),
        ("a.md#one", None),
        ("#two", None),
        ("b.py#L2-L3", None),
        ("c.md", "no such file"),
        ("a.md#two", "no such heading"),
        ("b.py#L4", "fewer lines"),
        ("#one", "no such heading"),
    ],
)
def test_what_leads_nowhere_is_told(link, told, links, tmp_path):
    (tmp_path / "a.md").write_text("# One\n")
    (tmp_path / "b.py").write_text("1\n2\n3\n")
    page = tmp_path / "page.md"
    page.write_text("# Two\n")
    problem = links.problem(page, link)
    assert problem is None if told is None else told in problem


class Read(HTMLParser):
    """The links of a page of HTML, and what can be linked in it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and tag in ("a", "img"):
                self.links.append(value)
            elif name in ("id", "name"):
                self.names.add(value)


def test_the_site_is_built_and_every_link_in_it_leads_somewhere(tmp_path):
    for package in ("pdoc", "markdown_it"):
        pytest.importorskip(package)
    build = [sys.executable, "-W", "error::UserWarning", SITE / "build.py", tmp_path]
    result = subprocess.run(build, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    read = {path: Read(path.read_text(encoding="utf-8")) for path in tmp_path.rglob("*.html")}
    for name in ("index", "docs/tour", "docs/ladder", "docs/kernels/conv", "api/tinynet/nn"):
        assert tmp_path / f"{name}.html" in read
    wrong = []
    for path, page in read.items():
        for link in page.links:
            if ":" in link.partition("/")[0]:  # another site, or data
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            known = target.exists() and (target not in read or not anchor)
            if not known and anchor not in getattr(read.get(target), "names", ()):
                wrong.append(f"{path.relative_to(tmp_path)}: {link}")
    assert wrong == []
    assert "conv2d" in (tmp_path / "api" / "tinynet" / "functional.html").read_text()
    assert Path(tmp_path / "index.html").read_text() == (tmp_path / "README.html").read_text()
