"""What a `.cu` file's comments say about its kernels: they are shown as they stand in the file.

The file's header is the comment at its top, a kernel's header the comment right above it. One thing
in them is read by machine, and so is written once: the shape of each array.

    // Local response normalization across channels (AlexNet, sec. 3.3):      the title
    //
    //     y[i] = x[i] * scale[i]^-beta         the formula, up to the next empty line
    //

    // relu_backward:  dx = dy where y > 0      what differs from the file's formula
    //   dx (out), dy, y  (size,)               arrays, (out) or (in, out) where written to; a shape
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from math import prod

from tinynet.kernels.launching.kernel import Kernel

_ARRAY = r"\w+(?: \((?:in, )?out\))?"
_ARRAYS = re.compile(rf"//   ({_ARRAY}(?:, {_ARRAY})*) +\(([^()]*)\)")


@dataclass(frozen=True)
class Array:
    """An array argument: `role` is "in", "out" or "in, out", `shape` in names of scalars."""

    name: str
    role: str
    shape: tuple[str, ...]

    def sizes(self, scalars: dict) -> tuple[int, ...]:
        """The shape in numbers: ("c*kh*kw", "oh*ow") for these values of c, kh, kw, oh and ow."""
        return tuple(prod(scalars[name] for name in size.split("*")) for size in self.shape)


def opening(kernel: Kernel) -> list[str]:
    """The first two paragraphs of the file's header, as they stand: a title, and its formula."""
    lines = _file_header(kernel)
    ends = [i for i, line in enumerate(lines) if line == "//"]
    return lines[: [*ends, len(lines), len(lines)][1]]


def header(kernel: Kernel) -> list[str]:
    """The comment right above the kernel, as it stands."""
    first, _ = extent(kernel)
    return kernel.source.splitlines()[first - 1 : _declaration(kernel) - 1]


@cache
def arrays(kernel: Kernel) -> tuple[Array, ...]:
    """The array arguments in order. ValueError if the headers do not give the shape of one."""
    found = {}
    for line in [*_file_header(kernel), *header(kernel)]:
        if match := _ARRAYS.match(line):
            shape = tuple(size.strip() for size in match[2].split(",") if size.strip())
            for name, role in re.findall(r"(\w+)(?: \(((?:in, )?out)\))?", match[1]):
                found[name] = Array(name, role or "in", shape)
    names = [parameter.name for parameter in kernel.parameters if parameter.is_pointer]
    for name in names:
        if name not in found:
            raise ValueError(
                f"{kernel.file}: the header of {kernel.name} gives no shape for {name}"
            )
    return tuple(found[name] for name in names)


def extent(kernel: Kernel) -> tuple[int, int]:
    """The lines, from 1, where the kernel's header begins and its body ends."""
    lines = kernel.source.splitlines()
    declared = _declaration(kernel)
    first = declared
    while first > 1 and lines[first - 2].startswith("//"):
        first -= 1
    return first, lines.index("}", declared) + 1


def _file_header(kernel: Kernel) -> list[str]:
    return list(takewhile(lambda line: line.startswith("//"), kernel.source.splitlines()))


def _declaration(kernel: Kernel) -> int:
    start = kernel.source.index(f'extern "C" __global__ void {kernel.name}_kernel(')
    return kernel.source.count("\n", 0, start) + 1
