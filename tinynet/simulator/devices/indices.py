"""Indices as CuPy reads them: an array of ints wraps where it lies out of range, in silence."""

import numpy as np


def wrapped(index: object, shape: tuple[int, ...]) -> tuple:
    """`index` for an array of this shape, with every array of ints in it taken modulo its axis."""
    parts = index if isinstance(index, tuple) else (index,)
    named = sum(map(_axes, parts))  # by all parts but the ellipsis, which stands for the rest
    found, axis = [], 0
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and axis < len(shape):
            part = part % max(shape[axis], 1)
        found.append(part)
        axis += len(shape) - named if part is ... else _axes(part)
    return tuple(found)


def _axes(part: object) -> int:
    """How many axes a part of an index is for."""
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return 0 if part is None or part is ... else 1
