"""A compiled kernel library: its entries, its shared variables, and the line of an address."""

import ctypes
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

from tinynet.simulator.kernels.source import PADDED, RED_ZONE


class Launch(ctypes.Structure):
    """`sim::Launch` of runtime.h."""

    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("body", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("dynamic_shared", ctypes.c_void_p),
        ("stacks", ctypes.c_void_p),
        ("order", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("seconds", ctypes.c_double),
    ]


class Finding(ctypes.Structure):
    """`sim::Finding` of runtime.h."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("access", ctypes.c_int32),
        ("other_access", ctypes.c_int32),
        ("region", ctypes.c_int32),
        ("block", ctypes.c_uint32 * 3),
        ("thread", ctypes.c_uint32 * 3),
        ("other_block", ctypes.c_uint32 * 3),
        ("other_thread", ctypes.c_uint32 * 3),
        ("element", ctypes.c_int64),
        ("pc", ctypes.c_uint64),
        ("other_pc", ctypes.c_uint64),
        ("detail", ctypes.c_uint64),
        ("line", ctypes.c_uint64),
    ]


class Region(ctypes.Structure):
    """`sim::Region` of runtime.h: memory that check and profile mode watch."""

    _fields_ = [
        ("address", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("itemsize", ctypes.c_uint64),
        ("red_zone", ctypes.c_uint64),
        ("written", ctypes.c_void_p),
        ("shared", ctypes.c_int32),
        ("constant", ctypes.c_int32),
    ]


class LineCost(ctypes.Structure):
    """`sim::LineCost` of profile.cpp."""

    _fields_ = [
        ("pc", ctypes.c_uint64),
        ("requests", ctypes.c_uint64),
        ("lanes", ctypes.c_uint64),
        ("cost", ctypes.c_uint64),
        ("shared", ctypes.c_int32),
        ("access", ctypes.c_int32),
    ]


@dataclass(frozen=True)
class SharedVariable:
    function: str
    name: str
    address: int
    bytes: int


class Library:
    """The shared library of one RawModule in one mode."""

    stacks: ClassVar[int | None] = None  # of the fibers: the first library makes them for all

    def __init__(self, path: Path):
        self.path = path
        self.c = ctypes.CDLL(str(path))
        self.c.sim_launch.argtypes = [
            ctypes.POINTER(Launch),
            ctypes.POINTER(ctypes.POINTER(Finding)),
        ]
        if Library.stacks is None:
            self.c.sim_make_stacks.restype = ctypes.c_void_p
            Library.stacks = self.c.sim_make_stacks()
            if Library.stacks is None:
                raise MemoryError("the simulator cannot get 68 MB of address space for its stacks")

    def parameter_types(self, kernel: str) -> list[str]:
        """As C spells them: ["float*", "const float*", "int"]."""
        spell = self.c[f"{kernel}__parameters"]
        spell.restype = ctypes.c_char_p
        return spell().decode().split(";")[:-1]

    def body(self, kernel: str) -> int:
        return ctypes.cast(self.c[f"{kernel}__body"], ctypes.c_void_p).value

    def launch(self, launch: Launch) -> list[Finding]:
        """Run it to its end, or until something stops it. Python's lock is released meanwhile."""
        found = ctypes.POINTER(Finding)()
        count = self.c.sim_launch(ctypes.byref(launch), ctypes.byref(found))
        return [Finding.from_buffer_copy(found[i]) for i in range(count)]

    def watch(self, regions: list[Region]) -> None:
        """Check and profile mode: the memory that the next launch may touch."""
        if not self.c.sim_watch((Region * len(regions))(*regions), len(regions)):
            raise ValueError(f"the simulator cannot watch {len(regions)} arrays in one launch")

    def line_costs(self) -> list[LineCost]:
        """Profile mode: the costs of the last launch, one entry per instruction."""
        room = (LineCost * 4096)()
        return room[: self.c.sim_profile(room, len(room))]

    def shared_variables(self, kernel: str) -> list[SharedVariable]:
        """The `__shared__` variables that a block of `kernel` has.

        A device function may serve any kernel, so its variables count for all of them.
        """
        others = {name for name in self._kernels if name != kernel}
        return [variable for variable in self._shared if variable.function not in others]

    @cached_property
    def _symbols(self) -> list[list[str]]:
        listing = subprocess.run(["nm", "-S", str(self.path)], capture_output=True, text=True)
        return [row.split() for row in listing.stdout.splitlines()]

    @cached_property
    def _kernels(self) -> list[str]:
        return [row[-1].removesuffix("__body") for row in self._symbols if "__body" in row[-1]]

    @cached_property
    def _shared(self) -> list[SharedVariable]:
        """Shared variables are the static variables that source.py has put between red zones.

        The compiler calls such a variable `_ZZ<function>E<variable>`, each preceded by its length.
        """
        found = []
        for row in self._symbols:
            match = re.match(r"_ZZL?(\d+)(\w+)E(\d+)(\w+)$", row[-1])
            if match is None or not match[4].startswith(PADDED):
                continue
            function = match[2][: int(match[1])]
            name = match[4][: int(match[3])].removeprefix(PADDED)
            address, size = int(row[0], 16) + self._base, int(row[1], 16)
            found.append(SharedVariable(function, name, address + RED_ZONE, size - 2 * RED_ZONE))
        return found

    @cached_property
    def _base(self) -> int:
        """Where the library was loaded: an address in it now, less the same address in its file."""
        offset = next(int(row[0], 16) for row in self._symbols if row[-1] == "sim_launch")
        return ctypes.cast(self.c.sim_launch, ctypes.c_void_p).value - offset

    def lines(self, offsets: list[int], file: str) -> list[tuple[str | None, int | None]]:
        """The (file, line) of each instruction, given as an offset in the library.

        For a function that was inlined, the line of the caller that lies in `file`; (None, None)
        if there is none.
        """
        return [_line(str(self.path), offset, file) for offset in offsets]


@lru_cache(maxsize=4096)
def _line(path: str, offset: int, wanted: str) -> tuple[str | None, int | None]:
    if offset == 0:
        return None, None
    command = ["addr2line", "-i", "-e", path, hex(offset)]
    answer = subprocess.run(command, capture_output=True, text=True)
    for row in answer.stdout.splitlines():
        # The compiler ran in the library's folder, which therefore precedes a relative name.
        match = re.match(r"(.+):(\d+)(?: |$)", row.removeprefix(f"{Path(path).parent}/"))
        if match is not None and match[1] == wanted:
            return match[1], int(match[2])
    return None, None
