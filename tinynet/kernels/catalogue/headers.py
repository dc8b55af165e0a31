"""What a `.cu` file's comments say about its kernels: the formula, and the shape of each array.

The file's header is the comment at its top, a kernel's header the comment right above it. What is
read by machine has a fixed form there, so that it is written once:

    // Local response normalization across channels (AlexNet, sec. 3.3):      the title
    //
    //     y[i] = x[i] * scale[i]^-beta         the file's formula: its first lines indented by 4

    // relu_backward:  dx = dy where y > 0      a kernel's own formula goes before the file's
    //   dx (out), dy, y  (size,)               arrays, (out) or (in, out) where written to; a shape
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from math import prod

from tinynet.kernels import KERNELS

_ARRAY = r"\w+(?: \((?:in, )?out\))?"
_ARRAYS = re.compile(rf"  ({_ARRAY}(?:, {_ARRAY})*) +\(([^()]*)\)")
_ASSIGNED = re.compile(r"(\w+)(?:\[[^\]]*\])? +\+?= ")


@dataclass(frozen=True)
class Array:
    """An array argument: `role` is "in", "out" or "in, out", `shape` in names of scalars."""

    name: str
    role: str
    shape: tuple[str, ...]

    def sizes(self, scalars: dict) -> tuple[int, ...]:
        """The shape in numbers: ("c*kh*kw", "oh*ow") for these values of c, kh, kw, oh and ow."""
        return tuple(prod(scalars[name] for name in size.split("*")) for size in self.shape)


def title(kernel: str) -> str:
    """The first sentence of the kernel's file."""
    paragraph = " ".join(takewhile(lambda line: line and line[0] != " ", _file_header(kernel)))
    return re.match(r"(.+?)(?:\.(?= [A-Z])|[.:]$)", paragraph)[1]


def formula(kernel: str) -> list[str]:
    """The lines of the formula: from the kernel's own header, else from the top of its file."""
    return _own_formula(kernel) or _formula_of_file(kernel)


@cache
def arrays(kernel: str) -> tuple[Array, ...]:
    """The array arguments in order. ValueError if the headers do not give the shape of one."""
    found = {}
    for line in [*_file_header(kernel), *_kernel_header(kernel)]:
        if match := _ARRAYS.match(line):
            shape = tuple(size.strip() for size in match[2].split(",") if size.strip())
            for name, role in re.findall(r"(\w+)(?: \(((?:in, )?out)\))?", match[1]):
                found[name] = Array(name, role or "in", shape)
    names = [parameter.name for parameter in KERNELS[kernel].parameters if parameter.is_pointer]
    for name in names:
        if name not in found:
            file = KERNELS[kernel].file
            raise ValueError(f"{file}: the header of {kernel} gives no shape for {name}")
    return tuple(found[name] for name in names)


def extent(kernel: str) -> tuple[int, int]:
    """The lines, from 1, where the kernel's header begins and its body ends."""
    lines = KERNELS[kernel].source.splitlines()
    declared = _declaration(kernel)
    first = declared
    while first > 1 and lines[first - 2].startswith("//"):
        first -= 1
    return first, lines.index("}", declared) + 1


def _own_formula(kernel: str) -> list[str]:
    header = _kernel_header(kernel)
    found = re.match(rf"{kernel}: *", header[0]) if header else None
    if found is None:
        return []
    column = found.end()
    lines = [" " * column + header[0][column:]]
    lines += takewhile(lambda line: not _ARRAYS.match(line), header[1:])
    text, *_ = "\n".join(line[:column].lstrip() + line[column:] for line in lines).split(
        "Derivation"
    )
    return text.strip().splitlines()


def _formula_of_file(kernel: str) -> list[str]:
    """Splits several formulas on a line, and leaves out those of the file's other kernels."""
    header = _file_header(kernel)
    start = next(i for i, line in enumerate(header) if line.startswith("    "))
    block = takewhile(lambda line: line.startswith("    "), header[start:])
    of_others = {
        parameter.name
        for other, its in KERNELS.items()
        if its.file == KERNELS[kernel].file
        for parameter in KERNELS[other].parameters
    } - {parameter.name for parameter in KERNELS[kernel].parameters}
    lines = []
    for line in block:
        indent = line[4 : len(line) - len(line.lstrip())]
        for part in re.split(r" {3,}(?![ =])", line.strip()):
            assigned = _ASSIGNED.match(part)
            if assigned is None or assigned[1] not in of_others:
                lines.append(indent + part)
    return lines


def _kernel_header(kernel: str) -> list[str]:
    first, _ = extent(kernel)
    return _texts(KERNELS[kernel].source.splitlines()[first - 1 : _declaration(kernel) - 1])


def _file_header(kernel: str) -> list[str]:
    return _texts(
        takewhile(lambda line: line.startswith("//"), KERNELS[kernel].source.splitlines())
    )


def _declaration(kernel: str) -> int:
    start = KERNELS[kernel].source.index(f'extern "C" __global__ void {kernel}_kernel(')
    return KERNELS[kernel].source.count("\n", 0, start) + 1


def _texts(lines: Iterable[str]) -> list[str]:
    return [line.removeprefix("//").removeprefix(" ") for line in lines]
