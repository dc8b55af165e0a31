"""docs/ladder.md: what the kernels' headers say, the kernels, and what was counted of them."""

import re
from collections.abc import Iterable
from itertools import pairwise
from textwrap import dedent

from tinynet.console.sentences import listed
from tinynet.kernels.catalogue import resources
from tinynet.kernels.catalogue.ladder.counting import Counts, counted
from tinynet.kernels.catalogue.ladder.rungs import LADDERS, Ladder, Launch, Rung
from tinynet.kernels.catalogue.occupancy import occupancy
from tinynet.kernels.catalogue.resources import Compiler, Resources

CAPABILITIES = {"sm_75": "7.5", "sm_80": "8.0", "sm_90": "9.0", "sm_120": "12.0"}
NO_NVRTC = "the page gives NVRTC's registers, and there is none: pip install -e '.[cuda-check]'"
UNITS = {
    "requests": "requests to global memory",
    "sectors": "sectors",
    "passes": "passes over the banks",
    "lanes": "lanes that run a line",
}

INTRODUCTION = """\
# The ladder

Four computations, each written several times. Every rung changes one thing of the one before it,
and is better in a count that it names. A count is the same on every machine; a time is not, and
none is given here: `python benchmarks/gpu_report.py --parts ladder` times the rungs on your GPU,
beside cuBLAS. The engine uses none of them ([why](../benchmarks/NOTES.md)), but `bias_backward` and
softmax add as the last rung of the reduction does.

This page is written by `python -m tinynet.kernels.catalogue.ladder docs/ladder.md`, from
[the kernels](../tinynet/kernels/catalogue/ladder/__init__.py) and from runs in the simulator. Each
run is compared with NumPy: the numbers are small integers, whose sums float holds exactly, and
every rung is equal to it to the bit.

- **requests** to global memory: how often a warp, up to 32 lanes at once, loads or stores.
- **sectors** of 32 bytes that these take: 4 for 32 neighbouring floats, 32 for scattered ones. No
  cache is counted, so it is what warps ask for, and not what the memory behind the caches delivers.
- **FLOP/byte**: additions and multiplications of the task, for each byte of those sectors.
- **passes** over the 32 banks of shared memory: one serves a warp, if no two of its lanes ask one
  bank for different words; 4 where each lane has 16 bytes. In brackets: without conflicts.
- **lanes**: of the 32 of a warp, how many run a line of the kernel, on average over all lines that
  the warp runs.
- **occupancy**, for four generations of GPUs: the warps that a multiprocessor has room for, of
  those it could hold, and what allows no more. The registers are those of {compiler}; where they
  differ, they are given for all four in this order. Low is not bad in itself: a thread with 64 sums
  has more to do while it waits."""


def page() -> str:
    """The whole page. ValueError if there is no NVRTC, whose registers it gives."""
    compiler = resources.nvrtc()
    if compiler is None:
        raise ValueError(NO_NVRTC)
    about = INTRODUCTION.format(compiler=compiler.name)
    return "\n\n".join([about, *(_ladder(ladder, compiler) for ladder in LADDERS)]) + "\n"


def _ladder(ladder: Ladder, compiler: Compiler) -> str:
    counts = counted(ladder)
    head, *parts = sections(ladder.text)
    sizes = ", ".join(f"{name} {size:,}" for name, size in ladder.sizes.items())
    blocks = [
        f"## {ladder.title}",
        *_head(head),
        f"Counted with {sizes}. What a rung claims is bold.",
        _counts_table(ladder, counts),
        "What its kernels take of a multiprocessor:",
        _room_table(ladder, compiler),
    ]
    before = None
    for i, (rung, part) in enumerate(zip(ladder.rungs, parts), 1):
        blocks += _rung(i, rung, part, before, counts[rung.name])
        before = counts[rung.name]
    return "\n\n".join(blocks)


def _counts_table(ladder: Ladder, counts: dict[str, Counts]) -> str:
    titles = ["rung", "requests", "sectors", "FLOP/byte", "passes", "lanes"]
    rows = [
        [f"{i}. {rung.title}", *_row(counts[rung.name], rung)]
        for i, rung in enumerate(ladder.rungs, 1)
    ]
    return _table(titles, rows)


def _room_table(ladder: Ladder, compiler: Compiler) -> str:
    """Each kernel once, with the rung that it is new in."""
    launches: dict[str, tuple[int, Launch]] = {}
    for i, rung in enumerate(ladder.rungs, 1):
        for launch in rung.launches:
            launches.setdefault(launch.kernel, (i, launch))
    taken = [
        resources.of_program(ladder.text, tuple(launches), compiler, architecture)
        for architecture in CAPABILITIES
    ]
    rows = [
        [f"{i}. {kernel}", *_room(launch, [its[kernel] for its in taken])]
        for kernel, (i, launch) in launches.items()
    ]
    return _table(["kernel", "threads", "registers", "shared bytes", *CAPABILITIES], rows)


def sections(text: str) -> list[list[str]]:
    """The lines of a file's header, then those of each rung, from under the line `// NAME` on."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if re.fullmatch(r"// [a-z]\w+", line)]
    parts = [lines[a + 1 : b] for a, b in pairwise([*starts, len(lines)])]
    return [lines[: starts[0]], *parts]


def _head(lines: list[str]) -> list[str]:
    """The paragraphs under the title; what is indented stays as it is."""
    said = "\n".join(line.removeprefix("//") for line in lines[1:]).strip("\n")
    paragraphs = [p for p in re.split(r"\n\s*\n", said) if p.strip()]
    return [
        f"```\n{dedent(p)}\n```" if p.startswith("   ") else _paragraph(p.splitlines())
        for p in paragraphs
    ]


def _paragraph(lines: list[str]) -> str:
    said = " ".join(line.removeprefix("//").strip() for line in lines)
    return said.replace("*", r"\*")  # c*kh*kw is no emphasis


def _rung(i: int, rung: Rung, part: list[str], before: Counts | None, its: Counts) -> list[str]:
    """Its heading, what changed, the kernel, and what it has gained."""
    ends = next(n for n, line in enumerate(part) if not line.startswith("//"))
    code = "\n".join(part[ends:]).strip()
    blocks = [f"### {i}. {rung.title}", _paragraph(part[:ends]), f"```cuda\n{code}\n```"]
    gained = [_gain(what, before, its) for what in rung.better]
    return [*blocks, f"{listed(gained).capitalize()}."] if gained else blocks


def _gain(what: str, before: Counts, its: Counts) -> str:
    was, now = getattr(before, what), getattr(its, what)
    if what == "lanes":
        return f"{now:.1f} of 32 {UNITS[what]} on average, where it was {was:.1f}"
    return f"{was / now:.1f} times fewer {UNITS[what]}"


def _row(counts: Counts, rung: Rung) -> list[str]:
    fewest = f" ({counts.fewest:,})" if counts.fewest < counts.passes else ""
    cells = {
        "requests": f"{counts.requests:,}",
        "sectors": f"{counts.sectors:,}",
        "intensity": f"{counts.intensity:.2f}" if counts.intensity else "-",
        "passes": f"{counts.passes:,}{fewest}" if counts.passes else "-",
        "lanes": f"{counts.lanes:.1f}",
    }
    return [f"**{cell}**" if what in rung.better else cell for what, cell in cells.items()]


def _room(launch: Launch, taken: list[Resources]) -> list[str]:
    """taken: by the kernel, on each of CAPABILITIES."""
    cells = [f"{launch.threads}", _each(its.registers for its in taken)]
    cells.append(_each(its.shared for its in taken))
    for capability, its in zip(CAPABILITIES.values(), taken):
        room = occupancy(capability, launch.threads, its.registers, its.shared)
        cells.append(f"{room.warps} of {room.most_warps}: {listed(room.limits)}")
    return cells


def _each(numbers: Iterable[int]) -> str:
    """One number, if they are all the same."""
    cells = [f"{number:,}" for number in numbers]
    return cells[0] if len(set(cells)) == 1 else " / ".join(cells)


def _table(titles: list[str], rows: list[list[str]]) -> str:
    ruler = ["---", *["---:" for _ in titles[1:]]]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, ruler, *rows))
