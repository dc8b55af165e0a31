"""Buffers for immediate use, kept from call to call: each thread has its own."""

import threading
from collections.abc import Callable
from math import prod
from weakref import WeakSet

import numpy as np


class Scratch:
    """Buffers by name. They live as long as the thread that asked for them.

    A buffer that two threads shared would be overwritten by one while the other still reads it.
    """

    def __init__(self, allocate: Callable[[int], object]):
        self._allocate = allocate  # so many bytes, as an array of uint8
        self._of_thread = threading.local()
        self._all: WeakSet[_Buffers] = WeakSet()
        self._lock = threading.Lock()

    def __call__(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """This thread's buffer called `name`: its contents are what the last user of it left."""
        buffers = getattr(self._of_thread, "buffers", None)
        if buffers is None:
            buffers = self._of_thread.buffers = _Buffers()
            with self._lock:
                self._all.add(buffers)
        size = prod(shape) * np.dtype(dtype).itemsize
        buffer = buffers.by_name.get(name)
        if buffer is None or buffer.nbytes < size:
            buffers.by_name.pop(name, None)  # the old one makes room for the new one
            buffer = buffers.by_name[name] = self._allocate(size)
        return buffer[:size].view(dtype).reshape(shape)

    def buffers(self) -> list[tuple[str, object]]:
        """The buffers of all threads, with their names."""
        with self._lock:
            return [item for buffers in self._all for item in list(buffers.by_name.items())]

    def drop(self) -> None:
        """Free the buffers of all threads."""
        with self._lock:
            for buffers in self._all:
                buffers.by_name.clear()


class _Buffers:
    """Those of one thread."""

    def __init__(self):
        self.by_name: dict[str, object] = {}
