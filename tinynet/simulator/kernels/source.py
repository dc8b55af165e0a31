"""Reads a .cu text as far as the simulator needs: its kernels, their parameters, and `#line`.

Types are not read here: the compiler deduces them (see entry.h). All that is read is names and
lines, for messages, and what a macro cannot translate: the declarations of shared memory.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

from tinynet.simulator.errors import KernelError

UNNAMED = "kernel.cu"  # what messages call a text without a #line of its own

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_LINE = re.compile(r'^[ \t]*#[ \t]*line[ \t]+(\d+)(?:[ \t]+"([^"\n]*)")?[^\n]*$', re.MULTILINE)
_BOUNDS = r"(?:__launch_bounds__\s*\([^()]*\)\s*)?"
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(")
_EXTERN_C = re.compile(r'extern\s+"C"\s*$')
_EXTERN_C_BLOCK = re.compile(r'extern\s+"C"\s*\{')
_SHARED = re.compile(r"((?:(?:extern|static|volatile)\s+)*)__shared__\s+([^;]*);")
_ALIGNMENT = re.compile(r"(?:__align__|alignas)\s*\(\s*\d+\s*\)")
_DECLARATOR = re.compile(r"(.*?)\b(\w+)\s*((?:\[[^\]]*\]\s*)*)$", re.DOTALL)

# A shared variable lies between two red zones: one step past its end there is no other variable.
RED_ZONE = 256
PADDED = "sim_padded_"  # precedes its name in the library, where library.py finds it


@dataclass(frozen=True)
class Parameter:
    name: str
    line: int


@dataclass(frozen=True)
class KernelText:
    """A kernel as its text has it: where it is, and what its parameters are called."""

    name: str
    file: str
    line: int
    parameters: tuple[Parameter, ...]
    extern_c: bool


def kernels(code: str) -> dict[str, KernelText]:
    """The kernels of a .cu text by name, with lines as its `#line` directives count them."""
    code = _blank(_DEFINE, _blank(_COMMENT, code))
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
    code = _blank(_COMMENT, code)
    position = _Positions(code)
    code = _SHARED.sub(lambda match: _shared_memory(match, position), code)
    entries = "".join(f"SIM_KERNEL({name})\n" for name in names)
    return f'#line 1 "{UNNAMED}"\n{code}\n#line 1 "entries"\n#include "entry.h"\n{entries}'


def _shared_memory(match: re.Match, position: "_Positions") -> str:
    """A declaration of shared memory in C++, on the same line.

    float a[4], b; becomes two static variables, each between red zones, and references to them;
    extern float cells[]; becomes a pointer to what the launch has asked for.
    """
    before, declaration = match[1].split(), _ALIGNMENT.sub("", match[2])
    declarators = [_DECLARATOR.match(part.strip()) for part in declaration.split(",")]
    type_ = declarators[0][1].strip() if declarators[0] else ""
    if not type_ or not all(declarators) or any(part[1] for part in declarators[1:]):
        reason = f"the simulator cannot read this declaration: {match[0]}"
        raise KernelError("compile", reason, *position.of(match.start()))
    if "volatile" in before:
        type_ = f"volatile {type_}"
    if "extern" in before:
        name = declarators[0][2]
        text = f"{type_}* {name} = ({type_}*)sim::launch.dynamic_shared;"
    else:
        text = "".join(_with_red_zones(type_, part[2], part[3]) for part in declarators)
    return text + "\n" * match[0].count("\n")


def _with_red_zones(type_: str, name: str, dimensions: str) -> str:
    return (
        f"alignas(16) __attribute__((used)) static struct {{ char before[{RED_ZONE}]; "
        f"{type_} inside{dimensions}; char after[{RED_ZONE}]; }} {PADDED}{name}; "
        f"auto& {name} = {PADDED}{name}.inside; "
    )


def _blank(pattern: re.Pattern, code: str) -> str:
    """The code with spaces in place of what matches, so that all else keeps its position."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), code)


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
