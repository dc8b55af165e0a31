"""What an ablation found: errors with a part and without it, over seeds, and what is only noise.

Two runs with the same seed draw the same random numbers and see the same images in the same order,
so they are compared with each other: what counts is the mean of their differences, beside its
standard error. It is more than noise if Student's t says so at 95 %; even so, of twenty parts that
do nothing, one will seem to do something.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

# 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom; for more, the last is too strict.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Outcome:
    """What became of a run, all in percent."""

    top1: float  # validation error after the last epoch
    top5: float
    fitted: float  # top-1 error of the same network on training images, in test mode
    training: tuple[float, ...]  # top-1 error in training, epoch by epoch

    @property
    def gap(self) -> float:
        """How much worse it is on images that it was not trained on, in points: overfitting."""
        return self.top1 - self.fitted


def outcome(log: Sequence[dict], fitted: float) -> Outcome:
    """The outcome of a run that has come to its end, from the lines of its log.

    `fitted`: the share of training images that its last network gets wrong, seen as validation
    images are. The log's own training errors are with dropout and random crops, each epoch's mean.
    """
    last = [line for line in log if "val_top1_error" in line][-1]
    errors = (100 * last["val_top1_error"], 100 * last["val_top5_error"])
    return Outcome(*errors, 100 * fitted, tuple(_training_errors(log)))


def _training_errors(log: Sequence[dict]) -> Iterable[float]:
    """The training error of each epoch, in percent: of its intervals, weighted by their steps."""
    intervals = [{"step": 0}, *(line for line in log if "top1_error" in line)]
    of_epoch: dict[int, list[tuple[int, float]]] = {}
    for before, line in pairwise(intervals):
        steps = line["step"] - before["step"]
        of_epoch.setdefault(line["epoch"], []).append((steps, line["top1_error"]))
    for _, parts in sorted(of_epoch.items()):
        yield 100 * sum(n * error for n, error in parts) / sum(n for n, _ in parts)


@dataclass(frozen=True)
class Pairs:
    """One figure with a part and without it; the i-th of both are of the same seed."""

    with_it: tuple[float, ...]
    without: tuple[float, ...]

    @property
    def differences(self) -> list[float]:
        """Without it minus with it: above 0, the part is good for something."""
        pairs = zip(self.with_it, self.without, strict=True)
        return [round(without - with_it, 9) for with_it, without in pairs]

    @property
    def mean(self) -> float:
        """The mean difference."""
        return statistics.fmean(self.differences)

    @property
    def standard_error(self) -> float | None:
        """Of the mean difference; one seed has none."""
        n = len(self.differences)
        return statistics.stdev(self.differences) / math.sqrt(n) if n > 1 else None

    def verdict(self) -> str:
        """Whether the difference is more than noise, in words."""
        n, error = len(self.differences), self.standard_error
        seeds = f"{n} seed{'s' * (n > 1)}"
        if error is None:
            return f"{seeds}: nothing tells what is noise"
        if error == 0:
            return f"{seeds}: {'the same difference' if self.mean else 'no difference'} each time"
        t, needed = abs(self.mean) / error, STUDENT[min(n - 1, len(STUDENT)) - 1]
        found = "larger than its noise" if t > needed else "not distinguishable from 0"
        return f"{seeds}: {found} (t = {t:.2f}, and 95 % takes {needed:.2f})"

    def as_json(self) -> dict:
        """The figures of all seeds, and what they come to."""
        return {
            "with": self.with_it,
            "without": self.without,
            "difference": self.mean,
            "standard_error": self.standard_error,
            "verdict": self.verdict(),
        }


def epochs_to_an_error(
    with_it: Sequence[Outcome], without: Sequence[Outcome]
) -> tuple[list[float], Pairs]:
    """For each seed, the lowest training error that both runs reach, and when they first do."""
    errors = [max(min(a.training), min(b.training)) for a, b in zip(with_it, without, strict=True)]
    first = [
        tuple(_first_epoch(run, error) for run, error in zip(runs, errors))
        for runs in (with_it, without)
    ]
    return errors, Pairs(*first)


def _first_epoch(run: Outcome, error: float) -> int:
    return next(i for i, of_epoch in enumerate(run.training, 1) if of_epoch <= error)
