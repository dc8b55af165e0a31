"""Dropout (paper, section 4.2) with no stored mask: backward draws the same random numbers again.

The random number of an element depends only on the seed, the counter and the element's index in the
undivided array. So a tower that holds half of the units, or a rank that holds part of the batch,
drops exactly what the one-device net drops.
"""

import math

from tinynet.kernels import launch
from tinynet.ops.arguments import integers, number
from tinynet.ops.function import Function


class Dropout(Function):
    name = "dropout"

    def forward(self, x, *, p, scale, seed, counter, offset, full_shape):
        if x.size == 0:
            raise ValueError(f"dropout: x is empty: {x.shape}")
        rows, cols, full_cols = _rows(x.shape, offset, full_shape)
        self.constants = (rows, cols, full_cols, p, scale, seed, counter, offset)
        y = self.device.empty(x.shape, x.dtype)
        launch(self.device, "dropout_forward", y, self.contiguous(x), *self.constants)
        return y

    def backward(self, dy):
        dx = self.device.empty(dy.shape, dy.dtype)
        launch(self.device, "dropout_backward", dx, self.contiguous(dy), *self.constants)
        return dx


def rate(p: float, mode: str) -> float:
    """p as Python's number; ValueError unless with it, and in this mode, units can be dropped."""
    if number(p) is None or not 0 <= p < 1:
        raise ValueError(f"dropout: p expects 0 <= p < 1, got {p!r}")
    if mode not in ("inverted", "paper"):
        raise ValueError(f"dropout: mode expects 'inverted' or 'paper', got {mode!r}")
    return number(p)


def _rows(shape: tuple, offset: int, full_shape: tuple | None) -> tuple[int, int, int]:
    """Where x lies in the undivided array: (rows, cols, full_cols).

    x may be a part along the first axis (some of the images) and along one axis more (a tower's
    units). Then it is `rows` runs of `cols` neighbouring elements, and a run begins `full_cols`
    elements after the one before. A part along the first axis alone, or the whole, is one run.
    """
    if full_shape is None:
        return 1, math.prod(shape), math.prod(shape)
    if integers(full_shape) is None:
        raise TypeError(f"dropout: full_shape expects ints, got {full_shape!r}")
    full_shape = integers(full_shape)
    if len(full_shape) != len(shape) or any(a > b for a, b in zip(shape, full_shape)):
        raise ValueError(f"dropout: x of shape {shape} is not a part of full_shape {full_shape}")
    cut = [axis for axis in range(1, len(shape)) if shape[axis] != full_shape[axis]]
    if len(cut) > 1:
        raise ValueError(
            f"dropout: x may be cut along the first axis and one more, {shape} is cut from "
            f"{full_shape} along {cut}"
        )
    axis = cut[0] if cut else 0
    rows, cols = math.prod(shape[:axis]), math.prod(shape[axis:])
    full_cols = math.prod(full_shape[axis:])
    inside_row = offset % full_cols + cols <= full_cols
    if not inside_row or offset + (rows - 1) * full_cols + cols > math.prod(full_shape):
        raise ValueError(
            f"dropout: x of shape {shape} at offset {offset} does not lie in full_shape "
            f"{full_shape}"
        )
    return rows, cols, full_cols
