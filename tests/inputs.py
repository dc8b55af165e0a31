"""Inputs with the power to fail: shapes for Hypothesis to draw, and arrays that avoid kinks.

A central difference moves an element by 1e-5 each way. Where an operation has a kink (the 0 of a
ReLU, two equal pixels under a maximum), the values here stay far from it, so that a wrong gradient
is the only way to fail.
"""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet import Tensor

seeds = st.integers(0, 2**32 - 1)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)
two_sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


def broadcastable(number: int):
    """`number` shapes that broadcast to one, 0-d among them."""
    return hnp.mutually_broadcastable_shapes(
        num_shapes=number, min_dims=0, max_dims=3, max_side=3
    ).map(lambda drawn: drawn.input_shapes)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def whole(seed, *shape):
    """Small whole numbers."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def distinct(seed: int, *shape: int) -> np.ndarray:
    """Shuffled values 0.1 apart, around 0: no two are near each other, none is near 0."""
    size = int(np.prod(shape))
    return ((np.random.default_rng(seed).permutation(size) - size // 2) * 0.1 + 0.05).reshape(shape)


def away_from_zero(seed: int, *shape: int) -> np.ndarray:
    """Of either sign, 0.3 to 1.5 in size."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def positive(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.3, 1.5, shape)


def leaf(array: np.ndarray, device="cpu") -> Tensor:
    """A float64 Tensor on `device` that requires its gradient."""
    return Tensor(np.array(array, np.float64), requires_grad=True, device=device)


@st.composite
def sliding_windows(draw, pooling: bool):
    """(h, w) of an image, and kernel_size, stride and padding of a window that fits it padded.

    Strides fall below, at and above the window; the four sides of the padding differ. Pooling
    requires less padding than window.
    """
    kernel = draw(two_sizes)
    stride = draw(two_sizes)
    padding, size = [], []
    for k in kernel:
        most = k - 1 if pooling else 2
        before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
        padding += [before, after]
        size.append(max(1, k - before - after) + draw(st.integers(0, 4)))
    return tuple(size), {"kernel_size": kernel, "stride": stride, "padding": tuple(padding)}


@st.composite
def convolutions(draw):
    """Arrays (x, weight, bias or not) and the options of a small convolution."""
    (h, w), options = draw(sliding_windows(pooling=False))
    kernel = options.pop("kernel_size")
    n, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    channels, filters = (groups * draw(st.integers(1, 2)) for _ in range(2))
    seed = draw(seeds)
    arrays = [
        normal(seed, n, channels, h, w),
        normal(seed + 1, filters, channels // groups, *kernel),
        normal(seed + 2, filters),
    ]
    return arrays[: draw(st.integers(2, 3))], {**options, "groups": groups}
