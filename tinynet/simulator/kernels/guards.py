"""Check and profile mode: copies of the arguments with nothing around them, and what they hold.

A kernel that reads `x[n]` reads whatever the heap has there. So while a kernel is watched it works
on copies, each between two red zones in which no argument lies: an access there is out of bounds,
and the runtime says of which array. Arguments that overlap share one copy, as they share memory.

A fenced kernel in run mode works on such copies too. Nobody watches it there, but what it writes
into a red zone is found afterwards, and harms nothing.
"""

import ctypes
from dataclasses import dataclass, field

import numpy as np

from tinynet.simulator.kernels.c_types import grain
from tinynet.simulator.kernels.runtime import Region

RED_ZONE = 1 << 16
UNTOUCHED = 0x7F  # each byte of a fenced red zone: a float is then 3.4e38, an int 2139062143
ALIGNMENT = 256  # as from cudaMalloc, so that sectors are counted as on a GPU


@dataclass
class Argument:
    """An array argument, as the kernel's parameter list has it."""

    name: str
    array: np.ndarray  # C-contiguous
    constant: bool  # the parameter is a pointer to const
    written: np.ndarray | None  # for each byte of the array: does it hold anything? None: yes

    @property
    def start(self) -> int:
        return self.array.ctypes.data

    @property
    def stop(self) -> int:
        return self.start + self.array.nbytes


@dataclass
class Packed:
    """A structure, passed by its value: its bytes, and the arrays that its fields point to."""

    box: ctypes.Array
    arrays: tuple[tuple[int, Argument], ...]  # (offset in the box, array)


@dataclass
class Guard:
    """One copy: of an argument, or of several that overlap."""

    arguments: list[Argument] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = min(argument.start for argument in self.arguments)
        self.stop = max(argument.stop for argument in self.arguments)
        self.name = "/".join(dict.fromkeys(argument.name for argument in self.arguments))
        self.shape = self.arguments[0].array.shape
        self.dtype = self.arguments[0].array.dtype
        self.itemsize = min(grain(argument.array.dtype) for argument in self.arguments)
        self.constant = all(argument.constant for argument in self.arguments)
        self.copy = aligned(self.stop - self.start)
        for argument in self.arguments:
            self.copy[self._part(argument)] = _bytes(argument.array)
        self.written = self._written()

    def _written(self) -> np.ndarray | None:
        """A byte for each element: does it hold anything? None: all of them do."""
        if all(argument.written is None for argument in self.arguments):
            return None
        written = np.zeros(self.copy.size, np.uint8)
        for argument in self.arguments:
            written[self._part(argument)] |= 1 if argument.written is None else argument.written
        return np.ascontiguousarray(written.reshape(-1, self.itemsize).min(axis=1))

    def _part(self, argument: Argument) -> slice:
        return slice(argument.start - self.start, argument.stop - self.start)

    def address(self, argument: Argument) -> int:
        """Where the kernel finds this argument."""
        return self.copy.ctypes.data + argument.start - self.start

    def region(self) -> Region:
        return Region(
            address=self.copy.ctypes.data,
            bytes=self.copy.size,
            itemsize=self.itemsize,
            red_zone=RED_ZONE,
            written=None if self.written is None else self.written.ctypes.data,
            constant=self.constant,
        )

    def give_back(self) -> None:
        """Copy what the kernel wrote back to the arguments themselves."""
        for argument in self.arguments:
            if argument.constant:
                continue
            _bytes(argument.array)[:] = self.copy[self._part(argument)]
            if argument.written is not None:
                argument.written[:] = np.repeat(self.written, self.itemsize)[self._part(argument)]


def aligned(size: int) -> np.ndarray:
    """`size` bytes, aligned as CUDA's are, with a red zone before and after."""
    room = np.empty(size + 2 * RED_ZONE + ALIGNMENT, np.uint8)
    first = RED_ZONE + -(room.ctypes.data + RED_ZONE) % ALIGNMENT
    return room[first : first + size]


def fence(memory: np.ndarray) -> None:
    """Prepare the red zones around memory from `aligned` for `trespassed`."""
    for zone in _red_zones(memory):
        zone[:] = UNTOUCHED


def trespassed(memory: np.ndarray) -> str | None:
    """Where something was written since `fence`: "before" or "after" the memory; None: nowhere."""
    before, after = (bool((zone != UNTOUCHED).any()) for zone in _red_zones(memory))
    return "before" if before else "after" if after else None


def _red_zones(memory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    room = memory.base
    first = memory.ctypes.data - room.ctypes.data
    return room[:first], room[first + memory.size :]


def guard(arguments: list[Argument]) -> list[Guard]:
    """Copies of these arguments, in their order wherever they lie; those that overlap share one."""
    place = {id(argument): i for i, argument in enumerate(arguments)}
    groups: list[list[Argument]] = []
    stop = 0
    for argument in sorted(arguments, key=lambda argument: argument.start):
        if groups and argument.start < stop:
            groups[-1].append(argument)
        else:
            groups.append([argument])
        stop = max(stop, argument.stop)
    groups.sort(key=lambda group: min(place[id(argument)] for argument in group))
    return [Guard(group) for group in groups]


def _bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)
