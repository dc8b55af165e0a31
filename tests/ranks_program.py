"""AlexNet's command line as one rank of a test: perhaps in float64, perhaps with something wrong.

mpiexec -n 2 python tests/ranks_program.py float64,raises train ...
"""

import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from unittest.mock import patch

from tiny_runs import load_example

import tinynet
from tinynet import Tensor
from tinynet.commands import command_line, on_ranks
from tinynet.commands import run as commands_run
from tinynet.parallel import buckets, divided, ranks, watch
from tinynet.parallel.world import world
from tinynet.training import gradients, sharing
from tinynet.training.inputs import Inputs
from tinynet.training.run_folder import RunFolder
from tinynet.training.trainer import Trainer

# Sooner than they are, from the moment on when something goes wrong. Before it no rank may be taken
# for a frozen one, however busy the machine is.
SOONER = {
    "raises": ((watch, "OVERTAKING", 0.5), (ranks, "LEAVING", 1.0)),
    "freezes": ((watch, "SILENCE", 3.0), (ranks, "LEAVING", 1.0)),
    "hangs": tuple((module, "STUCK", 3.0) for module in (sharing, gradients, buckets, divided)),
}
ELSEWHERE = ".elsewhere"
LAST = 3  # the step before which something goes wrong, on the last rank


def main(ways: set[str], argv: list[str]) -> int:
    example = load_example("alexnet").EXAMPLE
    with ExitStack() as patches:
        patches.enter_context(patch.object(commands_run, "_draw_figures"))
        if "float64" in ways:
            example = replace(example, build=partial(example.build, dtype="float64"))
            patches.enter_context(patch.object(Inputs, "_augment", _in_float64(Inputs._augment)))
        for way in ways & OTHER.keys():
            if world().rank == world().size - 1:
                patches.enter_context(patch.object(*OTHER[way]))
        for way in ways & WRONG.keys():
            patches.enter_context(patch.object(Trainer, "_train_on", _going(way)))
        return command_line.main(example, argv)


def _in_float64(augment):
    return lambda *args: Tensor(augment(*args).numpy().astype("float64"))


def _going(way: str):
    """The step of a trainer, which goes wrong on the last rank before step `LAST`."""
    train_on = Trainer._train_on

    def train_on_or_fail(self, share):
        if self.step == LAST - 1:
            for module, name, seconds in SOONER[way]:
                setattr(module, name, seconds)
            if world().rank == world().size - 1:
                WRONG[way]()
        train_on(self, share)

    return train_on_or_fail


def raises() -> None:
    raise RuntimeError("a planted mistake")


def freezes() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def hangs() -> None:
    time.sleep(600)


def of_its_own(read):
    """`read` of files, where another machine has others, or none, by the same names."""
    return lambda path, *args, **kwargs: read(type(path)(f"{path}{ELSEWHERE}"), *args, **kwargs)


# What is otherwise on the last rank.
OTHER = {
    "other_disk": (on_ranks, "open_dataset", of_its_own(on_ranks.open_dataset)),
    "other_checkpoints": (
        commands_run,
        "read_checkpoint",
        of_its_own(commands_run.read_checkpoint),
    ),
    "other_runs": (RunFolder, "steps", lambda folder: [folder.of_step(1)]),
    "other_version": (tinynet, "__version__", "0.0.1"),
}
WRONG = {"raises": raises, "freezes": freezes, "hangs": hangs}

if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1].split(",")), sys.argv[2:]))
