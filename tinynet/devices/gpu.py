"""The devices `cuda:N` and `sim:N`: CuPy's arrays, or the simulator's, and the .cu kernels."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from math import prod
from types import ModuleType

import numpy as np

from tinynet.devices.base import Device
from tinynet.devices.ledger import DeviceOutOfMemory

WORKSPACE = 256 << 20  # bytes that the columns of one part of a batch may take


class Gpu(Device):
    """A GPU, real or simulated: it is reached only through CuPy's names in `xp`."""

    def __init__(self, kind: str, index: int, xp: ModuleType):
        super().__init__(f"{kind}:{index}", xp)
        self.index = index
        self._buffers: dict[str, object] = {}
        self.lent: deque[tuple] = deque()  # (event, what a copy reads until the event has passed)

    @cached_property
    def copies(self):
        """The stream of the copies that come here: they run alongside the kernels."""
        with self.active():
            return self.xp.cuda.Stream(non_blocking=True)

    def lend(self, event, arrays: tuple) -> None:
        """Keep the arrays alive until `event`, which ends a copy that reads them, has passed."""
        self.take_back()
        self.lent.append((event, arrays))

    def take_back(self) -> None:
        """Let go of what finished copies have read."""
        while self.lent and self.lent[0][0].done:
            self.lent.popleft()

    def active(self) -> AbstractContextManager:
        """Make the device the current one, inside `with`: CuPy computes on the current device."""
        return _Active(self)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype):
        with self.active():
            array = self.xp.empty(shape, dtype)
        self.ledger.sample()
        return array

    def bytes_in_use(self, arrays: list) -> int:
        """The bytes that the memory pool has handed out, for these arrays and all others."""
        with self.active():
            return self.xp.get_default_memory_pool().used_bytes()

    def memory_limit(self) -> int:
        """How many bytes may be in use at most; 0: no limit is set."""
        with self.active():
            return self.xp.get_default_memory_pool().get_limit()

    def buffers(self) -> list[tuple[str, object]]:
        """All buffers that `scratch` keeps, with their names."""
        return [*self._buffers.items()]

    def drop_buffers(self) -> None:
        """Free these buffers."""
        self._buffers.clear()

    def asarray(self, array):
        """A NumPy array copied to this device, or an array already on it made contiguous."""
        if isinstance(array, np.ndarray | np.generic):
            with self.active():
                return self.xp.asarray(np.asarray(array, order="C"))
        if not self.owns(array):
            raise TypeError(f"{self.name}: expects a NumPy array or its own, got {array!r}")
        return self.contiguous(array)

    def contiguous(self, array):
        return array if array.flags.c_contiguous else array.copy()

    def owns(self, array) -> bool:
        return isinstance(array, self.xp.ndarray) and array.device.id == self.index

    def to_numpy(self, array) -> np.ndarray:
        with self.active():
            return self.xp.asnumpy(array)

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """One after another: each task launches kernels, and those fill the GPU."""
        for i in range(count):
            task(i)

    def for_each_part(
        self,
        images: range,
        groups: int,
        image_bytes: int,
        task: Callable[[slice, slice], object],
    ) -> None:
        """Here a part is whole images, as many as the workspace can hold the columns of."""
        step = max(1, WORKSPACE // image_bytes)
        for start in range(images.start, images.stop, step):
            task(slice(start, min(start + step, images.stop)), slice(0, groups))

    def shares(self, n: int) -> list[range]:
        return [range(n)]

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """A buffer that is kept: one stream runs all kernels, so this use ends before the next."""
        size = prod(shape) * np.dtype(dtype).itemsize
        if name not in self._buffers or self._buffers[name].nbytes < size:
            self._buffers.pop(name, None)  # the old one makes room for the new one
            self._buffers[name] = self.empty((size,), np.dtype(np.uint8))
        return self._buffers[name][:size].view(dtype).reshape(shape)


class _Active:
    """Inside `with`, a GPU is the current device; if its memory runs out, the error names it."""

    def __init__(self, device: Gpu):
        self._device, self._current = device, device.xp.cuda.Device(device.index)

    def __enter__(self) -> None:
        self._current.__enter__()

    def __exit__(self, kind, error, traceback) -> None:
        self._current.__exit__(kind, error, traceback)
        if isinstance(error, MemoryError) and not isinstance(error, DeviceOutOfMemory):
            raise DeviceOutOfMemory(
                f"out of memory on {self._device.name} ({error}); it holds "
                f"{self._device.ledger.largest()}"
            ) from error
