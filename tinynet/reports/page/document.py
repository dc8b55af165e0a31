"""The page from its parts: data for the scripts, text for the template."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tinynet.pages import template
from tinynet.reports.page.words import WORDS

WEB = Path(__file__).with_name("web")
SCRIPTS = (
    *(
        "elements.js",
        "curves.js",
        "pictures.js",
        "forward.js",
        "maps.js",
        "explain.js",
        "sheets.js",
    ),
    "live.js",
    "page.js",
)
MOST = 5_000_000  # bytes of a page


@dataclass
class Parts:
    """What there is to show, by section, and why a section has nothing to show.

    `weights`: the arrays of the section "live", as letters.
    """

    shown: dict = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    weights: str = ""


def page(title: str, run: str, parts: Parts, lang: str) -> str:
    """The page's HTML; it needs no other file. `title`: what was trained; `run`: where."""
    words = WORDS[lang]
    recorded = {"words": words, "missing": parts.missing, **parts.shown}
    (html,) = template.texts(WEB, ("report.html",))
    return template.filled(
        html,
        template.escaped(words)
        | {
            "lang": lang,
            "heading": escape(title),
            "run": escape(run),
            "style": template.STYLE + "".join(template.texts(WEB, ("style.css",))),
            "recorded": template.in_script(recorded),
            "weights": parts.weights,
            "script": "\n".join([template.SCRIPT, *template.texts(WEB, SCRIPTS)]),
        },
    )
