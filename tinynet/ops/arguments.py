"""What counts as an int, a number and a list of ints, for all arguments of the engine.

Python's numbers and NumPy's are taken alike, and so are arrays of no axes. Bools are neither ints
nor numbers, and no float is an int. Each function gives Python's value, or None, for the caller to
say what it wanted.
"""

import operator
from numbers import Real

import numpy as np


def integer(value) -> int | None:
    """`value` as an int, if it is one."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def number(value) -> int | float | None:
    """`value` as an int or a float, if it is a number, a nan or an infinity included."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return integer(value)
    return value.item() if isinstance(value, np.generic) else value


def integers(value) -> tuple[int, ...] | None:
    """`value` as ints, if it is a tuple, list or one-dimensional array of ints."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return None
    found = tuple(integer(part) for part in value)
    return None if None in found else found
