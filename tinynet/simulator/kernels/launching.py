"""One launch: values in boxes, memory watched if the mode says so, and what was found."""

import ctypes

import numpy as np

from tinynet.simulator.kernels import guards, source
from tinynet.simulator.kernels.findings import ACCESSES, Place, to_error
from tinynet.simulator.kernels.guards import Argument, Guard, aligned, guard
from tinynet.simulator.kernels.library import Launch, Library, Region
from tinynet.simulator.kernels.profiling import LineProfile
from tinynet.simulator.kernels.source import KernelText
from tinynet.simulator.locks import ONE_LAUNCH
from tinynet.simulator.settings import chosen_order, time_limit


def launch(
    library: Library,
    text: KernelText,
    mode: str,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    values: list[Argument | ctypes._SimpleCData],
    shared_mem: int,
) -> list[LineProfile]:
    """Run a kernel to its end, or raise a KernelError that says what stopped it.

    values: for each parameter, an array argument or a scalar in a box of its C type.
    Returns what each line cost in profile mode, and an empty list in the others.
    """
    with ONE_LAUNCH:
        shared = aligned(shared_mem)
        arrays = [value for value in values if isinstance(value, Argument)]
        copies, places = [], []
        if mode != "run":
            copies = guard(arrays)
            regions, places = _memory(copies, library, text, shared)
            library.watch(regions)
        addresses = {id(argument): argument.start for argument in arrays}
        for copy in copies:
            addresses |= {id(argument): copy.address(argument) for argument in copy.arguments}
        boxes = [
            ctypes.c_void_p(addresses[id(value)]) if isinstance(value, Argument) else value
            for value in values
        ]
        pointers = (ctypes.c_void_p * len(boxes))(*map(ctypes.addressof, boxes))
        order, seed = (0, 0) if mode == "profile" else chosen_order()
        seconds = time_limit()
        found = library.launch(
            Launch(
                grid=grid,
                block=block,
                body=library.body(text.name),
                arguments=ctypes.addressof(pointers),
                dynamic_shared=shared.ctypes.data,
                stacks=Library.stacks,
                order=order,
                seed=seed,
                seconds=seconds,
            )
        )
        if found:
            raise to_error(found, text, library, places, seconds)
        for copy in copies:
            copy.give_back()
        return _line_profiles(library, text) if mode == "profile" else []


def _memory(
    copies: list[Guard], library: Library, text: KernelText, shared: np.ndarray
) -> tuple[list[Region], list[Place]]:
    """The memory that the kernel may touch: for the runtime, and what messages call it."""
    regions = [copy.region() for copy in copies]
    places = [Place(copy.name, copy.copy.size, copy.itemsize, copy.shape) for copy in copies]
    for variable in library.shared_variables(text.name):
        regions.append(Region(variable.address, variable.bytes, red_zone=source.RED_ZONE, shared=1))
        places.append(Place(variable.name, variable.bytes, 0))
    if shared.size:
        regions.append(Region(shared.ctypes.data, shared.size, red_zone=guards.RED_ZONE, shared=1))
        places.append(Place("dynamic shared memory", shared.size, 0))
    return regions, places


def _line_profiles(library: Library, text: KernelText) -> list[LineProfile]:
    costs = library.line_costs()
    lines = library.lines([cost.pc for cost in costs], text.file)
    return [
        LineProfile(
            kernel=text.name,
            file=file or text.file,
            line=line or text.line,
            space="shared" if cost.shared else "global",
            access=ACCESSES[cost.access],
            requests=cost.requests,
            lanes=cost.lanes,
            cost=cost.cost,
        )
        for cost, (file, line) in zip(costs, lines)
    ]
