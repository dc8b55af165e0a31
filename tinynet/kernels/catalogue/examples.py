"""Arguments for every kernel: at AlexNet's sizes, and at sizes small enough for the simulator.

    arguments(kernel, sizes, np.dtype(np.float32), rng)    what the kernel and its twin take

Shapes come from the headers of the .cu files (headers.py), sizes from the table EXAMPLES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue.headers import Array, arrays
from tinynet.kernels.launching.kernel import Kernel

Sizes = dict[str, float]
REAL = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}


@dataclass(frozen=True)
class Example:
    """Sizes for one kernel: the values of its scalar arguments, by name.

    layer     the layer of AlexNet (the paper's, batch 128) that has them; in brackets if it has
              these sizes, but its operation is another
    sizes     those of that layer
    profiled  what is reduced for profiling in the simulator: rows and planes keep their size, or
              its figures would not be AlexNet's
    checked   small and odd: several blocks, the last not full; windows that overlap, leave gaps,
              and hang over the edge
    flops     of a launch: each addition, multiplication, division and comparison of REALs, each
              exp, log, pow and tanh counts as one; windows as if none were clipped
    part      of an array that is not read whole: the shape of what is read
    """

    layer: str
    sizes: Sizes
    profiled: Sizes
    checked: list[Sizes]
    flops: Callable[[SimpleNamespace], float]
    part: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def counted(self) -> Sizes:
        """At which the simulator counts what the kernel costs."""
        return {**self.sizes, **self.profiled}


def arguments(
    kernel: Kernel, sizes: Sizes, real: np.dtype, rng: np.random.Generator
) -> list[np.ndarray | float]:
    """What `kernel` and its twin take, for sizes that are small enough to compute.

    Outputs begin as NaN (integers as -1), so that what a kernel leaves out is seen. What backward
    needs from forward is computed by forward's twin, so `sizes` must hold forward's scalars too.
    """
    made = _from_forward(kernel, sizes, real, rng) if "_backward" in kernel.name else {}
    for array, dtype in zip(arrays(kernel), dtypes(kernel, real)):
        if array.name not in made:
            made[array.name] = _filled(kernel, array, sizes, dtype, rng)
    return [made[p.name] if p.is_pointer else sizes[p.name] for p in kernel.parameters]


def dtypes(kernel: Kernel, real: np.dtype) -> list[np.dtype]:
    """The dtypes of the array arguments, in order."""
    return [p.dtype(real) for p in kernel.parameters if p.is_pointer]


def flops(kernel: str) -> float:
    """FLOPs of a launch at AlexNet's sizes."""
    example = EXAMPLES[kernel]
    return example.flops(SimpleNamespace(**example.sizes))


def bytes_moved(kernel: str, real: np.dtype) -> int:
    """Bytes at AlexNet's sizes, with every array read or written once: no launch can move less."""
    example, its, total = EXAMPLES[kernel], KERNELS[kernel], 0
    for array, dtype in zip(arrays(its), dtypes(its, real)):
        shape = example.part.get(array.name, array.shape)
        times = 2 if array.role == "in, out" else 1
        total += times * dtype.itemsize * int(np.prod(Array("", "", shape).sizes(example.sizes)))
    return total


def _from_forward(kernel: Kernel, sizes, real, rng) -> dict[str, np.ndarray]:
    """The arrays that backward shares with forward: forward's inputs, and what it saved."""
    forward = KERNELS[kernel.name.partition("_backward")[0] + "_forward"]
    given = arguments(forward, sizes, real, rng)
    forward.twin(*given)
    names = [p.name for p in forward.parameters]
    wanted = {array.name for array in arrays(kernel) if array.role == "in"}
    return {name: value for name, value in zip(names, given) if name in wanted}


def _filled(kernel: Kernel, array: Array, sizes, dtype, rng) -> np.ndarray:
    shape = array.sizes(sizes)
    if array.role == "out":
        return np.full(shape, np.nan if dtype.kind == "f" else -1, dtype)
    if kernel.name == "max_pool_forward":
        return rng.integers(5, size=shape).astype(dtype)  # few values: many ties
    if array.name in INTEGERS_BELOW:
        return rng.integers(INTEGERS_BELOW[array.name](sizes), size=shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


INTEGERS_BELOW: dict[str, Callable[[Sizes], int]] = {
    "labels": lambda sizes: sizes["classes"],
    "images": lambda sizes: 256,
    "top": lambda sizes: sizes["h"] - sizes["oh"] + 1,
    "left": lambda sizes: sizes["w"] - sizes["ow"] + 1,
    "flip": lambda sizes: 2,
}


def _window(*values: int) -> Sizes:
    names = "n c h w kh kw stride_h stride_w pad_top pad_left oh ow"
    return dict(zip(names.split(), values))


def _norm(**sizes: float) -> Sizes:
    return {"alpha": 1e-4, "beta": 0.75, "k": 2.0, **sizes}


CONV1 = _window(128, 3, 224, 224, 11, 11, 4, 4, 0, 0, 55, 55)
CONV2 = _window(128, 96, 27, 27, 5, 5, 1, 1, 2, 2, 27, 27)
LOCAL5 = {**_window(128, 192, 13, 13, 3, 3, 1, 1, 1, 1, 13, 13), "filters": 128}  # of one tower
POOL1 = _window(128, 96, 55, 55, 3, 3, 2, 2, 0, 0, 27, 27)
WINDOWS = [
    _window(3, 4, 9, 7, 3, 2, 2, 1, 1, 0, 5, 6),
    _window(1, 2, 5, 13, 2, 3, 3, 2, 0, 2, 2, 8),
]

LOCALS = [
    {**_window(5, 2, 7, 6, 3, 2, 2, 1, 1, 0, 4, 5), "filters": 3},
    {**_window(1, 2, 5, 9, 2, 3, 3, 2, 0, 2, 2, 5), "filters": 2},
]

LRN1 = _norm(n=128, c=96, plane=55 * 55, groups=2, size=5)
ACROSS = [
    _norm(n=2, c=6, plane=77, groups=2, size=4, alpha=0.9, beta=0.6),
    _norm(n=1, c=7, plane=301, groups=1, size=5, alpha=0.9),
]
LRN_WITHIN2 = _norm(n=128, c=256, h=27, w=27, size=5, alpha=1e-3 / 25, k=1.0)
WITHIN = [
    _norm(n=2, c=3, h=9, w=11, size=4, alpha=0.9, beta=0.6),
    _norm(n=1, c=1, h=3, w=2, size=5, alpha=0.9),
]

RELU1 = {"size": 128 * 96 * 55 * 55}
FLAT = [{"size": 701}, {"size": 1}]

DRAW = {"p": 0.5, "scale": 1.0, "seed": 1, "counter": 0, "offset": 0}
DROPOUT6 = {"rows": 128, "cols": 4096, "full_cols": 4096, **DRAW}
FAR = {"p": 0.5, "scale": 2.0, "seed": 2**40 + 5, "counter": 2**33 + 1, "offset": 2**34 - 3}
MASKS = [{"rows": 7, "cols": 41, "full_cols": 50, **FAR}]

FC8 = {"n": 128, "classes": 1000}
ROWS = [{"n": 3, "classes": 701}, {"n": 5, "classes": 10}]

BIAS1 = {"n": 128, "c": 96, "plane": 55 * 55}
MAPS = [{"n": 3, "c": 5, "plane": 49}, {"n": 9, "c": 67, "plane": 1}]

RULE = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
INPUT = {"n": 128, "c": 3, "h": 256, "w": 256, "oh": 224, "ow": 224}
CROPS = [{"n": 2, "c": 3, "h": 12, "w": 13, "oh": 9, "ow": 11}]
FC6 = {"m": 128, "n": 4096, "k": 9216}
TILES = {"m": 64, "n": 128, "k": 32}
PRODUCTS = [{"m": 70, "n": 67, "k": 37}, {"m": 1, "n": 1, "k": 1}]

ONE_MAP, TWO_MAPS, ALL_GROUPS = {"n": 1, "c": 1}, {"n": 1, "c": 2}, {"n": 1, "c": 8}
FEW_FILTERS = {"n": 1, "c": 2, "filters": 2}
TWO_ROWS, SOME = {"n": 2}, {"size": 4096}


def _local_flops(s: SimpleNamespace) -> float:
    return 2 * s.n * s.filters * s.c * s.kh * s.kw * s.oh * s.ow


# fmt: off
EXAMPLES = {
    "im2col": Example("conv1", CONV1, ONE_MAP, WINDOWS, lambda s: 0),
    "col2im": Example("conv2", CONV2, TWO_MAPS, WINDOWS,
                      lambda s: s.n * s.c * s.kh * s.kw * s.oh * s.ow),
    "local_forward": Example("(conv5)", LOCAL5, FEW_FILTERS, LOCALS, _local_flops),
    "local_backward": Example("(conv5)", LOCAL5, FEW_FILTERS, LOCALS, _local_flops),
    "local_backward_weight": Example("(conv5)", LOCAL5, FEW_FILTERS, LOCALS, _local_flops),
    "max_pool_forward": Example("pool1", POOL1, TWO_MAPS, WINDOWS,
                                lambda s: s.n * s.c * s.oh * s.ow * s.kh * s.kw),
    "max_pool_backward": Example("pool1", POOL1, TWO_MAPS, WINDOWS,
                                 lambda s: s.n * s.c * s.oh * s.ow),
    "avg_pool_forward": Example("(pool1)", POOL1, TWO_MAPS, WINDOWS,
                                lambda s: s.n * s.c * s.oh * s.ow * (s.kh * s.kw + 1)),
    "avg_pool_backward": Example("(pool1)", POOL1, TWO_MAPS, WINDOWS,
                                 lambda s: s.n * s.c * s.oh * s.ow * 2 * s.kh * s.kw),
    "lrn_forward": Example("lrn1", LRN1, ALL_GROUPS, ACROSS,
                           lambda s: s.n * s.c * s.plane * (2 * s.size + 4)),
    "lrn_backward": Example("lrn1", LRN1, ALL_GROUPS, ACROSS,
                            lambda s: s.n * s.c * s.plane * (5 * s.size + 5)),
    "lrn_within_forward": Example("lrn_within2", LRN_WITHIN2, TWO_MAPS, WITHIN,
                                  lambda s: s.n * s.c * s.h * s.w * (2 * s.size**2 + 4)),
    "lrn_within_backward": Example("lrn_within2", LRN_WITHIN2, TWO_MAPS, WITHIN,
                                   lambda s: s.n * s.c * s.h * s.w * (5 * s.size**2 + 5)),
    "relu_forward": Example("relu1", RELU1, SOME, FLAT, lambda s: s.size),
    "relu_backward": Example("relu1", RELU1, SOME, FLAT, lambda s: s.size),
    "tanh_forward": Example("(relu1)", RELU1, SOME, FLAT, lambda s: s.size),
    "tanh_backward": Example("(relu1)", RELU1, SOME, FLAT, lambda s: 3 * s.size),
    "dropout_forward": Example("dropout6", DROPOUT6, {"rows": 1}, MASKS,
                               lambda s: s.rows * s.cols),
    "dropout_backward": Example("dropout6", DROPOUT6, {"rows": 1}, MASKS,
                                lambda s: s.rows * s.cols),
    "softmax_cross_entropy_forward": Example("fc8", FC8, TWO_ROWS, ROWS,
                                             lambda s: 5 * s.n * s.classes),
    "softmax_cross_entropy_backward": Example("fc8", FC8, TWO_ROWS, ROWS,
                                              lambda s: 2 * s.n * s.classes),
    "bias_forward": Example("conv1", BIAS1, TWO_MAPS, MAPS, lambda s: s.n * s.c * s.plane),
    "bias_backward": Example("conv1", BIAS1, TWO_MAPS, MAPS, lambda s: s.n * s.c * s.plane),
    "sgd_update": Example("fc6", {"size": 4096 * 9216, **RULE}, SOME,
                          [{**flat, **RULE} for flat in FLAT], lambda s: 6 * s.size),
    "augment": Example("input", INPUT, ONE_MAP, CROPS, lambda s: 3 * s.n * s.c * s.oh * s.ow,
                       part={"images": ("n", "c", "oh", "ow")}),
    "gemm_naive": Example("fc6", FC6, TILES, PRODUCTS, lambda s: 2 * s.m * s.n * s.k),
    "gemm_tiled": Example("fc6", FC6, TILES, PRODUCTS, lambda s: 2 * s.m * s.n * s.k),
}
# fmt: on
