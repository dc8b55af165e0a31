"""What runs with a part of the network, and without it, came to: figure by figure, seed by seed.

A figure is a number for each run, all in percent but the epochs. Of two runs with the same seed the
difference counts, without the part minus with it; of epochs, how many times as many.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinynet.reports.verdict import Estimate, estimate

ENOUGH = 25.0  # percent: the training error at which the paper's figure 1 stops


@dataclass(frozen=True)
class Outcome:
    """What became of a run, all in percent."""

    top1: float  # validation error after the last epoch
    top5: float
    fitted: float  # top-1 error of the same network on training images, in test mode
    training: tuple[float, ...]  # top-1 error in training, epoch by epoch
    validation: tuple[float, ...]  # top-1 error after each epoch

    @property
    def gap(self) -> float:
        """How much worse it is on images that it was not trained on, in points: overfitting."""
        return self.top1 - self.fitted


def outcome(found: dict) -> Outcome:
    """The outcome of a run from what was measured in it, which is in shares from 0 to 1."""
    top1, top5, training = (
        tuple(100 * share for share in found[name]) for name in ("top1", "top5", "training")
    )
    return Outcome(top1[-1], top5[-1], 100 * found["fitted"], training, top1)


def training_errors(log: Sequence[dict]) -> Iterable[float]:
    """The training error of each epoch, 0 to 1: of its intervals, weighted by their steps."""
    intervals = [{"step": 0}, *(line for line in log if "top1_error" in line)]
    of_epoch: dict[int, list[tuple[int, float]]] = {}
    for before, line in pairwise(intervals):
        steps = line["step"] - before["step"]
        of_epoch.setdefault(line["epoch"], []).append((steps, line["top1_error"]))
    for _, parts in sorted(of_epoch.items()):
        yield sum(n * error for n, error in parts) / sum(n for n, _ in parts)


@dataclass(frozen=True)
class Pairs:
    """One figure with a part and without it; the i-th of both are of the same seed.

    `ratio`: what counts is how many times as large it is without the part, as of epochs.
    """

    with_it: tuple[float, ...]
    without: tuple[float, ...]
    ratio: bool = False

    @property
    def differences(self) -> list[float]:
        """Without it minus with it; of a ratio, the logarithm of without it over with it."""
        pairs = zip(self.with_it, self.without, strict=True)
        if self.ratio:
            return [math.log(without / with_it) for with_it, without in pairs]
        return [round(without - with_it, 9) for with_it, without in pairs]

    def estimate(self) -> Estimate:
        """What the differences say of their mean."""
        return estimate(self.differences)


def epochs_to_an_error(
    with_it: Sequence[Outcome], without: Sequence[Outcome], curve: str
) -> tuple[list[float], Pairs]:
    """For each seed, the lowest error that both runs reach, and after how many epochs they first
    do. `curve`: the errors that count, "training" or "validation".
    """
    pairs = [(getattr(a, curve), getattr(b, curve)) for a, b in zip(with_it, without, strict=True)]
    errors = [max(min(a), min(b)) for a, b in pairs]
    first = [
        tuple(first_epoch(pair[i], error) for pair, error in zip(pairs, errors)) for i in (0, 1)
    ]
    return errors, Pairs(*first, ratio=True)


def first_epoch(curve: Sequence[float], error: float) -> int:
    """The first epoch with so low an error; if there is none, the one after the last."""
    return next((i for i, of_epoch in enumerate(curve, 1) if of_epoch <= error), len(curve) + 1)
