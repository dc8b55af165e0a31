"""Where arrays live and kernels run. `cpu` computes with NumPy on all cores."""

from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np

from tinynet import threads
from tinynet.memory import Pool

SHARES = 16  # sums over the batch are cut so, whatever the number of cores: same bits


class Device:
    """A place for arrays: its name, and the array module (`xp`) that computes there."""

    def __init__(self, name: str, xp: ModuleType):
        self.name = name
        self.xp = xp
        self.pool = Pool()

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def empty(self, shape: tuple[int, ...], dtype: np.dtype):
        return self.pool.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def asarray(self, array: np.ndarray):
        """The array on this device, C-contiguous; no copy where it is so already."""
        return self.xp.asarray(array, order="C")  # ascontiguousarray would give 0-d arrays an axis

    def owns(self, array) -> bool:
        """Is this an array that lives here?"""
        return isinstance(array, np.ndarray)

    def to_numpy(self, array) -> np.ndarray:
        return np.asarray(array)

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """Run `task(i)` for every i below `count`, in any order, on all the device has."""
        threads.for_each(count, task)

    def for_each_part(
        self, images: range, groups: int, task: Callable[[slice, slice], object]
    ) -> None:
        """Run `task(images, groups)` on parts of a batch small enough to be worked on at once.

        Here a part is one group of channels of one image: its columns then stay in a core's cache.
        """

        def one_image(i: int) -> None:
            for group in range(groups):
                task(slice(images[i], images[i] + 1), slice(group, group + 1))

        threads.for_each(len(images), one_image)

    def shares(self, n: int) -> list[range]:
        """A batch of n cut for a sum: each share is summed in order, then the shares in order.

        The cut depends on nothing but n, so the sum has the same bits on any number of cores.
        """
        count = min(n, SHARES)
        return [range(i * n // count, (i + 1) * n // count) for i in range(count)]

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """A buffer to be used at once: the next call with this name on this worker reuses it."""
        return threads.scratch(name, shape, dtype)


@cache
def _open(name: str) -> Device:
    if name == "cpu":
        return Device("cpu", np)
    raise ValueError(f"device: expected 'cpu', got {name!r}")


def device(name: "str | Device | None" = None) -> Device:
    """The device called `name`: "cpu" (also the default)."""
    if isinstance(name, Device):
        return name
    if name is None:
        name = "cpu"
    if not isinstance(name, str):
        raise TypeError(f"device: expected a name such as 'cpu', got {type(name).__name__}")
    return _open(name)
