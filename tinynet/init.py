"""Initial weights. Each function fills a Tensor in place and returns it.

The paper (section 5) draws all weights from N(0, 0.01**2) and sets some biases to 1; He et al.
(2015) choose the spread so that the signal keeps its size from one ReLU layer to the next.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from tinynet import random
from tinynet.tensor import Tensor

__all__ = [
    "constant_",
    "he_normal_",
    "inputs",
    "normal_",
    "skipped",
    "torch_default_",
    "uniform_",
]

_skips = ContextVar("skips", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Inside `with`, weights are left as their memory is: for a network that is loaded at once, or
    whose layers are only counted.

    That saves the time to draw them. And memory that is not written to is only address space: so
    much of it as a damaged file may ask for costs nothing, until its own weights do not fit.
    """
    token = _skips.set(True)
    try:
        yield
    finally:
        _skips.reset(token)


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Set every element to `value`."""
    if not _skips.get():
        tensor.write(value)
    return tensor


def normal_(
    tensor: Tensor, std: float, mean: float = 0.0, rng: np.random.Generator | None = None
) -> Tensor:
    """N(mean, std**2), drawn from `rng`, else from tinynet's own generator (`manual_seed`)."""
    if _skips.get():
        return tensor
    rng = random.generator() if rng is None else rng
    drawn = rng.standard_normal(tensor.shape, dtype=tensor.dtype)
    tensor.write(drawn * tensor.dtype.type(std) + tensor.dtype.type(mean))
    return tensor


def uniform_(
    tensor: Tensor, low: float, high: float, rng: np.random.Generator | None = None
) -> Tensor:
    """Uniform on [low, high)."""
    if _skips.get():
        return tensor
    rng = random.generator() if rng is None else rng
    tensor.write(rng.uniform(low, high, tensor.shape))
    return tensor


def he_normal_(tensor: Tensor, rng: np.random.Generator | None = None) -> Tensor:
    """N(0, 2 / inputs) (He et al. 2015): the spread that ReLU layers need."""
    return normal_(tensor, std=math.sqrt(2 / inputs(tensor)), rng=rng)


def torch_default_(tensor: Tensor, fan_in: int, rng: np.random.Generator | None = None) -> Tensor:
    """Uniform within +-1/sqrt(fan_in), as PyTorch initializes Conv2d and Linear, biases too."""
    bound = 1 / math.sqrt(fan_in)
    return uniform_(tensor, -bound, bound, rng=rng)


def inputs(weight: Tensor) -> int:
    """How many numbers each output of a layer sums: weight (outputs, inputs), or
    (out_channels, channels, kh, kw), or (out_channels, channels, kh, kw, oh, ow) if local.
    """
    return math.prod(weight.shape[1:4])
