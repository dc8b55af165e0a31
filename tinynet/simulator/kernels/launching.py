"""One launch: values in boxes, memory watched if the mode says so, and what was found."""

import ctypes
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels import guards
from tinynet.simulator.kernels.arguments import Value, content
from tinynet.simulator.kernels.findings import ACCESSES, Place, to_error
from tinynet.simulator.kernels.guards import (
    Argument,
    Guard,
    Packed,
    aligned,
    fence,
    guard,
    trespassed,
)
from tinynet.simulator.kernels.library import Library, ModuleVariable
from tinynet.simulator.kernels.lines import CodeText, code_text
from tinynet.simulator.kernels.profiling import LineProfile, LineRuns
from tinynet.simulator.kernels.recording import Memory, Recording, steps_of
from tinynet.simulator.kernels.runtime import Launch, Region, Wanted
from tinynet.simulator.kernels.source import KernelText
from tinynet.simulator.kernels.variables import DYNAMIC, RED_ZONE
from tinynet.simulator.locks import ONE_LAUNCH
from tinynet.simulator.settings import chosen_order, time_limit


@dataclass(frozen=True)
class Outcome:
    """What a launch told: in profile mode the costs of its lines, and what was recorded."""

    profile: list[LineProfile]
    runs: list[LineRuns]
    recording: Recording | None = None
    flops: int | None = None


def launch(
    library: Library,
    text: KernelText,
    mode: str,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    values: list[Value],
    shared_mem: int,
    variables: list[ModuleVariable],
    wanted: Wanted | None = None,
    fenced: bool = False,
) -> Outcome:
    """Run a kernel to its end, or raise a KernelError that says what stopped it.

    values: for each parameter, an array argument or a scalar in a box of its C type.
    variables: of the module, which are watched as arrays are.
    wanted: in profile mode, the warps to record; an error then is in the recording, not raised.
    fenced: in run mode, what is written right before or after an array is an error.
    """
    with ONE_LAUNCH:
        shared = aligned(shared_mem)
        arrays = _arrays(values)
        copies, places, memories = [], [], []
        fences: list[tuple[str, np.ndarray]] = []
        if mode != "run" or fenced:
            copies = guard(arrays)
        if mode == "run" and fenced:
            fences = [(copy.name, copy.copy) for copy in copies]
            fences.append((DYNAMIC, shared))
            for _, memory in fences:
                fence(memory)
        if mode != "run":
            regions, places = _memory(copies, library, text, shared, variables, mode)
            library.watch(regions)
        if mode == "profile":
            library.trace(_code(library, text))
            library.record(wanted or Wanted())
        if wanted:
            memories = _memories(copies, variables, places)
        addresses = {id(argument): argument.start for argument in arrays}
        for copy in copies:
            addresses |= {id(argument): copy.address(argument) for argument in copy.arguments}
        boxes = [_boxed(value, addresses) for value in values]
        pointers = (ctypes.c_void_p * len(boxes))(*map(ctypes.addressof, boxes))
        order, seed = (0, 0) if mode == "profile" else chosen_order()
        seconds = time_limit()
        found = library.launch(
            Launch(
                grid=grid,
                block=block,
                body=library.body(text.symbol),
                arguments=ctypes.addressof(pointers),
                dynamic_shared=shared.ctypes.data,
                stacks=Library.stacks,
                order=order,
                seed=seed,
                seconds=seconds,
            )
        )
        error = to_error(found, text, library, places, seconds) if found else None
        if error and not wanted:
            raise error
        for name, memory in fences:
            if where := trespassed(memory):
                raise _trespass(text, name, where)
        for copy in copies:
            copy.give_back()
        if mode != "profile":
            return Outcome([], [])
        flops = _code(library, text).flops_of(library.block_lanes())
        outcome = Outcome(_line_profiles(library, text), _line_runs(library, text), flops=flops)
        if not wanted:
            return outcome
        recording = _recording(library, text, (grid, block), memories, outcome, error)
        return replace(outcome, recording=recording)


def _trespass(text: KernelText, name: str, where: str) -> KernelError:
    reason = f"something was written {where} {name}; check mode (--check) says where and by whom"
    return KernelError("out of bounds", reason, text.file, text.line, text.name)


def _arrays(values: list[Value]) -> list[Argument]:
    found = []
    for value in values:
        if isinstance(value, Argument):
            found.append(value)
        elif isinstance(value, Packed):
            found += [array for _, array in value.arrays]
    return found


def _boxed(value: Value, addresses: dict[int, int]) -> ctypes.Array | ctypes.c_void_p:
    """What the kernel is handed, at an address; `addresses` are those of the arrays by id."""
    if isinstance(value, Argument):
        return ctypes.c_void_p(addresses[id(value)])
    if isinstance(value, Packed):
        for offset, array in value.arrays:
            pointer = ctypes.c_void_p.from_buffer(value.box, offset)
            pointer.value = addresses[id(array)]
        return value.box
    return value


def _code(library: Library, text: KernelText) -> CodeText:
    return code_text(library.path, (text.file, *sorted(text.files - {text.file})))


def _memories(
    copies: list[Guard], variables: list[ModuleVariable], places: list[Place]
) -> list[Memory]:
    """What the kernel may touch, as it is before it runs."""
    arrays = [_plain(copy.arguments[0].array) for copy in copies] + [*map(content, variables)]
    constant = [copy.constant for copy in copies] + [False] * len(variables)
    found = [
        Memory(place.name, place.bytes, is_constant, array.dtype, array.shape, array.copy())
        for place, array, is_constant in zip(places, arrays, constant)
    ]
    return found + [Memory(place.name, place.bytes, False) for place in places[len(arrays) :]]


def _plain(array: np.ndarray) -> np.ndarray:
    """The array itself; of structures, whose fields are of many types, the bytes in rows."""
    if array.dtype.names is None:
        return array
    return array.view(np.uint8).reshape(*array.shape, array.itemsize)


def _recording(
    library: Library,
    text: KernelText,
    shape: tuple[tuple[int, int, int], tuple[int, int, int]],
    memories: list[Memory],
    outcome: Outcome,
    error: KernelError | None,
) -> Recording:
    return Recording(
        text.name,
        text.file,
        *shape,
        tuple(memories),
        *steps_of(library, _code(library, text)),
        tuple(outcome.profile),
        tuple(outcome.runs),
        error,
    )


def _memory(
    copies: list[Guard],
    library: Library,
    text: KernelText,
    shared: np.ndarray,
    variables: list[ModuleVariable],
    mode: str,
) -> tuple[list[Region], list[Place]]:
    """The memory that the kernel may touch: for the runtime, and what messages call it."""
    regions = [copy.region() for copy in copies]
    places = [
        Place(copy.name, copy.copy.size, copy.itemsize, copy.shape, copy.dtype) for copy in copies
    ]
    for variable in variables:
        size = variable.bytes // prod(variable.shape)
        regions.append(Region(variable.address, variable.bytes, size, RED_ZONE))
        places.append(Place(variable.name, variable.bytes, size, variable.shape))
    for variable in library.shared_variables(text.symbol):
        regions.append(Region(variable.address, variable.bytes, red_zone=RED_ZONE, shared=1))
        places.append(Place(variable.name, variable.bytes, 0))
    if shared.size or mode == "check":  # of no bytes: whoever uses it all the same is told so
        regions.append(Region(shared.ctypes.data, shared.size, red_zone=guards.RED_ZONE, shared=1))
        places.append(Place(DYNAMIC, shared.size, 0))
    return regions, places


def _line_profiles(library: Library, text: KernelText) -> list[LineProfile]:
    line = _code(library, text).line
    return [
        LineProfile(
            text.name,
            *line(cost.line or text.line),
            space="shared" if cost.shared else "global",
            access=ACCESSES[cost.access],
            requests=cost.requests,
            lanes=cost.lanes,
            cost=cost.cost,
            least=cost.least,
        )
        for cost in library.line_costs()
    ]


def _line_runs(library: Library, text: KernelText) -> list[LineRuns]:
    line = _code(library, text).line
    return [
        LineRuns(text.name, *line(of.line), of.runs, of.lanes, of.branches, of.parted, of.passes)
        for of in library.line_runs()
        if of.line
    ]
