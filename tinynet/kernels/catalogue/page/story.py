"""A launch as the page's script gets it: what was recorded, as JSON.

To stay small: steps that are alike are written once, and a warp is a list of their numbers. Of an
access, `offsets` are in bytes, of the active lanes in order: [first, distance] if all lie equally
far apart, else a list in a list. `values` are [one] if all are the same, and [] where they are
those of an array that nothing writes to, which the page has anyway.
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from tinynet.kernels.catalogue.page import words
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.profiling import LineProfile, LineRuns, total, total_runs
from tinynet.simulator.kernels.recording import ACCESSES, KINDS, Access, LineStep, Memory, Recording

DIGITS = 5
MOST_DRAWN = 20_000  # elements of an array


@dataclass(frozen=True)
class Larger:
    """What profile mode says at real sizes: of which layer, with what reduced."""

    layer: str
    reduced: dict[str, float]
    profile: tuple[LineProfile, ...]


@dataclass(frozen=True)
class Shown:
    """A recorded launch, and what the page says of it.

    about      the kernel's header, as it stands
    scalars    values by name; order: the names of all parameters, as declared
    roles      of the arrays by name: "in", "out" or "in, out"
    findings   of check mode; None: it was not run
    call       the launch line; None: it is made of the names and scalars
    part       only a part of the launch was to be recorded
    """

    recording: Recording
    title: str
    about: tuple[str, ...] = ()
    scalars: dict[str, float] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    findings: tuple[KernelError, ...] | None = None
    larger: Larger | None = None
    call: str | None = None
    part: bool = False


class Rows:
    """The rows of the page's listing: the lines of all files of the text, one after the other."""

    def __init__(self, texts: dict[str, list[str]]):
        self._before: dict[str, int] = {}
        count = 0
        for file, lines in texts.items():
            self._before[file] = count
            count += len(lines)

    def of(self, file: str | None, line: int | None) -> int | None:
        """The row's number, from 1; None if it is not in the listing."""
        if file not in self._before or line is None:
            return None
        return self._before[file] + line


def story(shown: Shown, rows: Rows, lang: str = "en") -> dict:
    """All that the page's script needs of one launch; a line is given by its row."""
    findings = None
    if shown.findings is not None:
        findings = [_finding(each, rows, lang) for each in _all(shown)]
    recording = shown.recording
    steps: dict[str, int] = {}
    numbered: list[list] = []
    warps = []
    for (block, warp), of_warp in recording.warps.items():
        run = []
        for step in of_warp:
            told = _step(step, recording.memories, rows)
            key = repr(told)
            if key not in steps:
                steps[key] = len(numbered)
                numbered.append(told)
            run.append(steps[key])
        warps.append({"block": block, "warp": warp, "run": run})
    larger = shown.larger
    return {
        "title": shown.title,
        "kernel": recording.kernel,
        "call": shown.call or _call(shown),
        "grid": recording.grid,
        "block": recording.block,
        "memories": [_memory(memory, shown) for memory in recording.memories],
        "order": shown.order,
        "steps": numbered,
        "warps": warps,
        "part": shown.part or recording.full,
        "profile": [_counts(line, rows) for line in total(list(recording.profile))],
        "runs": [_counts(line, rows) for line in total_runs(list(recording.runs))],
        "findings": findings,
        "larger": larger
        and {
            "layer": larger.layer,
            "reduced": larger.reduced,
            "profile": [_counts(line, rows) for line in total(list(larger.profile))],
        },
    }


def _call(shown: Shown) -> str:
    def dimensions(sizes: tuple[int, int, int]) -> str:
        last = max([i for i, size in enumerate(sizes) if size > 1], default=0)
        numbers = [str(size) for size in sizes[: last + 1]]
        return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"

    recording = shown.recording
    given = ", ".join(
        f"{name}={_short(shown.scalars[name])}" if name in shown.scalars else name
        for name in shown.order
    )
    launch = f"{dimensions(recording.grid)}, {dimensions(recording.block)}"
    return f"{recording.kernel}<<<{launch}>>>({given})"


def _short(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _memory(memory: Memory, shown: Shown) -> dict:
    if memory.shared:
        held = memory.dtype
        return {
            "name": memory.name,
            "role": "shared",
            "bytes": memory.bytes,
            "type": "" if held is None else held.name,
            "each": 4 if held is None else held.itemsize,  # bytes; it is drawn by words of 4
        }
    role = shown.roles.get(memory.name, "in" if memory.constant else "in, out")
    drawn = role != "out" and memory.before.size <= MOST_DRAWN
    return {
        "name": memory.name,
        "role": role,
        "bytes": memory.bytes,
        "type": memory.dtype.name,
        "itemsize": memory.dtype.itemsize,
        "shape": memory.shape,
        "constant": memory.constant,
        "values": _numbers(memory.before.reshape(-1)) if drawn else None,
    }


def _step(step: LineStep, memories: tuple[Memory, ...], rows: Rows) -> list:
    accesses = [_access(access, memories[access.memory]) for access in step.accesses]
    return [rows.of(step.file, step.line), step.lanes, KINDS.index(step.kind), accesses]


def _access(access: Access, memory: Memory) -> list:
    known = memory.constant and not memory.shared and memory.before.size <= MOST_DRAWN
    return [
        ACCESSES.index(access.kind),
        access.memory,
        access.bytes,
        access.lanes,
        _offsets(access.offsets.tolist()),
        [] if known else _values(access, memory),
    ]


def _offsets(offsets: list[int]) -> list:
    apart = {b - a for a, b in zip(offsets, offsets[1:])}
    return [offsets[0], *(apart or {0})] if len(apart) <= 1 else [offsets]


def _values(access: Access, memory: Memory) -> list:
    dtype = _dtype(access, memory)
    size = min(access.bytes, access.values.shape[1])
    numbers = access.values[:, :size].copy().view(dtype)
    values = _numbers(numbers.reshape(-1))
    return values[:1] if all(value == values[0] for value in values) else values


def _dtype(access: Access, memory: Memory) -> np.dtype:
    """What the bytes are: what the array holds, or else floats of that size.

    Of shared memory, 12 or 16 bytes a lane are floats, 3 or 5 are bytes (as in story.js).
    """
    sizes = {1: np.uint8, 2: np.float16, 4: np.float32, 8: np.float64}
    plain = np.dtype(sizes.get(access.bytes, np.uint8 if access.bytes % 4 else np.float32))
    if memory.dtype is None:
        return plain
    fits = memory.dtype.itemsize == plain.itemsize if memory.shared else True
    return memory.dtype if fits and access.bytes % memory.dtype.itemsize == 0 else plain


def _numbers(array: np.ndarray) -> list:
    """As JSON has them: few digits; None for NaN, text for infinities."""
    if array.dtype.kind in "iub":
        return array.tolist()
    return [_number(value) for value in array.astype(np.float64).tolist()]


def _number(value: float) -> float | str | None:
    if value != value:
        return None
    if value in (np.inf, -np.inf):
        return "inf" if value > 0 else "-inf"
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def _counts(line: LineProfile | LineRuns, rows: Rows) -> dict:
    counts = asdict(line) | {"line": rows.of(line.file, line.line)}
    return {name: value for name, value in counts.items() if name not in ("kernel", "file")}


def _all(shown: Shown) -> list[KernelError]:
    """What check mode found, and what stopped the recording if that is not among it."""
    error = shown.recording.error
    found = list(shown.findings or ())
    known = {(each.kind, each.line) for each in found}
    return found + [e for e in [error] if e is not None and (e.kind, e.line) not in known]


def _finding(error: KernelError, rows: Rows, lang: str) -> dict:
    return {
        "kind": error.kind,
        "text": words.finding(error, lang),
        "line": rows.of(error.file, error.line),
        "culprits": [
            asdict(culprit) | {"line": rows.of(error.file, culprit.line)}
            for culprit in error.culprits
        ],
    }
