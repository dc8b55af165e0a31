"""Sums, means and maxima over axes: backward spreads dy over what was reduced."""

import math

from tinynet.kernels.sums import sum_over
from tinynet.ops.arguments import integer
from tinynet.ops.function import Function


def reduced_axes(name: str, axis, ndim: int) -> tuple[int, ...]:
    """`axis` (None, an int or a tuple of ints) as a sorted tuple of axes from 0 to ndim - 1."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in axes:
        if integer(a) is None or not -ndim <= a < ndim:
            raise ValueError(f"{name}: axis expects ints from {-ndim} to {ndim - 1}, got {axis!r}")
    axes = tuple(sorted(integer(a) % ndim for a in axes))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: axis names one axis twice: {axis!r}")
    return axes


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after the reduction with keepdims=True."""
    return tuple(1 if i in axes else length for i, length in enumerate(shape))


class Sum(Function):
    name = "sum"

    def forward(self, x, *, axis, keepdims):
        axes = reduced_axes(self.name, axis, x.ndim)
        self.saved = (x.shape, kept_shape(x.shape, axes))
        return sum_over(x, axes, keepdims)

    def backward(self, dy):
        shape, kept = self.saved
        return self.xp.broadcast_to(dy.reshape(kept), shape)


class Mean(Function):
    name = "mean"

    def forward(self, x, *, axis, keepdims):
        axes = reduced_axes(self.name, axis, x.ndim)
        count = math.prod(x.shape[a] for a in axes)
        if count == 0:
            raise ValueError(f"mean: x has nothing to average along axis {axis!r}: {x.shape}")
        self.saved = (x.shape, kept_shape(x.shape, axes), count)
        return sum_over(x, axes, keepdims) / count

    def backward(self, dy):
        shape, kept, count = self.saved
        return self.xp.broadcast_to((dy / count).reshape(kept), shape)


class Max(Function):
    """The largest element; of several equal ones, the first gets the whole gradient."""

    name = "max"

    def forward(self, x, *, axis, keepdims):
        axes = reduced_axes(self.name, axis, x.ndim)
        others = tuple(a for a in range(x.ndim) if a not in axes)
        kept = kept_shape(x.shape, axes)
        length = math.prod(x.shape[a] for a in axes)
        rows = x.transpose(others + axes).reshape(math.prod(x.shape[a] for a in others), length)
        if length == 0:
            raise ValueError(f"max: x has nothing to choose from along axis {axis!r}: {x.shape}")
        first = rows.argmax(axis=1)  # (rows,): of equals, argmax takes the first
        y = self.xp.take_along_axis(rows, first[:, None], axis=1)
        self.saved = (x.shape, others + axes, first, length)
        return y.reshape(kept if keepdims else tuple(x.shape[a] for a in others))

    def backward(self, dy):
        shape, order, first, length = self.saved
        moved = tuple(shape[a] for a in order)
        chosen = self.xp.arange(length) == first[:, None]
        dx = self.xp.where(chosen, dy.reshape(-1, 1), self.xp.zeros((), dy.dtype))
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return dx.reshape(moved).transpose(inverse)
