"""A recording: what the warps of a launch did, line by line, so that it can be shown.

    recording = module.get_function("relu_forward_kernel").record(grid, block, args)
    recording.warps[0, 1]            the steps of warp 1 of block 0

The module is one of profile mode. A step is a line that some lanes of the warp run together: which
lanes, and what each of them loads and stores there. The lanes are put side by side as a GPU runs
them, see trace.cpp.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels.c_types import dtype_of, fields_of, known
from tinynet.simulator.kernels.library import Library
from tinynet.simulator.kernels.lines import CodeText
from tinynet.simulator.kernels.profiling import LineProfile, LineRuns
from tinynet.simulator.kernels.runtime import Wanted

WARP = 32
MOST = 1_000_000  # steps, and elements touched, that are kept
KINDS = ("line", "warp", "barrier")  # as in trace.h
ACCESSES = ("read", "write", "atomic")


@dataclass(frozen=True)
class Memory:
    """An array argument, or a shared variable, for which shape and before are None.

    dtype of a shared variable: what the text declares, None where that is no number.
    """

    name: str
    bytes: int
    constant: bool
    dtype: np.dtype | None = None
    shape: tuple[int, ...] | None = None
    before: np.ndarray | None = None

    @property
    def shared(self) -> bool:
        return self.shape is None


@dataclass
class Access:
    """One load, store or atomic of a warp. offsets (bytes) and values: of the active lanes."""

    kind: str
    memory: int  # which of the recording's
    lanes: int  # a bit for each
    bytes: int  # for each lane
    offsets: np.ndarray
    values: np.ndarray  # (lanes, 16), uint8: the bytes loaded or stored


@dataclass
class LineStep:
    """A line that `lanes` (a bit for each) run together. kind: "line", "warp" or "barrier"."""

    file: str
    line: int
    lanes: int
    kind: str = "line"
    accesses: list[Access] = field(default_factory=list)


@dataclass(frozen=True)
class Recording:
    """What one launch did.

    warps      (block, warp) -> its steps; blocks are counted from 0, x running fastest
    full       there was more to record than is kept
    profile    what every line asked of memory, runs how the warps went through it: of all warps
    error      what stopped the kernel, if something did
    """

    kernel: str
    file: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    memories: tuple[Memory, ...]
    warps: dict[tuple[int, int], list[LineStep]]
    full: bool
    profile: tuple[LineProfile, ...]
    runs: tuple[LineRuns, ...]
    error: KernelError | None


def typed(memory: Memory, types: dict[str, str]) -> Memory:
    """The memory with the dtype that `types` (variables.shared_types) tell, if they do."""
    type_ = types.get(memory.name, "")
    type_ = "unsigned int" if type_ == "unsigned" else type_
    number = known(type_) and not fields_of(type_) and not type_.endswith("*")
    return replace(memory, dtype=dtype_of(type_)) if memory.shared and number else memory


def wanted(blocks: range, warps: Iterable[int]) -> Wanted:
    """The warps of these blocks, which are to follow each other, as the runtime takes them."""
    bits = sum(1 << warp for warp in set(warps))
    return Wanted(blocks.start, blocks.stop, bits, MOST)


Warps = dict[tuple[int, int], list[LineStep]]


def steps_of(library: Library, text: CodeText) -> tuple[Warps, bool]:
    """What the library has recorded of its last launch, warp by warp; was there more to record?"""
    steps, kept, touches = library.recorded()
    made = [
        LineStep(*text.line(line), lanes, KINDS[kind])
        for line, lanes, kind in zip(*(steps[name].tolist() for name in ("line", "lanes", "kind")))
    ]
    first = 0
    for step, lanes, access, region, size in kept.tolist():
        touched = touches[first : first + lanes.bit_count()]
        first += len(touched)
        made[step].accesses.append(
            Access(ACCESSES[access], region, lanes, size, touched["offset"], touched["value"])
        )
    warps: Warps = {}
    for block, warp, step in zip(steps["block"].tolist(), steps["warp"].tolist(), made):
        if step.line:
            warps.setdefault((block, warp), []).append(step)
    return dict(sorted(warps.items())), max(len(steps), len(touches)) >= MOST
