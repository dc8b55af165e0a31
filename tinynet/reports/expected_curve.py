"""Is a run as good as its recipe promises? Its errors beside a band of those to expect.

A recipe's curve is data: the lowest and the highest validation error after some of its epochs, each
with its source. Between two of these the band goes straight over the logarithm of the epoch, since
a network learns as much from epoch 1 to 2 as from 50 to 100.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from math import log
from pathlib import Path

STUCK = 0.85  # of ten classes: this error is hardly better than chance
FAR = 0.3  # nats, of the first loss from that of equal probabilities
OVERFIT = 0.1  # by which the error in training is lower


@dataclass(frozen=True)
class Point:
    """After so many epochs the validation error (0 to 1) lies between `low` and `high`."""

    epoch: float
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class Curve:
    """What to expect of a recipe. `promise`: in words; `views`: of an image, that it is for."""

    promise: str
    views: int
    steps_per_epoch: int
    points: tuple[Point, ...]

    def __post_init__(self):
        epochs = [point.epoch for point in self.points]
        rising = all(a < b for a, b in pairwise(epochs))
        if len(epochs) < 2 or epochs[0] <= 0 or not rising:
            raise ValueError(f"Curve: points expects two or more, of rising epochs, got {epochs}")
        if not all(0 <= p.low < p.high <= 1 for p in self.points):
            raise ValueError("Curve: points expects 0 <= low < high <= 1")

    def band(self, epoch: float) -> tuple[float, float] | None:
        """(low, high) after so many epochs; None before the first point."""
        points = self.points
        if epoch < points[0].epoch:
            return None
        if epoch >= points[-1].epoch:
            return points[-1].low, points[-1].high
        after = bisect_left([point.epoch for point in points], epoch, lo=1)
        a, b = points[after - 1], points[after]
        share = log(epoch / a.epoch) / log(b.epoch / a.epoch)
        return a.low + share * (b.low - a.low), a.high + share * (b.high - a.high)


def read_curves(path: Path) -> dict[str, Curve]:
    """The curves in a JSON file, by recipe."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Curve(**{**curve, "points": tuple(Point(**point) for point in curve["points"])})
        for name, curve in found.items()
    }


@dataclass(frozen=True)
class Row:
    """A validation of the run, and what was to be expected."""

    epoch: float
    error: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """A word: "inside", "above" or "below"."""
        if self.error > self.high:
            return "above"
        return "below" if self.error < self.low else "inside"


def rows(curve: Curve, lines: list[dict]) -> list[Row]:
    """The validations in a run's log, from the curve's first point on."""
    found = []
    for line in lines:
        epoch = line["step"] / curve.steps_per_epoch
        if "val_top1_error" in line and (band := curve.band(epoch)):
            found.append(Row(epoch, line["val_top1_error"], *band))
    return found


def what_to_look_at(verdict: str, lines: list[dict], classes: int) -> list[str]:
    """Where to look for the cause, a sentence each, if a run with these lines in its log is "above"
    or "below" the band.
    """
    told = [text for line in lines for text in line.get("doctor", ())]
    found = [f"the doctor said: {text}" for text in told[:3]]
    if verdict == "below":
        found.append(
            "better than the authors': are validation images among the training images, or are "
            "not all of them counted?"
        )
        return found
    training = [line for line in lines if "loss" in line]
    validations = [line["val_top1_error"] for line in lines if "val_top1_error" in line]
    start, error, val_error = training[0]["loss"], training[-1]["top1_error"], validations[-1]
    if abs(start - log(classes)) > FAR:
        found.append(
            f"the loss began at {start:.2f}, not at ln {classes} = {log(classes):.2f}: the first "
            "weights are not the recipe's"
        )
    if error > STUCK:
        found.append(
            f"training error {error:.1%}: it has not begun to learn. Pixels must be 0 to 255 minus "
            "the mean: scaled to 0..1 they are too small for conv1's first weights"
        )
    elif val_error - error > OVERFIT:
        found.append(
            f"training error {error:.1%}, validation error {val_error:.1%}: it learns by heart. "
            "Has each layer its own weight decay? Are crops and mirror images on?"
        )
    else:
        found.append(
            f"training error {error:.1%}, validation error {val_error:.1%}: it has not learned "
            "enough. Are the rates the recipe's, and were they divided by 10 where they should "
            "be? Do the poolings overlap, with the last window over the edge?"
        )
    return found
