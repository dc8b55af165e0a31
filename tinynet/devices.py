"""Where arrays live and kernels run.

    cpu       NumPy arrays, NumPy twins on all cores
    cuda:N    CuPy arrays, the .cu kernels on GPU number N
    sim:N     the simulator's arrays, the same .cu kernels run on the CPU: to learn and to check

One class serves `cuda:N` and `sim:N`. It is handed CuPy, or the simulator, which answers the same
calls; nothing asks which. So the code that runs on a GPU is the code that tests run without one.
"""

import re
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property
from math import prod
from types import ModuleType

import numpy as np

from tinynet import copies, threads
from tinynet.ledger import DeviceOutOfMemory, Ledger
from tinynet.memory import Pool

SHARES = 16  # on the CPU sums over the batch are cut so, whatever the number of cores
PART = 4 << 20  # bytes that the columns of one part of a batch may take on the CPU, if they can
WORKSPACE = 256 << 20  # and on a GPU


class Device:
    """A place for arrays: its name, and the array module (`xp`) that computes there."""

    def __init__(self, name: str, xp: ModuleType):
        self.name = name
        self.xp = xp
        self.ledger = Ledger(self.bytes_in_use)

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __reduce__(self):
        return device, (self.name,)  # copy.deepcopy(model) stays on this very device

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        array = self.empty(shape, dtype)
        self.write(array, 0)
        return array

    def write(self, array, values, index=...) -> None:
        """array[index] = values, for NumPy values and an array that is here."""
        with self.active():
            array[index] = self.asarray(np.asarray(values, array.dtype))


class Cpu(Device):
    """NumPy, with a pool of memory and a worker thread on each core."""

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
        """What the pool has given out, and what of these arrays came from elsewhere."""
        return self.pool.in_use + sum(a.nbytes for a in arrays if not self.pool.made(a))

    def memory_limit(self) -> int:
        """How many bytes there may be in use; 0: no limit is set."""
        return 0

    def buffers(self) -> list[tuple[str, np.ndarray]]:
        """All buffers that `scratch` keeps, with their names."""
        return threads.scratch_buffers()

    def asarray(self, array) -> np.ndarray:
        """The array here and C-contiguous; no copy where it is so already."""
        if not isinstance(array, np.ndarray | np.generic):
            raise TypeError(f"cpu: expects a NumPy array, got {type(array).__name__}")
        return self.contiguous(array)

    def contiguous(self, array) -> np.ndarray:
        """The array in C order, as kernels want it; no copy where it is so already."""
        return np.asarray(array, order="C")  # ascontiguousarray would give 0-d arrays an axis

    def owns(self, array) -> bool:
        """Is this an array that lives here?"""
        return isinstance(array, np.ndarray)

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """Run `task(i)` for every i below `count`, in any order, on all the device has."""
        threads.for_each(count, task)

    def for_each_part(
        self,
        images: range,
        groups: int,
        image_bytes: int,
        task: Callable[[slice, slice], object],
    ) -> None:
        """Run `task(images, groups)` on parts of a batch small enough to be worked on at once.

        Here a part's columns stay in a core's cache: some small images, or one, or a group of one.
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

        The cut depends on nothing but n, so the sum has the same bits on any number of cores.
        """
        count = min(n, SHARES)
        return [range(i * n // count, (i + 1) * n // count) for i in range(count)]

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A buffer to be used at once: the next call with this name on this worker reuses it."""
        return threads.scratch(name, shape, dtype)


class Gpu(Device):
    """A GPU, real or simulated: all that is said to it goes through CuPy's names in `xp`."""

    def __init__(self, kind: str, index: int, xp: ModuleType):
        super().__init__(f"{kind}:{index}", xp)
        self.index = index
        self._buffers: dict[str, object] = {}
        self.lent: deque[tuple] = deque()  # (event, what a copy reads until the event has passed)

    @cached_property
    def copies(self):
        """The stream of the copies that come here: they run beside the kernels."""
        with self.active():
            return self.xp.cuda.Stream(non_blocking=True)

    def lend(self, event, arrays: tuple) -> None:
        """Keep the arrays alive until the event, of a copy that reads them, has passed."""
        self.take_back()
        self.lent.append((event, arrays))

    def take_back(self) -> None:
        """Let go of what copies have done with."""
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
        """What the memory pool has given out, to these arrays and all others."""
        with self.active():
            return self.xp.get_default_memory_pool().used_bytes()

    def memory_limit(self) -> int:
        """How many bytes there may be in use; 0: no limit is set."""
        with self.active():
            return self.xp.get_default_memory_pool().get_limit()

    def buffers(self) -> list[tuple[str, object]]:
        """All buffers that `scratch` keeps, with their names."""
        return [*self._buffers.items()]

    def drop_buffers(self) -> None:
        """Give the memory of these buffers back."""
        self._buffers.clear()

    def asarray(self, array):
        """A NumPy array copied here, or an array that is here made contiguous."""
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
        """One after the other: each task is kernels, and those fill the GPU."""
        for i in range(count):
            task(i)

    def for_each_part(
        self,
        images: range,
        groups: int,
        image_bytes: int,
        task: Callable[[slice, slice], object],
    ) -> None:
        """Here a part is as many whole images as the workspace holds columns of."""
        step = max(1, WORKSPACE // image_bytes)
        for start in range(images.start, images.stop, step):
            task(slice(start, min(start + step, images.stop)), slice(0, groups))

    def shares(self, n: int) -> list[range]:
        return [range(n)]

    def scratch(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """A buffer that is kept: one stream runs all kernels, so the next use comes after this."""
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


def copy(array, source: Device, target: Device):
    """The array of one device copied to another."""
    if isinstance(source, Gpu) and isinstance(target, Gpu) and source.xp is target.xp:
        return copies.between_gpus(array, source, target)
    return target.asarray(source.to_numpy(array))


def device(name: str | Device | None = None) -> Device:
    """The device called `name`, "cpu" (also the default), "cuda:0" or "sim:0".

    Raises ValueError in one line where there is no such device, saying why.
    """
    if isinstance(name, Device):
        return name
    if name is None:
        name = "cpu"
    if not isinstance(name, str):
        raise TypeError(f"device: expected a name such as 'cpu', got {type(name).__name__}")
    return _open(name)


@cache
def _open(name: str) -> Device:
    if name == "cpu":
        return Cpu()
    found = re.fullmatch(r"(cuda|sim):(\d+)", name)
    if found is None:
        raise ValueError(f"device: expected 'cpu', 'cuda:N' or 'sim:N', got {name!r}")
    kind, index = found.group(1), int(found.group(2))
    xp = _cupy(name) if kind == "cuda" else _simulator(name)
    count = xp.cuda.runtime.getDeviceCount()
    if index >= count:
        raise ValueError(f"device: {name!r} does not exist: there are {count}, from {kind}:0 on")
    return Gpu(kind, index, xp)


def _cupy(name: str) -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise ValueError(
            f"device: {name!r} needs CuPy (pip install 'tinynet[cuda12]' or [cuda13]): {error}"
        ) from None
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ValueError(f"device: CuPy finds no GPU for {name!r}: {error}") from None
    return cupy


def _simulator(name: str) -> ModuleType:
    from tinynet import simulator

    if reason := simulator.unavailable():
        raise ValueError(f"device: {name!r} cannot run here: {reason}")
    return simulator
