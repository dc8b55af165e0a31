"""Where in which file a place of a .cu text is, as its `#line` directives have it."""

import re
from bisect import bisect_right

UNNAMED = "kernel.cu"  # what messages call a text without a #line of its own

_LINE = re.compile(r'^[ \t]*#[ \t]*line[ \t]+(\d+)(?:[ \t]+"([^"\n]*)")?[^\n]*$', re.MULTILINE)


def symbol(name: str) -> str:
    """A name of C++ as the library's symbols can have it: "k<float>" is k_3c_float_3e_."""
    return re.sub(r"\W", lambda match: f"_{ord(match[0]):x}_", name)


def line_directive(file: str, line: int) -> str:
    return f'#line {line} "{file}"'


class Positions:
    """Turns an offset in the text into (file, line)."""

    def __init__(self, code: str):
        self.code = code
        self.starts = [0]  # offsets from which a file and a first line hold
        self.files = [(UNNAMED, 1)]
        for match in _LINE.finditer(code):
            self.starts.append(match.end() + 1)
            self.files.append((match[2] or self.files[-1][0], int(match[1])))

    @property
    def all(self) -> frozenset[str]:
        return frozenset(file for file, _ in self.files)

    def of(self, offset: int) -> tuple[str, int]:
        at = bisect_right(self.starts, offset) - 1
        file, first = self.files[at]
        return file, first + self.code.count("\n", self.starts[at], offset)
