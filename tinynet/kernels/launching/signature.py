"""What a kernel takes, read from its `.cu` text, so that it is written once."""

import re
from dataclasses import dataclass

import numpy as np


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
