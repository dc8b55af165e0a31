"""The devices `cuda:N` and `sim:N`: CuPy's arrays, or the simulator's, and the .cu kernels.

Kernels are compiled on first use, once per file, device and REAL: the text goes to NVRTC through
CuPy, or to the simulator, with -DREAL=float or double. CuPy adds -ftz=true: on a GPU float32
numbers below 1.2e-38 count as 0, in comparisons too. So of two such numbers max-pooling takes the
first, and ReLU lets a negative one pass; the NumPy twins do not.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

import numpy as np

from tinynet.devices.base import Device
from tinynet.devices.ledger import DeviceOutOfMemory
from tinynet.devices.mailbox import Mailbox
from tinynet.devices.memory import Scratch

AMPERE = 80  # the compute capability, 8.0, with which TF32 came
TF32_MATH = 3  # cublasMath_t's CUBLAS_TF32_TENSOR_OP_MATH, which CuPy gives no name


class Gpu(Device):
    """A GPU, real or simulated: it is reached only through CuPy's names in `xp`."""

    shares = 1  # kernels fill the GPU one at a time
    part_bytes = 320 << 20  # so that the paper's conv4 and conv5, at batch 128, are one part
    takes_filters_apart = False  # adding rows up is a pass over memory for each

    def __init__(self, kind: str, index: int, xp: ModuleType):
        super().__init__(f"{kind}:{index}", xp)
        self.index = index
        self.scratch = Scratch(lambda size: self.empty((size,), np.dtype(np.uint8)))
        self.lent: deque[tuple] = deque()  # (event, what a copy reads until the event has passed)
        self._of_thread = threading.local()

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

    def bytes_taken(self) -> int:
        """The bytes that the memory pool has taken: those handed out, and those it keeps."""
        with self.active():
            return self.xp.get_default_memory_pool().total_bytes()

    def memory_limit(self) -> int:
        """How many bytes may be in use at most; 0: no limit is set."""
        with self.active():
            return self.xp.get_default_memory_pool().get_limit()

    def buffers(self) -> list[tuple[str, object]]:
        """All buffers that `scratch` keeps, with their names."""
        return self.scratch.buffers()

    def drop_buffers(self) -> None:
        """Free these buffers, and whatever the memory pool keeps and can give back."""
        self.scratch.drop()
        with self.active():
            self.xp.get_default_memory_pool().free_all_blocks()

    def asarray(self, array):
        """A NumPy array copied to this device, or an array already on it made contiguous."""
        if isinstance(array, np.ndarray | np.generic):
            with self.active():
                return self.xp.asarray(np.asarray(array, order="C"))
        if not self.owns(array):
            raise TypeError(f"{self.name}: expects a NumPy array or its own, got {array!r}")
        return self.contiguous(array)

    def delivered(self, *arrays) -> AbstractContextManager[list]:
        if not hasattr(self._of_thread, "mailbox"):
            self._of_thread.mailbox = Mailbox(self)
        return self._of_thread.mailbox.delivered(arrays)

    def contiguous(self, array):
        if array.flags.c_contiguous:
            return array
        with self.active():  # CuPy copies to the current device, whichever that is
            return array.copy()

    def checked_index(self, index: tuple, shape: tuple[int, ...]) -> tuple:
        """An index for an array of this shape, with its arrays on this device.

        Raises IndexError as NumPy does: CuPy silently wraps what lies out of range.
        """
        np.broadcast_to(np.False_, shape)[index]
        return tuple(self.asarray(part) if isinstance(part, np.ndarray) else part for part in index)

    def owns(self, array) -> bool:
        return isinstance(array, self.xp.ndarray) and array.device.id == self.index

    def to_numpy(self, array) -> np.ndarray:
        with self.active():
            return self.xp.asnumpy(array)

    def run(self, kernel, args: tuple, real: np.dtype) -> None:
        """Issue a kernel on the current stream, with arguments that have been checked."""
        with self.active():
            function = compiled_kernel(self, kernel, real)
            function(*kernel.launch_shape(args), kernel.cast(args, real))

    def multiply(self, out, a, b, add: bool = False) -> None:
        """out = a @ b by cuBLAS, of matrices or of stacks of them; of matrices also out += a @ b.

        Transposed views of matrices cost no copy; of stacks they do.
        """
        with self.active(), self.math_mode():
            if out.ndim == 2 and a.size and b.size:
                self.xp.cublas.gemm("N", "N", a, b, out=out, beta=float(add))
            elif not add:  # or an empty sum, which adds nothing
                self.xp.matmul(a, b, out=out)

    def use_tf32(self, wanted: bool) -> None:
        if wanted and int(self.xp.cuda.Device(self.index).compute_capability) < AMPERE:
            super().use_tf32(wanted)
        self.tf32 = wanted

    @contextmanager
    def math_mode(self) -> Iterator[None]:
        """Inside `with`, cuBLAS multiplies as `tf32` says. Each thread has a handle of its own."""
        if not self.tf32:
            yield
            return
        cublas, handle = self.xp.cuda.cublas, self.xp.cuda.get_cublas_handle()
        cublas.setMathMode(handle, TF32_MATH)
        try:
            yield
        finally:
            cublas.setMathMode(handle, cublas.CUBLAS_DEFAULT_MATH)

    def for_each(self, count: int, task: Callable[[int], object]) -> None:
        """One after another: each task launches kernels, and those fill the GPU."""
        for i in range(count):
            task(i)

    def for_each_chunk(self, total: int, bytes_each: int, task: Callable[[slice], object]) -> None:
        """All in one: a kernel cuts its work itself."""
        task(slice(0, total))


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


@cache
def compiled_kernel(device: Gpu, kernel, real: np.dtype):
    module = compiled_file(device, kernel.path, kernel.source, real)
    return module.get_function(f"{kernel.name}_kernel")


@cache
def compiled_file(device: Gpu, path: Path, text: str, real: np.dtype):
    """A .cu file, compiled for a device and REAL. A `#line` lets compiler errors name the file."""
    code = f'#line 1 "{path.as_posix()}"\n{text}'  # in NVRTC a \ of Windows is an escape
    return device.xp.RawModule(code=code, options=(f"-DREAL={device.reals[real]}",))
