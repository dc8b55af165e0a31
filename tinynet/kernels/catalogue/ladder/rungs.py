"""Which kernels, in which order, and what each claims to do better than the one before it.

The numbers are small integers: float holds all their sums exactly, so that a rung is right only if
it is equal to NumPy to the bit, in whatever order it adds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Rung:
    """A kernel and its launch. better: the counts, fields of `Counts`, that it claims to improve"""

    kernel: str
    title: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    better: tuple[str, ...] = ()

    @property
    def threads(self) -> int:
        return prod(self.block)


@dataclass(frozen=True)
class Ladder:
    """Rungs of one .cu file that compute the same.

    inputs     from a generator: the arrays that are read
    sizes      what follows the arrays in a kernel's arguments
    output     shape of the array written, for a grid
    expected   what NumPy makes of the inputs
    result     what of the output is compared with it
    flops      additions and multiplications that the task takes
    """

    title: str
    file: str
    sizes: dict[str, int]
    inputs: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    output: Callable[[tuple[int, ...]], tuple[int, ...]]
    expected: Callable[..., np.ndarray]
    flops: int
    rungs: tuple[Rung, ...]
    result: Callable[[np.ndarray], np.ndarray] = np.asarray

    @property
    def text(self) -> str:
        return (FOLDER / self.file).read_text(encoding="utf-8")

    def code(self) -> str:
        """The text as the simulator takes it, so that it names the file's lines."""
        return f'#line 1 "{self.file}"\n{self.text}'


def _integers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-4, 5, shape).astype(np.float32)


M, N, K = 256, 128, 64
PRODUCT = Ladder(
    "The matrix product",
    "product.cu",
    {"m": M, "n": N, "k": K},
    lambda rng: (_integers(rng, M, K), _integers(rng, K, N)),
    lambda grid: (M, N),
    np.matmul,
    2 * M * N * K,
    (
        Rung("product_naive", "Naive", (M // 32, N // 8), (32, 8)),
        Rung("product_coalesced", "Coalesced", (N // 32, M // 8), (32, 8), ("sectors",)),
        Rung(
            "product_shared", "Tiles in shared memory", (N // 32, M // 32), (32, 32), ("sectors",)
        ),
        Rung(
            "product_registers_1d",
            "A column in registers",
            (N // 64, M // 64),
            (64, 8),
            ("passes", "sectors"),
        ),
        Rung(
            "product_registers_2d",
            "A square in registers",
            (N // 128, M // 128),
            (16, 16),
            ("passes", "requests"),
        ),
        Rung(
            "product_vectors",
            "Vectors, without bank conflicts",
            (N // 128, M // 128),
            (16, 16),
            ("passes", "sectors", "requests"),
        ),
    ),
)

H, W = 128, 96
TRANSPOSE = Ladder(
    "The transpose",
    "transpose.cu",
    {"h": H, "w": W},
    lambda rng: (_integers(rng, H, W),),
    lambda grid: (W, H),
    np.transpose,
    0,
    (
        Rung("transpose_naive", "Naive", (W // 32, H // 8), (32, 8)),
        Rung(
            "transpose_tiled", "A tile in shared memory", (W // 32, H // 32), (32, 8), ("sectors",)
        ),
        Rung("transpose_padded", "Padding", (W // 32, H // 32), (32, 8), ("passes",)),
    ),
)

SIZE, THREADS, FEW = 32768, 256, 8
REDUCTION = Ladder(
    "The reduction",
    "reduction.cu",
    {"size": SIZE},
    lambda rng: (_integers(rng, SIZE),),
    lambda grid: grid,
    np.sum,
    SIZE - 1,
    (
        Rung("reduction_interleaved", "A tree", (SIZE // THREADS,), (THREADS,)),
        Rung("reduction_compact", "Whole warps rest", (SIZE // THREADS,), (THREADS,), ("lanes",)),
        Rung("reduction_halves", "Neighbours again", (SIZE // THREADS,), (THREADS,), ("passes",)),
        Rung("reduction_grid", "Registers first", (FEW,), (THREADS,), ("passes",)),
        Rung("reduction_shuffled", "Shuffles", (FEW,), (THREADS,), ("passes",)),
    ),
    np.sum,
)

LADDERS = (PRODUCT, TRANSPOSE, REDUCTION)
