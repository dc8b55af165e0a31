"""Turns the runtime's findings, which are numbers, into errors that say what happened and where.

What they say stands in sentences.py; here it is chosen, and filled in.
"""

import ctypes
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tinynet.simulator.errors import Culprit, KernelError
from tinynet.simulator.kernels.c_types import in_structure
from tinynet.simulator.kernels.library import Library
from tinynet.simulator.kernels.lines import Line
from tinynet.simulator.kernels.lines import lines as lines_of
from tinynet.simulator.kernels.runtime import Finding
from tinynet.simulator.kernels.sentences import STANDS, Sentence, sentence
from tinynet.simulator.kernels.source import KernelText

ACCESSES = ("read", "write", "atomic")  # in the order of `sim::Access` in runtime.h
DONE = ("is_read", "is_written", "is_updated")


@dataclass(frozen=True)
class Place:
    """What a region of memory is called in messages; shape is None for shared memory.

    itemsize   bytes that are watched as one, 0 for shared memory, where each access has its own
    """

    name: str
    bytes: int
    itemsize: int
    shape: tuple[int, ...] | None = None
    dtype: np.dtype | None = None

    @property
    def of_structures(self) -> bool:
        return self.dtype is not None and self.dtype.names is not None

    def element(self, index: int) -> Sentence:
        """`x[5]`, and where that is in an array of several dimensions."""
        if self.of_structures:
            index, field = in_structure(self.dtype, index * self.itemsize)
            return sentence("field", name=self.name, index=index, field=field)
        if self.shape is None or len(self.shape) < 2 or not 0 <= index < np.prod(self.shape):
            return sentence("element", name=self.name, index=index)
        indices = ", ".join(str(i) for i in np.unravel_index(index, self.shape))
        shape = str(self.shape)
        return sentence("element_of", name=self.name, index=index, indices=indices, shape=shape)


@dataclass(frozen=True)
class Context:
    """What a sentence may need besides the finding itself."""

    places: list[Place]
    seconds: float
    line: Callable[[int], Sentence | str]  # " at lrn.cu:12", of an offset in the library
    text: Callable[[int], str]  # what the library says at an address
    stand: list[Sentence]  # where the threads of the block were when it was stopped


def to_error(
    found: list[Finding], text: KernelText, library: Library, places: list[Place], seconds: float
) -> KernelError:
    """One error for everything found: the first finding, with the rest as its `others`."""
    offsets = [pc for finding in found for pc in (finding.pc, *finding.callers, finding.other_pc)]
    lines = dict(zip(offsets, lines_of(library.path, offsets, text.files)))

    def at_line(offset: int) -> Sentence | str:
        file, line = lines[offset]
        return sentence("at", file=file, line=line) if line else ""

    context = Context(
        places, seconds, at_line, lambda at: ctypes.string_at(at).decode(), _stand(library)
    )
    errors = []
    for finding in sorted(found, key=_is_symptom):
        kind, say = SAID[finding.kind]
        file, line = _innermost(lines[pc] for pc in (finding.pc, *finding.callers))
        if finding.line:  # a barrier, a shuffle or an assertion: the compiler has recorded its line
            file, line = _stated_file(kind, finding) or text.file, finding.line
        elif line is None:  # outside the kernel's own text: name the kernel at least
            file, line = text.file, text.line
        said = say(finding, context)
        error = KernelError(kind, said.told(), file, line, text.name)
        error.said = said
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
    kind = SAID[finding.kind][0]
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
    return SAID[finding.kind][0] == "uninitialised read"


def _who(block: ctypes.Array, thread: ctypes.Array) -> Sentence:
    return sentence("who", block=_numbers(block), thread=_numbers(thread))


def _numbers(numbers: ctypes.Array) -> str:
    return ",".join(map(str, numbers))


def _me(finding: Finding) -> Sentence:
    return _who(finding.block, finding.thread)


def _other(finding: Finding) -> Sentence:
    return _who(finding.other_block, finding.other_thread)


def _out_of_bounds(finding: Finding, context: Context) -> Sentence:
    access, who = sentence(ACCESSES[finding.access]), _me(finding)
    if finding.region < 0:
        return sentence("outside", access=access, bytes=finding.detail, who=who)
    place = context.places[finding.region]
    index = finding.element
    size = place.bytes // (place.itemsize or finding.detail)
    element = sentence("element", name=place.name, index=index)
    if place.of_structures:
        element, size = place.element(index), place.bytes // place.dtype.itemsize
    where = "no_bytes" if place.bytes == 0 else "before" if index < 0 else "past"
    return sentence(where, access=access, element=element, size=size, who=who)


def _race(finding: Finding, context: Context) -> Sentence:
    same_block = tuple(finding.block) == tuple(finding.other_block)
    return sentence(
        "race" if same_block else "race_of_blocks",
        element=context.places[finding.region].element(finding.element),
        done=sentence(DONE[finding.access]),
        who=_me(finding),
        other_done=sentence(DONE[finding.other_access]),
        other=_other(finding),
        at=context.line(finding.other_pc),
    )


def _uninitialised(finding: Finding, context: Context) -> Sentence:
    element = context.places[finding.region].element(finding.element)
    return sentence("uninitialised", element=element, who=_me(finding))


def _barrier_missed(finding: Finding, context: Context) -> Sentence:
    return sentence("barrier_missed", threads=finding.detail, who=_me(finding))


def _barriers_differ(finding: Finding, context: Context) -> Sentence:
    line, who = finding.detail, _me(finding)
    return sentence("barriers_differ", other=_other(finding), who=who, line=line)


def _lanes_missing(finding: Finding, context: Context) -> Sentence:
    named, here = finding.detail >> 32, finding.detail & 0xFFFFFFFF
    missing = [lane for lane in range(32) if named >> lane & 1 and not here >> lane & 1]
    mask, who = f"0x{named:08x}", _me(finding)
    if not missing:
        return sentence("lane_not_named", mask=mask, who=who)
    return sentence("lanes_missing", mask=mask, lanes=", ".join(map(str, missing)), who=who)


def _crash(finding: Finding, context: Context) -> Sentence:
    number = finding.detail
    if finding.other_access:
        what = sentence("overflow")
    elif number in (signal.SIGSEGV, signal.SIGBUS):
        what = sentence("no_memory", address=f"0x{finding.element & 2**64 - 1:x}")
    elif number == signal.SIGFPE:
        what = sentence("division")
    else:
        what = sentence("signal", signal=signal.Signals(number).name)
    return sentence("crash", what=what, who=_me(finding))


def _time_limit(finding: Finding, context: Context) -> Sentence:
    seconds = f"{context.seconds:g}"
    return sentence("time_limit", seconds=seconds, who=_me(finding), stand=context.stand)


def _stand(library: Library) -> list[Sentence]:
    """Where the threads of the block were: "1 running", "31 at the barrier of line 12"."""
    keys = [(STANDS[stand] if line >= 0 else "in_step", line) for stand, line in library.stand()]
    there = Counter((key, line if key in ("at_barrier", "at_lanes") else 0) for key, line in keys)
    found = [sentence(key, count=count, line=line) for (key, line), count in there.items()]
    return sorted(found, key=lambda each: each.told().partition(" ")[2])


def _too_long(finding: Finding, context: Context) -> Sentence:
    return sentence("too_long", block=_numbers(finding.block))


def _misaligned(finding: Finding, context: Context) -> Sentence:
    return sentence(
        "misaligned",
        access=sentence(ACCESSES[finding.access]),
        bytes=finding.detail,
        offset=finding.element,
        name=context.places[finding.region].name,
        who=_me(finding),
    )


def _assertion(finding: Finding, context: Context) -> Sentence:
    return sentence("assertion", text=context.text(finding.detail), who=_me(finding))


def _unsupported(finding: Finding, context: Context) -> Sentence:
    return sentence("unsupported", text=context.text(finding.detail), who=_me(finding))


# In the order of `sim::Kind` in runtime.h.
SAID: list[tuple[str, Callable[[Finding, Context], Sentence]]] = [
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
