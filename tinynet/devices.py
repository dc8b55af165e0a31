"""Where arrays live and kernels run. `cpu` computes with NumPy on all cores."""

from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np

from tinynet import threads

WORKSPACE_SHARES = 8  # sums over the batch are cut so, whatever the number of cores: same bits


class Device:
    """A place for arrays: its name, and the array module (`xp`) that computes there."""

    def __init__(self, name: str, xp: ModuleType):
        self.name = name
        self.xp = xp

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def empty(self, shape: tuple[int, ...], dtype: np.dtype):
        return self.xp.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        return self.xp.zeros(shape, dtype)

    def asarray(self, array: np.ndarray):
        """The array on this device, C-contiguous; no copy where it is so already."""
        return self.xp.asarray(array, order="C")  # ascontiguousarray would give 0-d arrays an axis

    def owns(self, array) -> bool:
        """Is this an array that lives here?"""
        return isinstance(array, np.ndarray)

    def to_numpy(self, array) -> np.ndarray:
        return np.asarray(array)

    def for_each(self, count: int, task: Callable[[int], None]) -> None:
        """Run `task(i)` for every i below `count`, in any order, on all the device has."""
        threads.for_each(count, task)

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """A buffer to be reused at once: nothing in it outlives the task that asked for it."""
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
