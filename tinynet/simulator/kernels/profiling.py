"""Profile mode's result: what each line of a kernel asks of the memory, and a table of it.

Per request of a warp, that is of up to 32 lanes at once:
    global memory   sectors of 32 bytes: 4 for 32 neighbouring floats, 32 for scattered ones
    shared memory   passes over the 32 banks: 1 without conflicts
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LineProfile:
    """Loads, stores or atomics of one line, in one kind of memory, summed over the launches.

    requests   warps that asked        lanes   threads that asked
    cost       sectors of 32 bytes (global) or bank passes (shared), in all
    least      of those, what the same lanes would take if their bytes lay side by side
    """

    kernel: str
    file: str
    line: int
    space: str  # "global" or "shared"
    access: str  # "read", "write" or "atomic"
    requests: int
    lanes: int
    cost: int
    least: int

    @property
    def per_request(self) -> float:
        """Sectors, or bank passes, for each request of a warp."""
        return self.cost / self.requests

    @property
    def lanes_per_request(self) -> float:
        return self.lanes / self.requests


@dataclass(frozen=True)
class LineRuns:
    """How the warps of one launch, or of several, went through one line.

    runs      how often a warp ran it       lanes    how many of its threads did, in all
    branches  how often it had to choose a way there: at an `if`, and before each round of a loop
    parted    how often its lanes then took different ways
    passes    for how many groups of lanes what follows was run: one where all go the same way
    """

    kernel: str
    file: str
    line: int
    runs: int
    lanes: int
    branches: int
    parted: int
    passes: int

    @property
    def lanes_per_run(self) -> float:
        return self.lanes / self.runs


@dataclass(frozen=True)
class LaunchCounts:
    """What profile mode counted of one launch.

    shared   bytes of a block, declared and asked for
    flops    as flops.py counts them; None: not on this machine
    """

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared: int
    profile: tuple[LineProfile, ...]
    runs: tuple[LineRuns, ...]
    flops: int | None = None

    def cost(self, space: str) -> tuple[int, int]:
        """Sectors ("global") or bank passes ("shared") that it takes, and the least it could."""
        of_space = [line for line in self.profile if line.space == space]
        return sum(line.cost for line in of_space), sum(line.least for line in of_space)

    @property
    def lanes_per_run(self) -> float:
        """Of the 32 lanes of a warp, how many run a line on average."""
        return sum(run.lanes for run in self.runs) / max(1, sum(run.runs for run in self.runs))


def total_runs(runs: list[LineRuns]) -> list[LineRuns]:
    """Adds up what belongs to one line; in the order of the lines."""
    sums: dict[tuple, list[int]] = {}
    for each in runs:
        counts = sums.setdefault((each.kernel, each.file, each.line), [0, 0, 0, 0, 0])
        of_each = (each.runs, each.lanes, each.branches, each.parted, each.passes)
        for i, count in enumerate(of_each):
            counts[i] += count
    return [LineRuns(*key, *counts) for key, counts in sorted(sums.items())]


def total(profiles: list[LineProfile]) -> list[LineProfile]:
    """Adds up what belongs to one line, access and kind of memory; in the order of the lines."""
    sums: dict[tuple, list[int]] = {}
    for profile in profiles:
        key = (profile.kernel, profile.file, profile.line, profile.space, profile.access)
        counts = sums.setdefault(key, [0, 0, 0, 0])
        counts[0] += profile.requests
        counts[1] += profile.lanes
        counts[2] += profile.cost
        counts[3] += profile.least
    return [LineProfile(*key, *counts) for key, counts in sorted(sums.items())]


def table(profiles: list[LineProfile]) -> str:
    """A table to print, one row for each line of the kernel and each kind of access."""
    rows = [("kernel", "line", "memory", "requests", "lanes", "each")]
    for profile in total(profiles):
        unit = "sectors" if profile.space == "global" else "bank passes"
        rows.append(
            (
                profile.kernel,
                f"{profile.file}:{profile.line}",
                f"{profile.space} {profile.access}",
                str(profile.requests),
                f"{profile.lanes_per_request:.1f}",
                f"{profile.per_request:.2f} {unit}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
