"""A page from its template: text, data and words are put in, so that they stay text and data."""

import json
import re
from html import escape
from pathlib import Path

from tinynet.files.whole_file import whole_file

_WEB = Path(__file__).with_name("web")
STYLE = (_WEB / "base.css").read_text(encoding="utf-8")
SCRIPT = (_WEB / "base.js").read_text(encoding="utf-8")


def filled(template: str, values: dict[str, str]) -> str:
    """A template with {{key}} replaced, once: what is put in is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def in_script(value: object) -> str:
    """JSON that may stand in a script element: "</script>" in a name does not end it.

    Half a letter, such as Python makes of a byte that is no UTF-8, can be written.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def escaped(words: dict[str, str]) -> dict[str, str]:
    """Words as they may stand in HTML."""
    return {key: escape(word) for key, word in words.items()}


def texts(folder: Path, names: tuple[str, ...]) -> list[str]:
    """The text files of these names in a folder."""
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def write(path: Path, html: str) -> None:
    """Write a page, whole or not at all; OSError if it cannot be."""
    with whole_file(path) as file:
        file.write(html.encode())
