"""A compiled kernel library: its entries, its shared variables, and the line of an address."""

import ctypes
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from tinynet.simulator.kernels.cache import content, kept
from tinynet.simulator.kernels.lines import CodeText
from tinynet.simulator.kernels.runtime import (
    BlockRuns,
    Finding,
    Kept,
    Launch,
    LineCost,
    LineRuns,
    Region,
    Step,
    Touch,
    Wanted,
)
from tinynet.simulator.kernels.variables import RED_ZONE, SHARED


@dataclass(frozen=True)
class SharedVariable:
    """function: what the compiler calls the one that it lies in; None outside of all."""

    function: str | None
    name: str
    address: int
    bytes: int


@dataclass(frozen=True)
class ModuleVariable:
    """A __device__ or __constant__ variable. type: of its elements, as C spells it."""

    name: str
    address: int
    type: str
    shape: tuple[int, ...]
    bytes: int


class Library:
    """The shared library of one RawModule in one mode."""

    stacks: ClassVar[int | None] = None  # of the fibers: the first library makes them for all

    def __init__(self, path: str):
        self.path = Path(path)
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

    def variable(self, name: str, symbol: str) -> ModuleVariable:
        """The __device__ or __constant__ variable whose entry has this symbol."""
        place, describe = self.c[f"{symbol}__address"], self.c[f"{symbol}__variable"]
        place.restype, describe.restype = ctypes.c_void_p, ctypes.c_char_p
        type_, size, *shape = describe().decode().split(";")[:-1]
        return ModuleVariable(name, place(), type_, tuple(map(int, shape)), int(size))

    def body(self, kernel: str) -> int:
        return ctypes.cast(self.c[f"{kernel}__body"], ctypes.c_void_p).value

    def launch(self, launch: Launch) -> list[Finding]:
        """Run it to its end, or until something stops it. Python's lock is released meanwhile."""
        found = ctypes.POINTER(Finding)()
        count = self.c.sim_launch(ctypes.byref(launch), ctypes.byref(found))
        return [Finding.from_buffer_copy(found[i]) for i in range(count)]

    def stand(self) -> list[tuple[int, int]]:
        """After a launch that was stopped: `sim::Stand` of each thread of its block, and the line.

        Below 0 are the lines of those that lockstep.cpp holds.
        """
        stands, lines = (ctypes.c_int32 * 1024)(), (ctypes.c_int32 * 1024)()
        threads = self.c.sim_stand(stands, lines)
        return list(zip(stands[:threads], lines[:threads]))

    def watch(self, regions: list[Region]) -> None:
        """Check and profile mode: the memory that the next launch may touch."""
        if not self.c.sim_watch((Region * len(regions))(*regions), len(regions)):
            raise ValueError(f"the simulator cannot watch {len(regions)} arrays in one launch")

    def line_costs(self) -> list[LineCost]:
        """Profile mode: the costs of the last launch, one entry per instruction."""
        room = (LineCost * 4096)()
        return room[: self.c.sim_profile(room, len(room))]

    def line_runs(self) -> list[LineRuns]:
        """Profile mode: how the warps of the last launch went through the lines."""
        room = (LineRuns * 4096)()
        return room[: self.c.sim_line_runs(room, len(room))]

    def block_lanes(self) -> dict[int, int]:
        """Profile mode: how many lanes have run the basic block that an offset lies in."""
        room = (BlockRuns * 65536)()
        return {run.at: run.lanes for run in room[: self.c.sim_block_runs(room, len(room))]}

    def trace(self, text: CodeText) -> None:
        """Profile mode: this is the kernel's own text."""
        arrays = [np.asarray(rows, np.uint32) for rows in (text.functions, text.blocks, text.rows)]
        self.c.sim_text(
            *(part for a in arrays for part in (a.ctypes.data_as(ctypes.c_void_p), len(a)))
        )

    def record(self, wanted: Wanted) -> None:
        """Profile mode: keep the steps of these warps, in the next launch."""
        self.c.sim_record(ctypes.byref(wanted))

    def recorded(self) -> tuple[np.ndarray, ...]:
        """What has been kept of the last launch: steps, accesses, and what each lane touched."""
        where, how_many = (ctypes.c_void_p * 3)(), (ctypes.c_uint64 * 3)()
        self.c.sim_recorded(where, how_many)
        return tuple(
            np.ctypeslib.as_array(ctypes.cast(at, ctypes.POINTER(kind)), (count,)).copy()
            if count
            else np.empty(0, np.dtype(kind))
            for at, count, kind in zip(where, how_many, (Step, Kept, Touch))
        )

    def shared_variables(self, kernel: str) -> list[SharedVariable]:
        """The `__shared__` variables that a block of `kernel` has.

        A device function may serve any kernel, so its variables count for all of them.
        """
        others = set().union(*(of for name, of in self._kernels.items() if name != kernel))
        others -= self._kernels[kernel]
        return [variable for variable in self._shared if variable.function not in others]

    @cached_property
    def _symbols(self) -> list[list[str]]:
        listing = kept(f"{self.path.stem}.symbols", self._list_symbols)
        return [row.split() for row in content(listing).decode().splitlines()]

    def _list_symbols(self, made: Path) -> None:
        listing = subprocess.run(["nm", "-S", str(self.path)], capture_output=True)
        made.write_bytes(listing.stdout)

    @cached_property
    def _kernels(self) -> dict[str, set[str]]:
        """For each entry what the compiler calls its kernel, as the names of its variables have it.

        The function _Z5saxpyIfEvPT_i is 5saxpyIfEvPT_i there, and relu of extern "C" is 4relu.
        """
        names: dict[int, set[str]] = {}
        for address, *_, name in (row for row in self._symbols if len(row) > 2):
            mangled = name[2:] if name.startswith("_Z") else f"{len(name)}{name}"
            names.setdefault(int(address, 16) + self._base, set()).add(mangled)
        found = {}
        for row in self._symbols:
            if row[-1].endswith("__function"):
                function = self.c[row[-1]]
                function.restype = ctypes.c_void_p
                found[row[-1].removesuffix("__function")] = names[function()]
        return found

    @cached_property
    def _shared(self) -> list[SharedVariable]:
        """Shared variables are the static variables that variables.py has put between red zones.

        The compiler calls such a variable `_ZZ<function>E<variable>`, preceded by its length; and
        one that is outside of every function `_ZL<variable>`.
        """
        found = []
        for row in self._symbols:
            match = re.match(rf"_Z(?:Z(.+)E|L|)(\d+)({SHARED}\w+)$", row[-1])
            if match is None:
                continue
            name = match[3][: int(match[2])].removeprefix(SHARED)
            address, size = int(row[0], 16) + self._base, int(row[1], 16)
            variable = SharedVariable(match[1], name, address + RED_ZONE, size - 2 * RED_ZONE)
            found.append(variable)
        return found

    @cached_property
    def _base(self) -> int:
        """Where the library was loaded: an address in it now, less the same address in its file."""
        offset = next(int(row[0], 16) for row in self._symbols if row[-1] == "sim_launch")
        return ctypes.cast(self.c.sim_launch, ctypes.c_void_p).value - offset
