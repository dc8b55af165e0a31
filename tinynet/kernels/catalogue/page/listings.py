"""CUDA and Python text as HTML: a line to an element, with comments and keywords in colours."""

import re
import textwrap
from html import escape

_CUDA = (
    "auto bool break case char const constexpr continue default do double else extern float for if "
    "inline int long return short signed sizeof static struct switch template typename unsigned "
    "using void volatile while REAL true false nullptr __global__ __device__ __shared__ "
    "__constant__ __restrict__ __forceinline__ __noinline__ __syncthreads __syncwarp "
    "__launch_bounds__ half"
)
_PYTHON = (
    "and as assert break class continue def del elif else except finally for from global if import "
    "in is lambda not or pass raise return try while with yield None True False"
)
_WORDS = {"cuda": set(_CUDA.split()), "python": set(_PYTHON.split())}
_TOKENS = {
    "cuda": re.compile(r"(?P<comment>//.*|/\*.*?\*/)|(?P<string>\"[^\"\n]*\")|(?P<word>#?\w+)"),
    "python": re.compile(
        r"(?P<comment>#.*)|(?P<string>\"\"\".*|\"[^\"\n]*\"|'[^'\n]*')|(?P<word>\w+)"
    ),
}


def lines(text: str, language: str) -> list[str]:
    """Each line of `text`, "cuda" or "python", as HTML."""
    found, within = [], False
    for line in text.split("\n"):
        if language == "python" and (within or line.count('"""') == 1):
            within ^= line.count('"""') == 1  # a docstring of several lines
            found.append(f"<i>{escape(line)}</i>")
        else:
            found.append(_coloured(line, language))
    return found


def _coloured(line: str, language: str) -> str:
    parts, end = [], 0
    for match in _TOKENS[language].finditer(line):
        parts.append(escape(line[end : match.start()]))
        parts.append(_token(match, language))
        end = match.end()
    return "".join([*parts, escape(line[end:])])


def _token(match: re.Match, language: str) -> str:
    text = escape(match[0])
    if match.lastgroup == "comment":
        return f"<i>{text}</i>"
    if match.lastgroup == "string":
        return f"<s>{text}</s>"
    if match[0] in _WORDS[language] or match[0].startswith("#"):
        return f"<b>{text}</b>"
    return text


def prose(comment: list[str]) -> str:
    """A header's comment as HTML: paragraphs, and what is set in by spaces as it stands."""
    html, paragraph, block = [], [], []

    def close() -> None:
        if paragraph:
            html.append(f"<p>{' '.join(map(escape, paragraph))}</p>")
        if block:
            text = textwrap.dedent("\n".join(block))
            html.append(f"<pre>{escape(text)}</pre>")
        paragraph.clear()
        block.clear()

    for line in comment:
        text = line.removeprefix("//").removeprefix(" ")
        if not text.strip():
            close()
        elif text.startswith("  "):
            if paragraph:
                close()
            block.append(text)
        else:
            if block:
                close()
            paragraph.append(text)
    close()
    return "".join(html)
