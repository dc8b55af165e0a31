"""The page as one HTML file, and the index of a folder of pages; both written whole."""

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tinynet.kernels.catalogue.page import listings
from tinynet.kernels.catalogue.page.story import MOST_DRAWN, Rows, Shown, story
from tinynet.kernels.catalogue.page.words import WORDS
from tinynet.pages import template

WEB = Path(__file__).with_name("web")
SCRIPTS = (
    *("story.js", "pictures.js", "memories.js", "warp.js", "listing.js", "counts.js"),
    "page.js",
)


@dataclass(frozen=True)
class Beside:
    """Python text beside the kernel's: the key of its heading in WORDS, and the text."""

    heading: str
    text: str


@dataclass(frozen=True)
class Text:
    """What the page is about: a .cu text, by file, a title, and what stands beside it.

    texts     the lines of the file, and of those that it includes, by their names
    header    the comment at its top, as it stands; opening: what of that leads the page
    """

    title: str
    texts: dict[str, list[str]]
    header: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()

    @property
    def file(self) -> str:
        return next(iter(self.texts))


@dataclass(frozen=True)
class Card:
    """An entry of the index: a .cu file's title, kernels and opening; the link, or None."""

    title: str
    kernels: tuple[str, ...]
    opening: tuple[str, ...]
    link: str | None


def write_page(path: Path, text: Text, launches: list[Shown], lang: str = "en") -> None:
    """Write the page of these launches, all of kernels of `text`; OSError if it cannot be."""
    template.write(path, page(text, launches, lang))


def page(text: Text, launches: list[Shown], lang: str = "en") -> str:
    """The page's HTML; it needs no other file."""
    words = WORDS[lang]
    recorded = {
        "launches": [story(launch, Rows(text.texts), lang) for launch in launches],
        "words": words,
        "most_drawn": MOST_DRAWN,
    }
    return _filled(
        "page.html",
        template.escaped(words)
        | {
            "lang": lang,
            "keys": words["keys"],  # has elements of its own
            "title": escape(text.title),
            "file": escape(text.file),
            "style": _style(),
            "lead": _lead(text),
            "prose": _prose(text, launches),
            "twin": _beside(text, words),
            "listing": _listing(text.texts),
            "recorded": template.in_script(recorded),
            "script": "\n".join(script()),
        },
    )


def script() -> list[str]:
    """The scripts of the page, in their order."""
    return [template.SCRIPT, *template.texts(WEB, SCRIPTS)]


def _style() -> str:
    return template.STYLE + _web("style.css")


def index(cards: list[Card], lang: str = "en") -> str:
    """The HTML of an index of pages that lie in the same folder."""
    words = template.escaped(WORDS[lang])
    entries = "\n".join(_card(card, words) for card in cards)
    fill = words | {"lang": lang, "style": _style(), "cards": entries}
    return _filled("index.html", fill)


def _card(card: Card, words: dict[str, str]) -> str:
    title = escape(card.title)
    heading = f'<a href="{escape(card.link)}">{title}</a>' if card.link else title
    command = f"python -m tinynet.kernels {card.title} --page {card.title}.html"
    make = "" if card.link else f"<p>{words['index_make']} <code>{escape(command)}</code></p>"
    kernels = ", ".join(map(escape, card.kernels))
    prose = _lead(Text(card.title, {}, opening=card.opening))
    return f'<li class="card"><h2>{heading}</h2><p class="of">{kernels}</p>{prose}{make}</li>'


def _lead(text: Text) -> str:
    """What the page begins with: the title, and the formulas of the opening."""
    html = listings.prose(list(text.opening))
    title, formulas = re.search("<p>.*?</p>", html), re.findall("<pre>.*?</pre>", html, re.S)
    return f"{title[0] if title else ''}<div>{''.join(formulas)}</div>"


def _prose(text: Text, launches: list[Shown]) -> str:
    """What the comments say; of the kernels' own, one is shown at a time."""
    parts = [listings.prose(list(text.header))]
    for number, launch in enumerate(launches):
        about = listings.prose(list(launch.about))
        parts.append(f'<div class="about" data-launch="{number}">{about}</div>')
    return "".join(parts)


def _beside(text: Text, words: dict[str, str]) -> str:
    parts = []
    for beside in text.beside:
        lines = "".join(f"<div>{line}\n</div>" for line in listings.lines(beside.text, "python"))
        heading = escape(words[beside.heading])
        parts.append(f'<div class="twin"><h2>{heading}</h2><pre tabindex="0">{lines}</pre></div>')
    return f'<div class="beside">{"".join(parts)}</div>' if parts else ""


def _listing(texts: dict[str, list[str]]) -> str:
    """A row for each line; where an included file begins, its name in place of the number."""
    rows = []
    for file, lines in texts.items():
        for number, html in enumerate(listings.lines("\n".join(lines), "cuda"), 1):
            rows.append(
                f'<div class="row" id="L{len(rows) + 1}" title="{escape(file)}">'
                f'<span class="number">{number}</span>'
                '<span class="lanes"></span><span class="read"></span><span class="write"></span>'
                f'<code class="text">{html}</code></div>'
            )
    return "\n".join(rows)


def _filled(name: str, values: dict[str, str]) -> str:
    return template.filled(_web(name), values)


def _web(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
