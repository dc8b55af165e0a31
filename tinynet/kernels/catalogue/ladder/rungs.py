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


def product(m: int, n: int, k: int) -> Ladder:
    """c (m, n) = a (m, k) @ b (k, n); m and n multiples of 128, k of 32."""
    tiles_of = {edge: (n // edge, m // edge) for edge in (32, 64, 128)}
    everything = ("passes", "sectors", "requests")
    return Ladder(
        "The matrix product",
        "product.cu",
        {"m": m, "n": n, "k": k},
        lambda rng: {"a": _integers(rng, m, k), "b": _integers(rng, k, n)},
        lambda rung: {"c": (m, n)},
        lambda a, b: a @ b,
        2 * m * n * k,
        (
            _rung("product_naive", "Naive", (m // 32, n // 8), (32, 8)),
            _rung("product_coalesced", "Coalesced", (n // 32, m // 8), (32, 8), ("sectors",)),
            _rung("product_shared", "Tiles in shared memory", tiles_of[32], (32, 32), ("sectors",)),
            _rung(
                "product_registers_1d",
                "A column in registers",
                tiles_of[64],
                (64, 8),
                ("passes", "sectors"),
            ),
            _rung(
                "product_registers_2d",
                "A square in registers",
                tiles_of[128],
                (16, 16),
                ("passes", "requests"),
            ),
            _rung(
                "product_vectors",
                "Vectors, without bank conflicts",
                tiles_of[128],
                (16, 16),
                everything,
            ),
            _rung("product_warps", "Warp tiles", tiles_of[128], (128,), ("passes",)),
        ),
    )


def transpose(h: int, w: int) -> Ladder:
    """y (w, h) of x (h, w), both multiples of 32."""
    tiles = (w // 32, h // 32)
    return Ladder(
        "The transpose",
        "transpose.cu",
        {"h": h, "w": w},
        lambda rng: {"x": _integers(rng, h, w)},
        lambda rung: {"y": (w, h)},
        lambda x: x.T,
        0,
        (
            _rung("transpose_naive", "Naive", (w // 32, h // 8), (32, 8)),
            _rung("transpose_tiled", "A tile in shared memory", tiles, (32, 8), ("sectors",)),
            _rung("transpose_padded", "Padding", tiles, (32, 8), ("passes",)),
        ),
    )


def reduction(size: int, few: int) -> Ladder:
    """The sum of x (size,), a multiple of 256; by as many blocks as that has, or by a few."""
    all_of_them = (size // 256,)
    return Ladder(
        "The reduction",
        "reduction.cu",
        {"size": size},
        lambda rng: {"x": _integers(rng, size)},
        lambda rung: {"y": rung.launches[0].grid},
        lambda x: x.sum(),
        size - 1,
        (
            _rung("reduction_interleaved", "A tree", all_of_them, (256,)),
            _rung("reduction_compact", "Whole warps rest", all_of_them, (256,), ("lanes",)),
            _rung("reduction_halves", "Neighbours again", all_of_them, (256,), ("passes",)),
            _rung("reduction_grid", "Registers first", (few,), (256,), ("passes",)),
            _rung("reduction_shuffled", "Shuffles", (few,), (256,), ("passes",)),
        ),
        np.sum,
    )


def _conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))
    y = np.tensordot(weight, windows, ((1, 2, 3), (0, 3, 4)))
    return np.maximum(y + bias[:, None, None], 0)


def convolution(filters: int, c: int, oh: int, ow: int, kh: int = 3, kw: int = 3) -> Ladder:
    """y (filters, oh, ow) of x (c, oh + kh - 1, ow + kw - 1).

    filters, oh * ow and c * kh * kw are multiples of 32.
    """
    rows, places = c * kh * kw, oh * ow

    def element_each(kernel: str, down: int) -> Launch:
        return Launch(kernel, (places // 32, down // 8), (32, 8))

    def tiled(kernel: str) -> Launch:
        return Launch(kernel, (places // 32, filters // 32), (32, 32))

    bias_relu = element_each("conv_bias_relu", filters)
    im2col = element_each("conv_im2col", rows)
    less = ("sectors", "requests")
    return Ladder(
        "The convolution",
        "conv.cu",
        {"filters": filters, "c": c, "h": oh + kh - 1, "w": ow + kw - 1}
        | {"kh": kh, "kw": kw, "oh": oh, "ow": ow},
        lambda rng: {
            "x": _integers(rng, c, oh + kh - 1, ow + kw - 1),
            "weight": _integers(rng, filters, c, kh, kw),
            "bias": _integers(rng, filters),
        },
        lambda rung: {"y": (filters, oh, ow), "col": (rows, places)},
        _conv,
        2 * filters * places * (rows + 1),
        (
            Rung("conv_direct", "Direct", (element_each("conv_direct", filters), bias_relu)),
            Rung(
                "conv_im2col", "A matrix product", (im2col, tiled("conv_product"), bias_relu), less
            ),
            Rung("conv_implicit", "An implicit product", (tiled("conv_implicit"), bias_relu), less),
            Rung("conv_fused", "Fused", (tiled("conv_fused"),), less),
        ),
    )


# What is counted, and shown in docs/ladder.md.
PRODUCT = product(256, 128, 64)
TRANSPOSE = transpose(128, 96)
REDUCTION = reduction(32768, few=8)
CONVOLUTION = convolution(filters=32, c=32, oh=8, ow=16)
LADDERS = (PRODUCT, TRANSPOSE, REDUCTION, CONVOLUTION)
