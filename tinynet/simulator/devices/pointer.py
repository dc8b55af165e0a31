"""Addresses in device memory, and copies between two of them: CuPy's `array.data`."""

import numpy as np

from tinynet.simulator.devices.memory import Memory
from tinynet.simulator.devices.streams import Stream, get_current_stream
from tinynet.simulator.dry import is_dry


class MemoryPointer:
    """An address in a device's memory, which it keeps alive."""

    def __init__(self, memory: Memory, array: np.ndarray):
        self.memory = memory
        self.ptr = array.ctypes.data

    @property
    def device_id(self) -> int:
        return self.memory.device

    def copy_from_device_async(
        self, source: "MemoryPointer", size: int, stream: Stream | None = None
    ) -> None:
        """Copy `size` bytes from any device's memory, after what the stream has been given."""
        if is_dry():
            return
        target = self.bytes(size)
        values = source.bytes(size)

        def copy() -> None:
            target[:] = values
            if self.memory.written is not None:
                self.written(size)[:] = source.written(size)

        (stream or get_current_stream()).submit(copy)

    def bytes(self, size: int) -> np.ndarray:
        """The `size` bytes from here on, which must lie in one allocation."""
        return self._from_here(self.memory.bytes, size)

    def written(self, size: int) -> np.ndarray | int:
        """Which of them hold something; see Memory."""
        return 1 if self.memory.written is None else self._from_here(self.memory.written, size)

    def _from_here(self, whole: np.ndarray, size: int) -> np.ndarray:
        first = self.ptr - self.memory.address
        if first + size > whole.size:
            left = whole.size - first
            raise ValueError(
                f"copy of {size} bytes on sim:{self.memory.device}, where only {left} are left"
            )
        return whole[first : first + size]
