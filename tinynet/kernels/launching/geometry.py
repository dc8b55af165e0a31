"""How each kernel is launched: its file, its C signature, its grid and its blocks.

The signature is read from the `.cu` text, so it is written once: the launch casts its arguments to
it, and the tests compare it with the NumPy twin's. The shapes of the launches are in the table
`KERNELS`:

    elements("n", "c", "h", "w")   one thread for each of n*c*h*w elements, 256 threads per block
    rows("n")                      one block of 256 threads for each of n rows
    tiles(...)                     a two-dimensional grid over a matrix

The kernels of the first two loop over their elements in steps of the grid (a "grid-stride loop"),
so any grid gives the same result; more than 4096 blocks (a million threads) would only wait for
their turn.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1]  # where the .cu files are

Dimensions = tuple[int, ...]

THREADS = 256
MOST_BLOCKS = 4096
# The kernels' indices are C ints. A grid-stride loop runs past the end by up to one grid.
MOST_ELEMENTS = 2**31 - MOST_BLOCKS * THREADS


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


Shape = Callable[[Mapping[str, int]], tuple[Dimensions, Dimensions]]


@dataclass(frozen=True)
class Kernel:
    """Where a kernel is and how it is launched: `shape(sizes)` gives (grid, block)."""

    file: str
    shape: Shape


def elements(*names: str) -> Shape:
    """One thread for each element of an array whose sizes have these names."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        total = prod(int(sizes[name]) for name in names)
        return (min(max(-(-total // THREADS), 1), MOST_BLOCKS),), (THREADS,)

    return shape


def rows(name: str) -> Shape:
    """One block for each row; the threads of a block reduce it together."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        return (min(max(int(sizes[name]), 1), MOST_BLOCKS),), (THREADS,)

    return shape


def tiles(tile: tuple[int, int], block: tuple[int, int]) -> Shape:
    """One block for each tile (rows, columns) of the matrix c (m, n)."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        tile_rows, tile_columns = tile
        grid = (-(-int(sizes["n"]) // tile_columns), -(-int(sizes["m"]) // tile_rows))
        return (max(grid[0], 1), max(grid[1], 1)), block

    return shape


KERNELS = {
    "im2col": Kernel("conv.cu", elements("n", "c", "oh", "ow")),
    "col2im": Kernel("conv.cu", elements("n", "c", "h", "w")),
    "max_pool_forward": Kernel("max_pool.cu", elements("n", "c", "oh", "ow")),
    "max_pool_backward": Kernel("max_pool.cu", elements("n", "c", "h", "w")),
    "avg_pool_forward": Kernel("avg_pool.cu", elements("n", "c", "oh", "ow")),
    "avg_pool_backward": Kernel("avg_pool.cu", elements("n", "c", "h", "w")),
    "lrn_forward": Kernel("lrn.cu", elements("n", "groups", "plane")),
    "lrn_backward": Kernel("lrn.cu", elements("n", "groups", "plane")),
    "lrn_within_forward": Kernel("lrn_within.cu", elements("n", "c", "h", "w")),
    "lrn_within_backward": Kernel("lrn_within.cu", elements("n", "c", "h", "w")),
    "relu_forward": Kernel("activation.cu", elements("size")),
    "relu_backward": Kernel("activation.cu", elements("size")),
    "tanh_forward": Kernel("activation.cu", elements("size")),
    "tanh_backward": Kernel("activation.cu", elements("size")),
    "dropout_forward": Kernel("dropout.cu", elements("rows", "cols")),
    "dropout_backward": Kernel("dropout.cu", elements("rows", "cols")),
    "softmax_cross_entropy_forward": Kernel("softmax.cu", rows("n")),
    "softmax_cross_entropy_backward": Kernel("softmax.cu", elements("n", "classes")),
    "bias_forward": Kernel("bias.cu", elements("n", "c", "plane")),
    "bias_backward": Kernel("bias.cu", rows("c")),
    "sgd_update": Kernel("sgd.cu", elements("size")),
    "augment": Kernel("augment.cu", elements("n", "c", "oh", "ow")),
    "gemm_naive": Kernel("gemm.cu", tiles(tile=(8, 32), block=(32, 8))),
    "gemm_tiled": Kernel("gemm.cu", tiles(tile=(64, 64), block=(16, 16))),
}


@cache
def source(kernel: str) -> str:
    """The text of the `.cu` file that holds `kernel` (a name in KERNELS)."""
    return (FOLDER / KERNELS[kernel].file).read_text(encoding="utf-8")


@cache
def parameters(kernel: str) -> tuple[Parameter, ...]:
    """The parameters of a kernel named in KERNELS, in order."""
    return tuple(signature(source(kernel), f"{kernel}_kernel"))


def launch_shape(kernel: str, sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
    """(grid, block) of a launch of `kernel` whose scalar arguments have these values, by name."""
    return KERNELS[kernel].shape(sizes)
