"""The device `cpu`: NumPy arrays, and the kernels' NumPy twins on all cores."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from tinynet.devices import threads
from tinynet.devices.base import Device
from tinynet.devices.memory import Pool

SHARES = 16  # a sum over the batch is cut into this many, whatever the number of cores
PART = 4 << 20  # bytes that the columns of one part of a batch should take at most


class Cpu(Device):
    """NumPy, with a pool of memory and a worker thread on each core."""

    channels_at_once = 8  # they stay in a core's cache
    reads_overlapping = True

    def __init__(self):
        super().__init__("cpu", np)
        self.pool = Pool()

    def active(self) -> AbstractContextManager:
        """Make the device the current one, inside `with`."""
        return nullcontext()

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        array = self.pool.empty(shape, dtype)
        self.ledger.sample()
        return array

    def bytes_in_use(self, arrays: list[np.ndarray]) -> int:
        """The bytes the pool has handed out, and those of `arrays` that came from elsewhere."""
        return self.pool.in_use + sum(a.nbytes for a in arrays if not self.pool.made(a))

    def memory_limit(self) -> int:
        """How many bytes may be in use at most; 0: no limit is set."""
        return 0

    def buffers(self) -> list[tuple[str, np.ndarray]]:
        """All buffers that `scratch` keeps, with their names."""
        return threads.scratch_buffers()

    def asarray(self, array) -> np.ndarray:
        """The array on this device and C-contiguous; copied only if it is not so already."""
        if not isinstance(array, np.ndarray | np.generic):
            raise TypeError(f"cpu: expects a NumPy array, got {type(array).__name__}")
        return self.contiguous(array)

    def contiguous(self, array) -> np.ndarray:
        """The array in C order, as kernels want it; copied only if it is not so already."""
        return np.asarray(array, order="C")  # ascontiguousarray would give 0-d arrays an axis

    def owns(self, array) -> bool:
        """Is this an array that lives here?"""
        return isinstance(array, np.ndarray)

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """Run `task(i)` for every i below `count`, in any order, on all cores."""
        threads.for_each(count, task)

    def for_each_part(
        self,
        images: range,
        groups: int,
        image_bytes: int,
        task: Callable[[slice, slice], object],
    ) -> None:
        """Run `task(images, groups)` on parts of a batch small enough to be processed at once.

        Here a part is several small images, one image, or one group of an image, so that its
        columns stay in a core's cache.
        """
        if image_bytes > PART and groups > 1:

            def one_image(i: int) -> None:
                for group in range(groups):
                    task(slice(images[i], images[i] + 1), slice(group, group + 1))

            threads.for_each(len(images), one_image)
            return

        def some_images(part: slice) -> None:
            first = images.start
            task(slice(first + part.start, first + part.stop), slice(0, groups))

        step = PART // image_bytes
        if not threads.at_work():  # leave enough parts for all workers
            step = min(step, -(-len(images) // SHARES))
        threads.for_each_slice(len(images), max(1, step), some_images)

    def shares(self, n: int) -> list[range]:
        """A batch of n cut for a sum: each share is summed in order, then the shares in order.

        The cut depends only on n, so the sum has the same bits on any number of cores.
        """
        count = min(n, SHARES)
        return [range(i * n // count, (i + 1) * n // count) for i in range(count)]

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A buffer for immediate use: the next call with this name on this worker reuses it."""
        return threads.scratch(name, shape, dtype)
