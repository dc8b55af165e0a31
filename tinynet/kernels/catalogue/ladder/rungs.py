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
class Launch:
    """A kernel and over what it is launched; its arguments are found by their names."""

    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]

    @property
    def threads(self) -> int:
        return prod(self.block)


@dataclass(frozen=True)
class Rung:
    """One version. name: that of its section in the file, which is also its main kernel's.

    better   the counts, fields of `Counts`, that it claims to improve
    """

    name: str
    title: str
    launches: tuple[Launch, ...]
    better: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ladder:
    """Rungs of one .cu file that compute the same.

    sizes      by name; the kernels' integer arguments are among them
    inputs     from a generator: the arrays that are read
    written    for a rung: shapes of the arrays that it writes, the result first
    expected   what NumPy makes of the inputs
    flops      additions and multiplications that the task takes
    result     what of the result is compared with it
    """

    title: str
    file: str
    sizes: dict[str, int]
    inputs: Callable[[np.random.Generator], dict[str, np.ndarray]]
    written: Callable[[Rung], dict[str, tuple[int, ...]]]
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


def _rung(name: str, title: str, grid: tuple, block: tuple, better: tuple = ()) -> Rung:
    """One that is one launch."""
    return Rung(name, title, (Launch(name, grid, block),), better)


M, N, K = 256, 128, 64
PRODUCT = Ladder(
    "The matrix product",
    "product.cu",
    {"m": M, "n": N, "k": K},
    lambda rng: {"a": _integers(rng, M, K), "b": _integers(rng, K, N)},
    lambda rung: {"c": (M, N)},
    lambda a, b: a @ b,
    2 * M * N * K,
    (
        _rung("product_naive", "Naive", (M // 32, N // 8), (32, 8)),
        _rung("product_coalesced", "Coalesced", (N // 32, M // 8), (32, 8), ("sectors",)),
        _rung(
            "product_shared", "Tiles in shared memory", (N // 32, M // 32), (32, 32), ("sectors",)
        ),
        _rung(
            "product_registers_1d",
            "A column in registers",
            (N // 64, M // 64),
            (64, 8),
            ("passes", "sectors"),
        ),
        _rung(
            "product_registers_2d",
            "A square in registers",
            (N // 128, M // 128),
            (16, 16),
            ("passes", "requests"),
        ),
        _rung(
            "product_vectors",
            "Vectors, without bank conflicts",
            (N // 128, M // 128),
            (16, 16),
            ("passes", "sectors", "requests"),
        ),
        _rung("product_warps", "Warp tiles", (N // 128, M // 128), (128,), ("passes",)),
    ),
)

H, W = 128, 96
TRANSPOSE = Ladder(
    "The transpose",
    "transpose.cu",
    {"h": H, "w": W},
    lambda rng: {"x": _integers(rng, H, W)},
    lambda rung: {"y": (W, H)},
    lambda x: x.T,
    0,
    (
        _rung("transpose_naive", "Naive", (W // 32, H // 8), (32, 8)),
        _rung(
            "transpose_tiled", "A tile in shared memory", (W // 32, H // 32), (32, 8), ("sectors",)
        ),
        _rung("transpose_padded", "Padding", (W // 32, H // 32), (32, 8), ("passes",)),
    ),
)

SIZE, THREADS, FEW = 32768, 256, 8
REDUCTION = Ladder(
    "The reduction",
    "reduction.cu",
    {"size": SIZE},
    lambda rng: {"x": _integers(rng, SIZE)},
    lambda rung: {"y": rung.launches[0].grid},
    lambda x: x.sum(),
    SIZE - 1,
    (
        _rung("reduction_interleaved", "A tree", (SIZE // THREADS,), (THREADS,)),
        _rung("reduction_compact", "Whole warps rest", (SIZE // THREADS,), (THREADS,), ("lanes",)),
        _rung("reduction_halves", "Neighbours again", (SIZE // THREADS,), (THREADS,), ("passes",)),
        _rung("reduction_grid", "Registers first", (FEW,), (THREADS,), ("passes",)),
        _rung("reduction_shuffled", "Shuffles", (FEW,), (THREADS,), ("passes",)),
    ),
    np.sum,
)

FILTERS, C, KH, KW, OH, OW = 32, 32, 3, 3, 8, 16
ROWS, PLACES = C * KH * KW, OH * OW
BIAS_RELU = Launch("conv_bias_relu", (PLACES // 32, FILTERS // 8), (32, 8))


def _conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(1, 2))
    y = np.einsum("fcij,chwij->fhw", weight, windows)
    return np.maximum(y + bias[:, None, None], 0)


def _tiled(kernel: str) -> Launch:
    return Launch(kernel, (PLACES // 32, FILTERS // 32), (32, 32))


CONVOLUTION = Ladder(
    "The convolution",
    "conv.cu",
    {"filters": FILTERS, "c": C, "h": OH + KH - 1, "w": OW + KW - 1}
    | {"kh": KH, "kw": KW, "oh": OH, "ow": OW},
    lambda rng: {
        "x": _integers(rng, C, OH + KH - 1, OW + KW - 1),
        "weight": _integers(rng, FILTERS, C, KH, KW),
        "bias": _integers(rng, FILTERS),
    },
    lambda rung: {"y": (FILTERS, OH, OW), "col": (ROWS, PLACES)},
    _conv,
    2 * FILTERS * PLACES * (ROWS + 1),
    (
        Rung(
            "conv_direct",
            "Direct",
            (Launch("conv_direct", (PLACES // 32, FILTERS // 8), (32, 8)), BIAS_RELU),
        ),
        Rung(
            "conv_im2col",
            "A matrix product",
            (
                Launch("conv_im2col", (PLACES // 32, ROWS // 8), (32, 8)),
                _tiled("conv_product"),
                BIAS_RELU,
            ),
            ("sectors", "requests"),
        ),
        Rung(
            "conv_implicit",
            "An implicit product",
            (_tiled("conv_implicit"), BIAS_RELU),
            ("sectors", "requests"),
        ),
        Rung("conv_fused", "Fused", (_tiled("conv_fused"),), ("sectors", "requests")),
    ),
)

LADDERS = (PRODUCT, TRANSPOSE, REDUCTION, CONVOLUTION)
