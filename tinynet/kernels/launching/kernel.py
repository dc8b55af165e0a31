"""A kernel: its CUDA text, its NumPy twin, and how it is launched.

What it takes is read from its `.cu` text, so that it is written once.
"""

import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tinynet.kernels.launching.geometry import Dimensions, Shape

FOLDER = Path(__file__).parents[1]  # where the .cu files are


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel: `const REAL* x` is ("x", "REAL", is_pointer, is_const)."""

    name: str
    ctype: str
    is_pointer: bool
    is_const: bool

    def dtype(self, real: np.dtype) -> np.dtype:
        """The NumPy type of the scalar, or of the pointer's elements; `real` is what REAL means."""
        return np.dtype(real) if self.ctype == "REAL" else np.dtype(_DTYPES[self.ctype])


_DTYPES = {
    "int": np.int32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "unsigned char": np.uint8,
    "float": np.float32,
    "double": np.float64,
}


def signature(text: str, name: str) -> list[Parameter]:
    """The parameters of `extern "C" __global__ void name(...)` in the CUDA source `text`.

    Raises ValueError when there is no such kernel, or a parameter is of a type that the launch
    does not know.
    """
    found = re.search(rf'extern "C" __global__ void {re.escape(name)}\(([^)]*)\)', text)
    if found is None:
        raise ValueError(f"there is no kernel {name} in this source")
    return [_parameter(declaration, name) for declaration in found.group(1).split(",")]


def _parameter(declaration: str, kernel: str) -> Parameter:
    words = declaration.replace("*", " * ").split()
    name = words.pop()
    is_const = words[:1] == ["const"]
    is_pointer = words[-1:] == ["*"]
    ctype = " ".join(words[is_const : len(words) - is_pointer])
    if ctype != "REAL" and ctype not in _DTYPES:
        known = ", ".join(["REAL", *_DTYPES])
        raise ValueError(f"{kernel}: {name} is of type {ctype!r}; the launch knows {known}")
    return Parameter(name, ctype, is_pointer, is_const)


class Kernel:
    """A kernel with its twin: one of tinynet/kernels, or of the gym.

    twin    the function that does the same in NumPy, with the same arguments in the same order;
            the .cu file lies beside its module, and has its name
    shape   gives (grid, block) from the values of the scalar arguments, by name
    name    that of the twin, unless several kernels have one twin
    """

    def __init__(self, twin, shape: Shape, name: str | None = None):
        self.twin, self.shape = twin, shape
        self.name = name or twin.__name__
        self.path = Path(inspect.getfile(twin)).with_suffix(".cu")
        self.file = self.path.name

    @cached_property
    def source(self) -> str:
        """The text of its file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it takes, in order."""
        return tuple(signature(self.source, f"{self.name}_kernel"))

    def in_other_words(self, text: str, file: str) -> "Kernel":
        """What is to do the same and is launched in the same way, from the text of another file."""
        other = Kernel(self.twin, self.shape, self.name)
        other.source, other.path, other.file = text, Path(file), file
        return other

    def launch_shape(self, args: tuple) -> tuple[Dimensions, Dimensions]:
        """(grid, block) of a launch with these arguments."""
        return self.shape({p.name: value for p, value in zip(self.parameters, args)})

    def cast(self, args: tuple, real: np.dtype) -> tuple:
        """Checked arguments as a launch passes them: each number of its exact C type."""
        return tuple(
            argument if p.is_pointer else p.dtype(real).type(argument)
            for p, argument in zip(self.parameters, args)
        )
