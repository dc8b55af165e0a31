"""Turns the runtime's findings, which are numbers, into errors that say what happened and where."""

import ctypes
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tinynet.simulator.errors import Culprit, KernelError
from tinynet.simulator.kernels.library import Library
from tinynet.simulator.kernels.lines import Line
from tinynet.simulator.kernels.lines import lines as lines_of
from tinynet.simulator.kernels.runtime import Finding
from tinynet.simulator.kernels.source import KernelText

ACCESSES = ("read", "write", "atomic")  # in the order of `sim::Access` in runtime.h
DONE = ("read", "written", "updated atomically")


@dataclass(frozen=True)
class Place:
    """What a region of memory is called in messages; shape is None for shared memory."""

    name: str
    bytes: int
    itemsize: int  # 0 for shared memory, where each access has its own
    shape: tuple[int, ...] | None = None

    def element(self, index: int) -> str:
        """`x[5]`, and where that is in an array of several dimensions."""
        text = f"{self.name}[{index}]"
        if self.shape is None or len(self.shape) < 2 or not 0 <= index < np.prod(self.shape):
            return text
        indices = ", ".join(str(i) for i in np.unravel_index(index, self.shape))
        return f"{text}, which is element ({indices}) of shape {self.shape},"


@dataclass(frozen=True)
class Context:
    """What a sentence may need besides the finding itself."""

    places: list[Place]
    seconds: float
    line: Callable[[int], str]  # the line of an offset in the library, as " at lrn.cu:12"
    text: Callable[[int], str]  # what the library says at an address
    stand: str  # where the threads of the block were when it was stopped


def to_error(
    found: list[Finding], text: KernelText, library: Library, places: list[Place], seconds: float
) -> KernelError:
    """One error for everything found: the first finding, with the rest as its `others`."""
    offsets = [pc for finding in found for pc in (finding.pc, *finding.callers, finding.other_pc)]
    lines = dict(zip(offsets, lines_of(library.path, offsets, text.files)))

    def at_line(offset: int) -> str:
        file, line = lines[offset]
        return f" at {file}:{line}" if line else ""

    context = Context(
        places, seconds, at_line, lambda at: ctypes.string_at(at).decode(), _stand(library)
    )
    errors = []
    for finding in sorted(found, key=_is_symptom):
        kind, sentence = SENTENCES[finding.kind]
        file, line = _innermost(lines[pc] for pc in (finding.pc, *finding.callers))
        if finding.line:  # a barrier, a shuffle or an assertion: the compiler has recorded its line
            file, line = _stated_file(kind, finding) or text.file, finding.line
        elif line is None:  # outside the kernel's own text: name the kernel at least
            file, line = text.file, text.line
        error = KernelError(kind, sentence(finding, context), file, line, text.name)
        error.culprits = _culprits(finding, places, line, lines[finding.other_pc][1])
        errors.append(error)
    first = errors[0]
    first.others = tuple(errors[1:])
    if first.others:
        first.args = ("\n".join(str(error) for error in errors),)
    return first


def _innermost(stack: Iterable[Line]) -> Line:
    """The first place that lies in the kernel's text: what it calls lies elsewhere."""
    return next((place for place in stack if place[1] is not None), (None, None))


def _culprits(
    finding: Finding, places: list[Place], line: int | None, other_line: int | None
) -> tuple[Culprit, ...]:
    block, thread = tuple(finding.block), tuple(finding.thread)
    kind = SENTENCES[finding.kind][0]
    if kind not in ("out of bounds", "race", "uninitialised read") or finding.region < 0:
        return (Culprit(block, thread, line),)
    what = places[finding.region].name, finding.element
    first = Culprit(block, thread, line, ACCESSES[finding.access], *what)
    if kind != "race":
        return (first,)
    block, thread = tuple(finding.other_block), tuple(finding.other_thread)
    return first, Culprit(block, thread, other_line, ACCESSES[finding.other_access], *what)


def _stated_file(kind: str, finding: Finding) -> str | None:
    """An assertion says which file it stands in."""
    if kind not in ("assertion", "unsupported") or not finding.element:
        return None
    return ctypes.string_at(finding.element).decode(errors="replace")


def _is_symptom(finding: Finding) -> bool:
    """A missing barrier also shows as reads of what is not yet written; the race says more."""
    return SENTENCES[finding.kind][0] == "uninitialised read"


def _who(block: tuple, thread: tuple) -> str:
    return f"block ({block[0]},{block[1]},{block[2]}) thread ({thread[0]},{thread[1]},{thread[2]})"


def _me(finding: Finding) -> str:
    return _who(finding.block, finding.thread)


def _out_of_bounds(finding: Finding, context: Context) -> str:
    access = ACCESSES[finding.access]
    if finding.region < 0:
        where = "at an address outside every argument"
        return f"{access} of {finding.detail} bytes {where}, by {_me(finding)}"
    place = context.places[finding.region]
    index = finding.element
    size = place.bytes // (place.itemsize or finding.detail)
    where = "before its first element" if index < 0 else f"past its {size} elements"
    if place.bytes == 0:
        where = "of which the launch asks for no byte"
    return f"{access} of {place.name}[{index}], {where}, by {_me(finding)}"


def _race(finding: Finding, context: Context) -> str:
    element = context.places[finding.region].element(finding.element)
    other = _who(finding.other_block, finding.other_thread)
    same_block = tuple(finding.block) == tuple(finding.other_block)
    cure = "with no barrier between" if same_block else "and nothing orders two blocks"
    return (
        f"{element} is {DONE[finding.access]} by {_me(finding)} and "
        f"{DONE[finding.other_access]} by {other}{context.line(finding.other_pc)}, {cure}"
    )


def _uninitialised(finding: Finding, context: Context) -> str:
    element = context.places[finding.region].element(finding.element)
    return f"{element} is read by {_me(finding)}, and nothing has written it"


def _barrier_missed(finding: Finding, context: Context) -> str:
    return (
        f"__syncthreads() is reached by {finding.detail} threads of the block, but "
        f"{_me(finding)} has ended without it"
    )


def _barriers_differ(finding: Finding, context: Context) -> str:
    other = _who(finding.other_block, finding.other_thread)
    return (
        f"{other} waits at this __syncthreads() while {_me(finding)} waits at the one "
        f"of line {finding.detail}"
    )


def _lanes_missing(finding: Finding, context: Context) -> str:
    mask, here = finding.detail >> 32, finding.detail & 0xFFFFFFFF
    missing = [lane for lane in range(32) if mask >> lane & 1 and not here >> lane & 1]
    if not missing:
        return f"{_me(finding)} takes part, but the mask 0x{mask:08x} does not name its lane"
    absent = f"lanes that never arrive: {', '.join(map(str, missing))}"
    return f"mask 0x{mask:08x} names {absent}; {_me(finding)} waits for them"


def _crash(finding: Finding, context: Context) -> str:
    number = finding.detail
    if finding.other_access:
        what = "the thread's stack of 64 KiB overflowed: its local arrays are too large"
    elif number in (signal.SIGSEGV, signal.SIGBUS):
        what = f"access to memory that does not exist, at address 0x{finding.element & 2**64 - 1:x}"
    elif number == signal.SIGFPE:
        what = "integer division by zero, or a quotient that does not fit"
    else:
        what = f"stopped by {signal.Signals(number).name}"
    return f"{what}, in {_me(finding)}"


def _time_limit(finding: Finding, context: Context) -> str:
    return (
        f"stopped after {context.seconds:g} s in {_me(finding)}; of its block's threads "
        f"{context.stand}. A thread that spins until another one writes never ends here; for a "
        "kernel that is only slow, set TINYNET_SIM_TIMEOUT"
    )


def _stand(library: Library) -> str:
    """Where the threads of the block were: "1 running, 31 at the barrier of line 12"."""
    return ", ".join(f"{count} {what}" for what, count in sorted(library.stand().items()))


def _too_long(finding: Finding, context: Context) -> str:
    return (
        f"the threads of {_me(finding).partition(' thread')[0]} take more than 16 million steps "
        "without a barrier, too many to put side by side: profile a smaller size"
    )


def _misaligned(finding: Finding, context: Context) -> str:
    access, name = ACCESSES[finding.access], context.places[finding.region].name
    return (
        f"{access} of {finding.detail} bytes at byte {finding.element} of {name}, which is no "
        f"multiple of its alignment: a GPU stops here; by {_me(finding)}"
    )


def _assertion(finding: Finding, context: Context) -> str:
    return f"{context.text(finding.detail)} does not hold, in {_me(finding)}"


def _unsupported(finding: Finding, context: Context) -> str:
    return f"{context.text(finding.detail)} (reached by {_me(finding)})"


# In the order of `sim::Kind` in runtime.h.
SENTENCES: list[tuple[str, Callable[[Finding, Context], str]]] = [
    ("out of bounds", _out_of_bounds),
    ("race", _race),
    ("uninitialised read", _uninitialised),
    ("barrier", _barrier_missed),
    ("barrier", _barriers_differ),
    ("warp", _lanes_missing),
    ("crash", _crash),
    ("time limit", _time_limit),
    ("trace", _too_long),
    ("misaligned", _misaligned),
    ("assertion", _assertion),
    ("unsupported", _unsupported),
]
