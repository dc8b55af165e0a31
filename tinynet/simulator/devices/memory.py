"""The memory of simulated devices: the host's, but counted, limited, and separate for each device.

As in CuPy, each thread of the host has a current device, 0 at first; what it makes is made there.
"""

import ctypes
import threading
import weakref
from collections import deque

import numpy as np

from tinynet.simulator.devices.arena import Arena, Piece
from tinynet.simulator.dry import is_dry
from tinynet.simulator.locks import BOOKS
from tinynet.simulator.settings import chosen_memory, chosen_mode

DEVICES = 8  # sim:0 to sim:7 exist

_current = threading.local()


class OutOfMemoryError(MemoryError):
    """An allocation would take a device's pool over its limit."""


def current_device() -> int:
    """The number of the device that is current in this thread."""
    return getattr(_current, "device", 0)


def set_current_device(device: int) -> None:
    _current.device = device


class Memory:
    """One allocation on one device; it ends with its last user.

    root      the NumPy array that owns it
    written   check mode: a byte for each byte, 0 where nothing has been written yet; else None
    """

    def __init__(self, device: int, data: np.ndarray, holds_something: bool):
        self.device = device
        self.root = root(data)
        self.written = None
        if not holds_something and chosen_mode(None) == "check":
            self.written = np.zeros(self.root.nbytes, np.uint8)
        piece = POOL.charge(device, self.root.nbytes)
        weakref.finalize(self, POOL.give_back, device, piece)

    @property
    def address(self) -> int:
        return self.root.ctypes.data

    @property
    def bytes(self) -> np.ndarray:
        content = (ctypes.c_uint8 * self.root.nbytes).from_address(self.address)
        return np.ctypeslib.as_array(content)

    def written_part(self, array: np.ndarray) -> np.ndarray | None:
        """The bytes of `written` that stand for `array`, in its shape with its itemsize last."""
        if self.written is None:
            return None
        return np.lib.stride_tricks.as_strided(
            self.written[array.ctypes.data - self.address :],
            (*array.shape, array.itemsize),
            (*array.strides, 1),
        )


def root(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory that `array` is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class MemoryPool:
    """`cupy.get_default_memory_pool()`: figures are those of the current device."""

    def __init__(self) -> None:
        self._arenas = [Arena() for _ in range(DEVICES)]
        self._returned: deque[tuple[int, Piece]] = deque()  # (device, piece), not yet in the books

    def give_back(self, device: int, piece: Piece) -> None:
        """Called by garbage collection at any moment, even amid `charge`, so it takes no lock."""
        self._returned.append((device, piece))

    def charge(self, device: int, nbytes: int) -> Piece:
        with BOOKS:
            self._settle()
            arena = self._arenas[device]
            limit = 0 if is_dry() else chosen_memory()
            piece = arena.hand_out(nbytes, limit)
            if piece is None:
                raise OutOfMemoryError(
                    f"sim:{device} is out of memory: {nbytes:,} bytes wanted, "
                    f"{arena.used:,} in use of {arena.taken:,} taken, the limit is {limit:,}"
                )
            return piece

    def used_bytes(self) -> int:
        """Bytes that arrays take."""
        with BOOKS:
            self._settle()
            return self._arenas[current_device()].used

    def total_bytes(self) -> int:
        """Bytes taken from the driver, whether they hold anything or not."""
        with BOOKS:
            self._settle()
            return self._arenas[current_device()].taken

    def free_all_blocks(self) -> None:
        """Give back to the driver what holds nothing, where it is a whole block."""
        with BOOKS:
            self._settle()
            self._arenas[current_device()].give_up_free_blocks()

    def get_limit(self) -> int:
        """What TINYNET_SIM_MEMORY says, the same for each device; 0: there is no limit."""
        return chosen_memory()

    def _settle(self) -> None:
        while self._returned:
            device, piece = self._returned.popleft()
            self._arenas[device].take_back(piece)


POOL = MemoryPool()
