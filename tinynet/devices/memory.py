"""Memory that is used again: `Pool` for arrays on the CPU, `Scratch` for buffers on any device.

Large arrays on the CPU live in blocks that dead arrays gave back. The C library returns a large
block to the system when it is freed, and the next one comes fresh: the system hands it out page by
page, zeroing each, which costs more than most operations that write to it (measured: ReLU of 150 MB
takes 15 ms into a block used before, 37 ms into a fresh one). Every training step asks for the same
sizes, so the blocks of one step serve the next.
"""

import os
import threading
from collections.abc import Callable
from math import prod
from weakref import WeakSet

import numpy as np

SMALLEST = 1 << 20  # bytes; the C library keeps smaller blocks itself
ALIGNMENT = 64  # bytes: a cache line, and the widest vector registers
LOOSE = 4  # a block may be this many times larger than what is put into it
SLACK = 1.25  # blocks are kept up to this many times what was ever in use at once

_pools: "WeakSet[Pool]" = WeakSet()
_scratches: "WeakSet[Scratch]" = WeakSet()


class Pool:
    """Blocks of memory. `empty` takes one; it comes back when the array and its views are dead."""

    def __init__(self, taken: Callable[[], object] = lambda: None):
        self._taken = taken  # called when a block has been taken
        self.in_use = 0  # bytes, of blocks that hold arrays
        self.peak = 0
        self.kept = 0  # bytes, of free blocks
        self._free: list[np.ndarray] = []  # the longest unused first
        # Reentrant: garbage collection may return a block in the middle of `empty`.
        self.lock = threading.RLock()
        _pools.add(self)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of unknown contents, as np.empty gives it."""
        dtype = np.dtype(dtype)
        nbytes = prod(shape) * dtype.itemsize
        if nbytes < SMALLEST:
            return np.empty(shape, dtype)
        lease = _Lease(self, self._take(nbytes))
        self._taken()
        return np.asarray(lease)[:nbytes].view(dtype).reshape(shape)

    def made(self, array: np.ndarray) -> bool:
        """Does the array, or what it is a view of, lie in one of these blocks?"""
        while isinstance(array, np.ndarray):
            array = array.base
        return isinstance(array, _Lease) and array.pool is self

    def _take(self, nbytes: int) -> np.ndarray:
        """The smallest free block that fits and is not much too large, else a new one."""
        with self.lock:
            fitting = [i for i, b in enumerate(self._free) if nbytes <= b.nbytes <= LOOSE * nbytes]
            if fitting:
                block = self._free.pop(min(fitting, key=lambda i: self._free[i].nbytes))
                self.kept -= block.nbytes
            else:
                block = _new_block(nbytes)
            self.in_use += block.nbytes
            self.peak = max(self.peak, self.in_use)
            while self._free and self.in_use + self.kept > SLACK * self.peak:
                self.kept -= self._free.pop(0).nbytes
            return block

    def give_back(self, block: np.ndarray) -> None:
        with self.lock:
            self.in_use -= block.nbytes
            self.kept += block.nbytes
            self._free.append(block)


def _new_block(nbytes: int) -> np.ndarray:
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + nbytes]


class _Lease:
    """Ends the `.base` chain of an array and all its views, and dies with the last of them."""

    def __init__(self, pool: Pool, block: np.ndarray):
        self.pool, self.block = pool, block
        self.__array_interface__ = block.__array_interface__

    def __del__(self):
        self.pool.give_back(self.block)


class Scratch:
    """Buffers by name. They live as long as the thread that asked for them.

    A buffer that two threads shared would be overwritten by one while the other still reads it.
    """

    def __init__(self, allocate: Callable[[int], object]):
        self._allocate = allocate  # so many bytes, as an array of uint8
        self.allocated = 0  # how many buffers were ever made
        self._of_thread = threading.local()
        self._all: WeakSet[_Buffers] = WeakSet()
        self.lock = threading.Lock()
        _scratches.add(self)

    def __call__(self, name: str, shape: tuple[int, ...], dtype: np.dtype):
        """This thread's buffer called `name`: its contents are what the last user of it left."""
        buffers = getattr(self._of_thread, "buffers", None)
        if buffers is None:
            buffers = self._of_thread.buffers = _Buffers()
            with self.lock:
                self._all.add(buffers)
        size = prod(shape) * np.dtype(dtype).itemsize
        buffer = buffers.by_name.get(name)
        if buffer is None or buffer.nbytes < size:
            buffers.by_name.pop(name, None)  # the old one makes room for the new one
            buffer = buffers.by_name[name] = self._allocate(size)
            self.allocated += 1
        return buffer[:size].view(dtype).reshape(shape)

    def buffers(self) -> list[tuple[str, object]]:
        """The buffers of all threads, with their names."""
        with self.lock:
            return [item for buffers in self._all for item in list(buffers.by_name.items())]

    def drop(self) -> None:
        """Free the buffers of all threads."""
        with self.lock:
            for buffers in self._all:
                buffers.by_name.clear()


class _Buffers:
    """Those of one thread."""

    def __init__(self):
        self.by_name: dict[str, object] = {}


# ---------------------------------------------------------------- forks

# A forked process has the locks, but not the threads that hold them: there they would be locked for
# ever, and what they guard half changed. So whoever forks holds them all.
_held: list = []


def _before_fork() -> None:
    global _held
    # In this order, as a scratch buffer that is dropped goes back to a pool.
    locks = [owner.lock for owner in (*_scratches, *_pools)]
    for lock in locks:
        lock.acquire()
    _held = locks


def _after_fork() -> None:
    global _held
    locks, _held = _held, []  # another thread may fork as soon as the first is released
    for lock in reversed(locks):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
