"""What stands for arrays and for NumPy's results in a dry run: the right shape, and no memory.

An array here is address space: the system gives a page of memory where one is written or read, so
its size may exceed the machine's. Of NumPy's functions those that meet whole batches are known; the
others are computed, of whatever the arrays hold.
"""

import mmap
import sys
from collections.abc import Callable
from math import prod

import numpy as np

# Not to be refused for want of memory. Python has the name since 3.13.
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
REDUCTIONS = frozenset(["all", "any", "max", "mean", "min", "prod", "sum"])


def unbacked(shape: int | tuple[int, ...], dtype: object) -> np.ndarray:
    """An array that takes no memory as long as nobody touches its elements."""
    dtype = np.dtype(dtype)
    size = max(prod(np.atleast_1d(shape).tolist()) * dtype.itemsize, 1)
    flags = {}
    if hasattr(mmap, "MAP_PRIVATE"):  # all but Windows
        flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE}
    try:
        return np.ndarray(shape, dtype, mmap.mmap(-1, size, **flags))
    except OSError as error:
        raise MemoryError(f"no address space for {size:,} bytes ({error.strerror})") from None


def undone(function: Callable, args: tuple, kwargs: dict) -> object:
    """In place of `function(*args, **kwargs)`: an array of the shape and type of its result."""
    name = getattr(function, "__name__", "")
    if isinstance(function, np.ufunc) and function.nout == 1:
        one_each = [np.ones((), x.dtype) if isinstance(x, np.ndarray) else x for x in args]
        return unbacked(np.broadcast_shapes(*map(np.shape, args)), function(*one_each).dtype)
    if name in ("ascontiguousarray", "copy"):
        return unbacked(args[0].shape, args[0].dtype)
    if name == "concatenate":
        first, axis = args[0][0], kwargs["axis"]
        shape = list(first.shape)
        shape[axis] = sum(x.shape[axis] for x in args[0])
        return unbacked(tuple(shape), np.result_type(*args[0]))
    if name in REDUCTIONS and kwargs.get("axis") is not None:
        x, axis = args[0], kwargs["axis"]
        axes = {i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,))}
        # The sum of one element has the shape of the sum of all.
        args = (x[tuple(slice(1) if i in axes else slice(None) for i in range(x.ndim))], *args[1:])
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)
