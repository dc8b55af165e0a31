"""Making arrays on the current device, and bringing them back: CuPy's functions of these names."""

import numpy as np

from tinynet.simulator.devices.arrays import SimArray, call
from tinynet.simulator.devices.memory import Memory, current_device
from tinynet.simulator.devices.undone import unbacked
from tinynet.simulator.dry import is_dry

Shape = int | tuple[int, ...]


def empty(shape: Shape, dtype: object = float) -> SimArray:
    """An array that holds nothing yet: on a GPU whatever was there before, here NaN, or -1."""
    if is_dry():
        return _on_device(unbacked(shape, dtype))
    plain = np.empty(shape, dtype)
    memory = Memory(current_device(), plain, holds_something=False)
    memory.bytes[:] = 0xFF
    return SimArray(plain, memory)


def zeros(shape: Shape, dtype: object = float) -> SimArray:
    return empty(shape, dtype) if is_dry() else _on_device(np.zeros(shape, dtype))


def arange(*bounds: float, dtype: object = None) -> SimArray:
    return _on_device(np.arange(*bounds, dtype=dtype))


def asarray(a: object) -> SimArray:
    """A copy on the current device of numbers or of a NumPy array."""
    if is_dry():
        return empty(np.shape(a), np.asarray(a).dtype)
    return _on_device(np.array(a))


def ascontiguousarray(a: SimArray) -> SimArray:
    return a if a.flags.c_contiguous else call(np.ascontiguousarray, a)


def asnumpy(a: SimArray) -> np.ndarray:
    """A copy of the array, on the host."""
    return a.get()


def _on_device(plain: np.ndarray) -> SimArray:
    return SimArray(plain, Memory(current_device(), plain, holds_something=True))
