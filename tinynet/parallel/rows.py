"""The row in which all gradients of a rank lie while the ranks add them up, on the host or a GPU.

A GPU works through queues, of which MPI knows nothing. So a method that only issues work gives back
an event, and MPI is called once that has passed. And what MPI brings is used only after MPI has
said that it is there.
"""

import numpy as np

from tinynet.devices import Device, Gpu
from tinynet.devices.copies import mark, pinned
from tinynet.parallel.ranks import Ranks
from tinynet.tensor import Tensor


class HostRow:
    """In memory of the host. Gradients of a GPU come here by copies that run beside its kernels."""

    def __init__(self, length: int, dtype: np.dtype, gpu: Gpu | None):
        self.array = np.zeros(length, dtype)
        if gpu is not None:  # pages that stay in place, or a copy would wait for the kernels
            with gpu.active():
                self.array = pinned(gpu.xp, length * dtype.itemsize).view(dtype)
            self.array[...] = 0
        self.where = "" if gpu is None else ", from pinned memory of the host"
        self._given: dict[Device, object] = {}  # by GPU: the event after it has read its sums

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Memory of the row's kind."""
        return np.zeros(shape, dtype)

    def take(self, place: slice, leaf: Tensor):
        """Copy a gradient to its place; an event after that, or None if it is done."""
        if not isinstance(leaf.device, Gpu):
            self.array[place] = leaf.grad.data.reshape(-1)
            return None
        with leaf.device.active():
            leaf.grad.data.reshape(-1).get(out=self.array[place], blocking=False)
            return mark(leaf.device)

    def clear(self):
        """Zeros for all gradients; an event after that, or None if it is done."""
        for event in self._given.values():
            event.synchronize()
        self.array[...] = 0

    def add(self, rank: int, sums: np.ndarray, parts: np.ndarray):
        """sums[rank] = parts[0] + parts[1] + ..., in this order, where parts[rank] is not there yet
        but in sums[rank]. Done at the return."""
        parts[rank] = sums[rank]
        sums[rank] = parts[0]
        for part in parts[1:]:
            sums[rank] += part

    def give(self, place: slice, p: Tensor) -> None:
        """Make what lies at a place the gradient of p; on the CPU it stays in the row."""
        sums = self.array[place].reshape(p.shape)
        if not isinstance(p.device, Gpu):
            p.grad = Tensor.of(sums, p.device)
            return
        with p.device.active():
            if p.grad is None:
                p.grad = Tensor(sums, device=p.device)
            p.grad.data.set(sums, stream=p.device.xp.cuda.get_current_stream())
            self._given[p.device] = mark(p.device)


class GpuRow:
    """In the GPU's own memory, which MPI reads and writes: the same methods as HostRow's.

    The gradients are the row: a parameter's own array is given back to the memory pool. Sums have a
    stream of their own, so that they do not wait for kernels of backward.
    """

    where = ", from the memory of the GPUs"

    def __init__(self, length: int, dtype: np.dtype, gpu: Gpu):
        self._gpu = gpu
        self.array = self.zeros((length,), dtype)
        with gpu.active():
            self._sums = gpu.xp.cuda.Stream(non_blocking=True)

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        with self._gpu.active():
            array = self._gpu.xp.zeros(shape, dtype)
            mark(self._gpu).synchronize()
        self._gpu.ledger.sample()
        return array

    def take(self, place: slice, leaf: Tensor):
        with self._gpu.active():
            self.array[place] = leaf.grad.data.reshape(-1)
            return mark(self._gpu)

    def clear(self):
        with self._gpu.active():
            self.array[...] = 0
            return mark(self._gpu)

    def add(self, rank: int, sums, parts):
        with self._gpu.active(), self._sums:
            parts[rank] = sums[rank]
            sums[rank] = parts[0]
            for part in parts[1:]:
                sums[rank] += part
        self._sums.synchronize()

    def give(self, place: slice, p: Tensor) -> None:
        p.grad = Tensor.of(self.array[place].reshape(p.shape), self._gpu)


def row_for(parameters: list[Tensor], length: int, ranks: Ranks) -> HostRow | GpuRow:
    """A row of this length. It lies on the GPU if on each rank there is one that MPI can reach.

    Then this GPU is the current one wherever MPI is called, as MPI wants it.
    """
    dtype, gpus = parameters[0].dtype, {p.device for p in parameters if isinstance(p.device, Gpu)}
    gpu = next(iter(gpus), None)
    one = len({p.device for p in parameters}) == len(gpus) == 1
    # What mpi4py asks arrays of a GPU for; a simulated device has its memory to itself.
    seen = one and hasattr(gpu.xp.ndarray, "__cuda_array_interface__")
    if not all(ranks.gather(seen and ranks.takes_gpu_memory)):
        return HostRow(length, dtype, gpu)
    ranks.turn.gpu = gpu
    return GpuRow(length, dtype, gpu)
