"""Making arrays on the current device, and bringing them back: CuPy's functions of these names."""

import numpy as np

from tinynet.simulator.arrays import SimArray, call
from tinynet.simulator.dry import is_dry
from tinynet.simulator.memory import Memory, current_device
from tinynet.simulator.streams import get_current_stream

Shape = int | tuple[int, ...]


def empty(shape: Shape, dtype: object = float) -> SimArray:
    """An array that holds nothing yet: on a GPU whatever was there before, here NaN, or -1."""
    plain = np.empty(shape, dtype)
    memory = Memory(current_device(), plain, holds_something=False)
    if not is_dry():
        memory.bytes[:] = 0xFF
    return SimArray(plain, memory)


def zeros(shape: Shape, dtype: object = float) -> SimArray:
    return _on_device(np.zeros(shape, dtype))


def ones(shape: Shape, dtype: object = float) -> SimArray:
    return _on_device(np.ones(shape, dtype))


def full(shape: Shape, fill_value: object, dtype: object = None) -> SimArray:
    return _on_device(np.full(shape, fill_value, dtype))


def arange(*bounds: float, dtype: object = None) -> SimArray:
    return _on_device(np.arange(*bounds, dtype=dtype))


def empty_like(a: SimArray, dtype: object = None) -> SimArray:
    return empty(a.shape, dtype or a.dtype)


def zeros_like(a: SimArray, dtype: object = None) -> SimArray:
    return zeros(a.shape, dtype or a.dtype)


def ones_like(a: SimArray, dtype: object = None) -> SimArray:
    return ones(a.shape, dtype or a.dtype)


def full_like(a: SimArray, fill_value: object, dtype: object = None) -> SimArray:
    return full(a.shape, fill_value, dtype or a.dtype)


def array(a: object, dtype: object = None) -> SimArray:
    """A copy on the current device: of numbers, a NumPy array, or an array of any device."""
    if not isinstance(a, SimArray):
        if is_dry():
            return empty(np.shape(a), dtype or np.asarray(a).dtype)
        return _on_device(np.array(a, dtype=dtype))
    copy = empty(a.shape, a.dtype)
    copyto(copy, a)
    return copy if dtype is None or dtype == a.dtype else copy.astype(dtype)


def asarray(a: object, dtype: object = None) -> SimArray:
    """As `array`, but an array of a device that already has this dtype is returned as it is."""
    if isinstance(a, SimArray) and (dtype is None or a.dtype == dtype):
        return a
    return array(a, dtype)


def ascontiguousarray(a: SimArray, dtype: object = None) -> SimArray:
    if a.flags.c_contiguous and (dtype is None or a.dtype == dtype):
        return a
    return call(np.ascontiguousarray, a, dtype=dtype)


def asnumpy(a: object) -> np.ndarray:
    """A NumPy array: a copy of an array of a device, or anything else as np.asarray takes it."""
    return a.get() if isinstance(a, SimArray) else np.asarray(a)


def copyto(target: SimArray, source: SimArray) -> None:
    """Copy in the current stream; from another device if both are contiguous and of one dtype."""
    if target.shape != source.shape or target.dtype != source.dtype:
        raise ValueError(
            f"copyto: {source.dtype} of shape {source.shape} "
            f"into {target.dtype} of shape {target.shape}"
        )
    if target.flags.c_contiguous and source.flags.c_contiguous:
        stream = get_current_stream()
        target.data.copy_from_device_async(source.data, source.nbytes, stream)
    else:
        target[...] = source


def _on_device(plain: np.ndarray) -> SimArray:
    return SimArray(plain, Memory(current_device(), plain, holds_something=True))
