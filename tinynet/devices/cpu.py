"""The device `cpu`: NumPy arrays, and the kernels' NumPy twins on all cores."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from tinynet.devices import blas, threads
from tinynet.devices.base import Device
from tinynet.devices.memory import Pool


class Cpu(Device):
    """NumPy, with a pool of memory and a worker thread on each core."""

    shares = threads.SHARES
    part_bytes = 4 << 20
    takes_filters_apart = True

    def __init__(self):
        super().__init__("cpu", np)
        self.pool = Pool(taken=self.ledger.sample)

    def active(self) -> AbstractContextManager:
        """Make the device the current one, inside `with`."""
        return nullcontext()

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return self.pool.empty(shape, dtype)

    def bytes_in_use(self, arrays: list[np.ndarray]) -> int:
        """The bytes the pool has handed out, and those of `arrays` that came from elsewhere."""
        return self.pool.in_use + sum(a.nbytes for a in arrays if not self.pool.made(a))

    def memory_limit(self) -> int:
        """How many bytes may be in use at most; 0: no limit is set."""
        return 0

    def buffers(self) -> list[tuple[str, np.ndarray]]:
        """All buffers that `scratch` keeps, with their names."""
        return threads.scratch.buffers()

    def asarray(self, array) -> np.ndarray:
        """The array on this device and C-contiguous; copied only if it is not so already."""
        if not isinstance(array, np.ndarray | np.generic):
            raise TypeError(f"cpu: expects a NumPy array, got {type(array).__name__}")
        return self.contiguous(array)

    def contiguous(self, array) -> np.ndarray:
        """The array in C order, as kernels want it; copied only if it is not so already."""
        return np.asarray(array, order="C")  # ascontiguousarray would give 0-d arrays an axis

    def checked_index(self, index: tuple, shape: tuple[int, ...]) -> tuple:
        """An index for an array of this shape, with its arrays on this device."""
        return index

    def owns(self, array) -> bool:
        """Is this an array that lives here?"""
        return isinstance(array, np.ndarray)

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def run(self, kernel, args: tuple, real: np.dtype) -> None:
        """Run a kernel, here its NumPy twin, on arguments that have been checked."""
        kernel.twin(*args)

    def multiply(self, out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        """out = a @ b, of matrices or of stacks of them."""
        if threads.at_work():
            np.matmul(a, b, out=out)
        else:
            blas.multiply(out, a, b)

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """Run `task(i)` for every i below `count`, in any order, on all cores."""
        threads.for_each(count, task)

    def for_each_chunk(self, total: int, bytes_each: int, task: Callable[[slice], object]) -> None:
        """Run `task` on slices of range(total), of whose elements each takes so many bytes."""
        threads.for_each_chunk(total, bytes_each, task)

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A buffer for immediate use: the next call with this name on this worker reuses it."""
        return threads.scratch(name, shape, dtype)
