"""What the host sends to a GPU at every step: no kernel waits for it but the one that reads it.

A GPU fetches by itself only what lies in pinned memory, in pages that stay in place. So the host
puts a step's arrays there, one after another; one copy brings them all to a buffer on the GPU, on
the stream of its copies; and the first kernel of the step reads them. Two events order this:

    host       arrays -> pinned memory, once the last `arrived` has passed
    copies     wait for read | pinned memory -> buffer | arrived
    kernels    ..the step before..    wait for arrived | read them | read | the rest of this step..

The host runs ahead of the GPU. So the copy for a step runs while the kernels are still at work on
the step before; that one has long read its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tinynet.devices.copies import mark, pinned

ALIGNMENT = 256  # bytes: where each array begins, as those of the memory pool do


class Mailbox:
    """The pinned memory of one thread, for what it sends to the GPU `device`."""

    def __init__(self, device):
        self.device = device
        self.memory = np.empty(0, np.uint8)
        self.allocated = 0  # of the GPU's buffers, when `read` was recorded
        self.arrived = self.read = None

    @contextmanager
    def delivered(self, arrays: tuple) -> Iterator[list]:
        """Inside `with`, copies of the arrays on the GPU. All that reads them is issued there."""
        ends = np.cumsum([-(-a.nbytes // ALIGNMENT) * ALIGNMENT for a in arrays]).tolist()
        starts, size = [0, *ends[:-1]], ends[-1]
        self._post(arrays, starts, size)
        buffer = self.device.scratch("mailbox", (size,), np.dtype(np.uint8))
        with self.device.active():
            self._send(buffer)
            there = [_typed(buffer, start, a) for start, a in zip(starts, arrays)]
            for copy, a in zip(there, arrays):
                if self.device.owns(a):
                    copy[...] = a
            try:
                yield there
            finally:
                self.read = mark(self.device)

    def _post(self, arrays: tuple, starts: list[int], size: int) -> None:
        """Put NumPy's arrays into pinned memory, which the last copy must have read by then."""
        if self.arrived is not None and not self.arrived.done:
            self.arrived.synchronize()
        if self.memory.size < size:
            with self.device.active():
                self.memory = pinned(self.device.xp, size)
        for start, a in zip(starts, arrays):
            if not self.device.owns(a):
                _typed(self.memory, start, a)[...] = a

    def _send(self, buffer) -> None:
        stream = self.device.copies
        allocated = self.device.scratch.allocated
        if allocated != self.allocated:  # it may be new, of memory that earlier kernels still use
            self.allocated, self.read = allocated, mark(self.device)
        stream.wait_event(self.read)
        buffer.set(self.memory[: buffer.size], stream=stream)
        self.arrived = mark(self.device, stream)
        self.device.xp.cuda.get_current_stream().wait_event(self.arrived)


def _typed(memory, start: int, like):
    """The bytes from `start` on as an array like this one."""
    return memory[start : start + like.nbytes].view(like.dtype).reshape(like.shape)
