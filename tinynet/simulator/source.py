"""Reads a .cu text as far as the simulator needs: its kernels, their parameters, and `#line`.

Types are not read here: the compiler deduces them (see entry.h). Here are only names and lines, for
messages, and the one form of CUDA that a macro cannot translate: `extern __shared__ T name[];`.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

UNNAMED = "kernel.cu"  # what messages call a text without a #line of its own

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_LINE = re.compile(r'^[ \t]*#[ \t]*line[ \t]+(\d+)(?:[ \t]+"([^"\n]*)")?[^\n]*$', re.MULTILINE)
_BOUNDS = r"(?:__launch_bounds__\s*\([^()]*\)\s*)?"
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(")
_EXTERN_C = re.compile(r'extern\s+"C"\s*$')
_EXTERN_C_BLOCK = re.compile(r'extern\s+"C"\s*\{')
_DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\(\s*\d+\s*\)\s*)?"
    r"([\w \t]+?)\s*\b(\w+)\s*\[\s*\]\s*;"
)


@dataclass(frozen=True)
class Parameter:
    name: str
    line: int


@dataclass(frozen=True)
class KernelText:
    """A kernel as its text says: where it is, and what its parameters are called."""

    name: str
    file: str
    line: int
    parameters: tuple[Parameter, ...]
    extern_c: bool


def kernels(code: str) -> dict[str, KernelText]:
    """The kernels of a .cu text by name, with lines as its `#line` directives count them."""
    code = _blank_comments(code)
    position = _Positions(code)
    in_block = bool(_EXTERN_C_BLOCK.search(code))
    found = {}
    for match in _KERNEL.finditer(code):
        file, line = position.of(match.start())
        extern_c = in_block or bool(_EXTERN_C.search(code, 0, match.start()))
        parameters = tuple(
            Parameter(name, position.of(offset)[1]) for name, offset in _names(code, match.end())
        )
        found[match[1]] = KernelText(match[1], file, line, parameters, extern_c)
    return found


def to_cpp(code: str) -> str:
    """The C++ text to compile: the .cu text itself, plus an entry for each of its kernels."""
    names = kernels(code)
    code = _DYNAMIC_SHARED.sub(r"\1* \2 = (\1*)sim::launch.dynamic_shared;", code)
    entries = "".join(f"SIM_KERNEL({name})\n" for name in names)
    return f'#include "cuda.h"\n#line 1 "{UNNAMED}"\n{code}\n#include "entry.h"\n{entries}'


def _blank_comments(code: str) -> str:
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), code)


def _names(code: str, start: int) -> list[tuple[str, int]]:
    """(name, offset) of each parameter of the list that begins at `start`, after its bracket."""
    depth, end = 1, start
    while depth and end < len(code):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        end += 1
    found, offset = [], start
    for part in code[start : end - 1].split(","):
        words = list(re.finditer(r"\w+", part))
        if words:
            found.append((words[-1][0], offset + words[-1].start()))
        offset += len(part) + 1
    return found


class _Positions:
    """Turns an offset in the text into (file, line)."""

    def __init__(self, code: str):
        self.code = code
        self.starts = [0]  # offsets from which a file and a first line hold
        self.files = [(UNNAMED, 1)]
        for match in _LINE.finditer(code):
            self.starts.append(match.end() + 1)
            self.files.append((match[2] or self.files[-1][0], int(match[1])))

    def of(self, offset: int) -> tuple[str, int]:
        at = bisect_right(self.starts, offset) - 1
        file, first = self.files[at]
        return file, first + self.code.count("\n", self.starts[at], offset)
