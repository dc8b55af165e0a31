"""The words and marks of a .cu text, and the brackets among them."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
      (?P<space>    \s+ | //[^\n]* | /\*.*?\*/ )
    | (?P<directive> \#(?:[^\n\\]|\\.)* )
    | (?P<string>   R"(?P<fence>[^()\\\s]*)\(.*?\)(?P=fence)" | "(?:[^"\\\n]|\\.)*"
                    | '(?:[^'\\\n]|\\.)*' )
    | (?P<word>     [A-Za-z_]\w* )
    | (?P<number>   \.?\d(?:[eEpP][+-]|'\w|[\w.])* )
    | (?P<mark>     :: | -> | . )
    """,
    re.VERBOSE | re.DOTALL,
)
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    kind: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def tokens(code: str) -> list[Token]:
    """The tokens of a text, without spaces, comments and preprocessor directives."""
    found = []
    for match in TOKEN.finditer(code):
        if match.lastgroup not in ("space", "directive"):
            kind = "string" if match.lastgroup == "fence" else match.lastgroup
            found.append(Token(match[0], match.start(), kind))
    return found


def without_comments(code: str) -> str:
    """The code with spaces in place of comments, so that all else keeps its position."""

    def blank(match: re.Match) -> str:
        comment = match.lastgroup == "space" and match[0].startswith("/")
        return re.sub(r"[^\n]", " ", match[0]) if comment else match[0]

    return TOKEN.sub(blank, code)


def closing(some: list[Token] | tuple[Token, ...], at: int) -> int:
    """The place of the bracket that closes the one at `at`, or of the last token."""
    depth = 0
    for place in range(at, len(some)):
        text = some[place].text
        depth += (text in PAIRS) - (text in PAIRS.values())
        if depth == 0:
            return place
    return len(some) - 1


def angle(some: list[Token], at: int) -> int:
    """The place of the > that closes the < at `at`; what is in other brackets does not count."""
    depth = 0
    while at < len(some):
        text = some[at].text
        if text in PAIRS:
            at = closing(some, at)
        depth += (text == "<") - (text == ">")
        if depth == 0:
            return at
        at += 1
    return at - 1


def split(some: list[Token] | tuple[Token, ...]) -> list[list[Token]]:
    """Apart at the commas that lie in no bracket."""
    parts, at, part = [], 0, []
    while at < len(some):
        if some[at].text == ",":
            parts, part = [*parts, part], []
        else:
            first = at
            if some[at].text in PAIRS:
                at = closing(some, at)
            elif some[at].text == "<":
                at = angle(some, at)
            part = [*part, *some[first : at + 1]]
        at += 1
    return [part for part in [*parts, part] if part]


def outline(some: list[Token] | tuple[Token, ...]) -> list[Token]:
    """The tokens without what stands in brackets."""
    kept, at = [], 0
    while at < len(some):
        kept.append(some[at])
        if some[at].text in PAIRS and (some[at].text != "(" or some[at + 1].text != "*"):
            at = closing(some, at)
            kept.append(some[at])
        at += 1
    return kept


def spelled(some: list[Token] | tuple[Token, ...]) -> str:
    """The tokens as one would write them: words apart, marks close, commas with a space."""
    text = ""
    for token in some:
        apart = text[-1:].isalnum() or text[-1:] in ("_", ",", "=", "*", "&", ">")
        wordy = token.kind in ("word", "number", "string")
        text += (" " if apart and (wordy or token.text == "=") else "") + token.text
    return text
