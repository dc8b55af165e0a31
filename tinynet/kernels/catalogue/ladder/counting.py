"""Each rung run in the simulator, compared with NumPy, and counted: never timed."""

from dataclasses import dataclass

import numpy as np

from tinynet.kernels.catalogue.ladder.rungs import Ladder, Rung
from tinynet.simulator.kernels.module import RawModule
from tinynet.simulator.kernels.profiling import LaunchCounts

SECTOR = 32  # bytes


class Wrong(Exception):
    """A rung's result is not NumPy's."""


@dataclass(frozen=True)
class Counts:
    """What the launches of a rung asked for.

    requests, sectors   of global memory: by warps, and those of 32 bytes that they took
    passes, fewest      over the banks of shared memory, and without conflicts
    lanes               of the 32 of a warp, that run a line on average
    intensity           FLOPs for each byte of those sectors
    """

    requests: int
    sectors: int
    passes: int
    fewest: int
    lanes: float
    intensity: float

    def better(self, other: "Counts", what: str) -> bool:
        """Strictly: more lanes or FLOPs for a byte, or fewer of anything else."""
        ours, theirs = getattr(self, what), getattr(other, what)
        return ours > theirs if what in ("lanes", "intensity") else ours < theirs


def counted(ladder: Ladder) -> dict[str, Counts]:
    """The counts of each rung of a ladder. Wrong if one does not compute what NumPy does."""
    module = RawModule(code=ladder.code(), mode="profile")
    found = {}
    for rung in ladder.rungs:
        run(ladder, rung, module)
        launches = module.launches[-len(rung.launches) :]
        found[rung.name] = _counts(launches, ladder.flops)
    return found


def run(ladder: Ladder, rung: Rung, module: RawModule) -> None:
    """Launch a rung in the module's mode, and compare: Wrong if it is not equal to the bit.

    KernelError if check mode finds something.
    """
    inputs = ladder.inputs(np.random.default_rng(0))
    shapes = ladder.written(rung)
    written = {name: np.full(shape, np.nan, np.float32) for name, shape in shapes.items()}
    sizes = {name: np.int32(size) for name, size in ladder.sizes.items()}
    values = inputs | written | sizes
    for launch in rung.launches:
        function = module.get_function(launch.kernel)
        given = tuple(values[parameter.name] for parameter in function.text.parameters)
        function(launch.grid, launch.block, given)
    result, expected = ladder.result(written[next(iter(shapes))]), ladder.expected(**inputs)
    if not np.array_equal(result, expected):
        apart = np.argwhere(np.atleast_1d(result != expected))
        raise Wrong(f"{ladder.file}: {rung.name}: {len(apart):,} elements are not NumPy's")


def _counts(launches: list[LaunchCounts], flops: int) -> Counts:
    """Of the launches of one rung together."""
    sectors = sum(launch.cost("global")[0] for launch in launches)
    passes, fewest = (sum(each) for each in zip(*(launch.cost("shared") for launch in launches)))
    lines = [line for launch in launches for line in launch.profile]
    requests = sum(line.requests for line in lines if line.space == "global")
    runs = [run for launch in launches for run in launch.runs]
    lanes = sum(run.lanes for run in runs) / sum(run.runs for run in runs)
    return Counts(requests, sectors, passes, fewest, lanes, flops / (sectors * SECTOR))
