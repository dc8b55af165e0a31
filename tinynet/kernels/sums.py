"""Sums of many terms that keep the digits of each.

NumPy adds in pairs along an array's last axis, and one after another along the others. In float32
such a sum stands still once it is 2**24 times its terms. So a long axis is folded here into BLOCK
rows, and the rows are added; what comes out is BLOCK times shorter, and is summed in the same way.
No number is the sum of more than BLOCK others in a row. The order depends on the shape alone: it
gives the same bits each time. Rows are long, which is also many times faster where the array has
few columns.
"""

from math import prod

BLOCK = 256  # terms: they lose at most 256 * 2**-24 = 1.5e-5 of a float32 sum


def sum_over(x, axes: tuple[int, ...], keepdims: bool = False):
    """The sum of x, an array of any device, over `axes`, which count from 0 and rise."""
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
    y, first = x, x.ndim
    while x.flags.c_contiguous and first - 1 in axes:
        first -= 1
    if prod(x.shape[axis] for axis in axes if axis < first) <= BLOCK:
        y = x.sum(axis=axes, keepdims=True)
    else:
        if first < x.ndim:
            y = y.sum(axis=tuple(range(first, x.ndim)), keepdims=True)
        for axis in reversed([axis for axis in axes if axis < first]):
            y = _along(y, axis)
    return y.reshape(kept if keepdims else tuple(n for a, n in enumerate(x.shape) if a not in axes))


def _along(x, axis: int):
    """The sum of x along one axis, which stays, with length 1."""
    length = x.shape[axis]
    if length <= BLOCK:
        return x.sum(axis=axis, keepdims=True)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    whole = length // BLOCK * BLOCK
    every = (slice(None),) * axis
    rows = x[(*every, slice(whole))].reshape(*before, BLOCK, whole // BLOCK, *after)
    total = _along(rows.sum(axis=axis), axis)
    if whole == length:
        return total
    return total + x[(*every, slice(whole, None))].sum(axis=axis, keepdims=True)
