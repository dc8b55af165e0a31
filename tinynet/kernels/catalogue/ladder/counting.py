"""Each rung run in the simulator, compared with NumPy, and counted: never timed."""

from dataclasses import dataclass

import numpy as np

from tinynet.kernels.catalogue.ladder.rungs import Ladder, Rung
from tinynet.simulator.kernels.module import RawModule

SECTOR = 32  # bytes


class Wrong(Exception):
    """A rung's result is not NumPy's."""


@dataclass(frozen=True)
class Counts:
    """What one launch asked for.

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
    """The counts of each kernel of a ladder. Wrong if one does not compute what NumPy does."""
    module = RawModule(code=ladder.code(), mode="profile")
    found = {}
    for rung in ladder.rungs:
        run(ladder, rung, module)
        found[rung.kernel] = _counts(module, ladder.flops)
    return found


def run(ladder: Ladder, rung: Rung, module: RawModule) -> None:
    """Launch a rung in the module's mode, and compare: Wrong if it is not equal to the bit.

    KernelError if check mode finds something.
    """
    inputs = ladder.inputs(np.random.default_rng(0))
    output = np.full(ladder.output(rung.grid), np.nan, np.float32)
    sizes = tuple(np.int32(size) for size in ladder.sizes.values())
    module.get_function(rung.kernel)(rung.grid, rung.block, (output, *inputs, *sizes))
    result, expected = ladder.result(output), ladder.expected(*inputs)
    if not np.array_equal(result, expected):
        apart = np.argwhere(np.atleast_1d(result != expected))
        raise Wrong(f"{ladder.file}: {rung.kernel}: {len(apart):,} elements are not NumPy's")


def _counts(module: RawModule, flops: int) -> Counts:
    """Of the module's last launch."""
    launch = module.launches[-1]
    sectors, _ = launch.cost("global")
    passes, fewest = launch.cost("shared")
    requests = sum(line.requests for line in launch.profile if line.space == "global")
    intensity = flops / (sectors * SECTOR)
    return Counts(requests, sectors, passes, fewest, launch.lanes_per_run, intensity)
