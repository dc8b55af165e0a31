"""Top-1 and top-5 error: the share of images whose label is not among the 1 or 5 likeliest."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Means over `images` images: errors from 0 to 1, loss in nats."""

    images: int
    loss: float
    top1_error: float
    top5_error: float

    def as_validation(self) -> dict:
        """The keys of a validation's line in the log."""
        return {
            "val_loss": self.loss,
            "val_top1_error": self.top1_error,
            "val_top5_error": self.top5_error,
        }

    def __str__(self) -> str:
        errors = f"top-1 error {self.top1_error:.2%}  top-5 error {self.top5_error:.2%}"
        return f"loss {self.loss:.4f}  {errors}"


class Tally:
    """Adds up scores, batch by batch."""

    def __init__(self):
        self.images, self.loss, self._wrong1, self._wrong5 = 0, 0.0, 0, 0

    def add(self, loss: float, logits: np.ndarray, labels: np.ndarray) -> None:
        """`loss`: the sum over the batch; logits (n, classes), or the log softmax of them."""
        rank = ranks(logits, labels)
        self.images += len(labels)
        self.loss += loss
        self._wrong1 += int((rank >= 1).sum())
        self._wrong5 += int((rank >= 5).sum())

    def include(self, other: "Tally") -> None:
        """Add what another tally has counted."""
        self.images += other.images
        self.loss += other.loss
        self._wrong1 += other._wrong1
        self._wrong5 += other._wrong5

    @classmethod
    def of_all(cls, tallies: Iterable["Tally"]) -> "Tally":
        """Their sum."""
        total = cls()
        for tally in tallies:
            total.include(tally)
        return total

    def scores(self) -> Scores:
        n = self.images
        return Scores(n, self.loss / n, self._wrong1 / n, self._wrong5 / n)


def ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes rank ahead of the right one, (n,): 0 where the network ranks it first.

    Of equal logits the one of the smaller class index ranks first, or a network that gives all
    classes the same logit would always be right; a nan ranks ahead of everything.
    """
    right = np.take_along_axis(logits, labels[:, None], axis=1)
    later = np.arange(logits.shape[1]) >= labels[:, None]
    return (~((logits < right) | ((logits == right) & later))).sum(axis=1)
