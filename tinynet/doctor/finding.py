"""What the doctor says: what was measured, what it most likely comes from, and what helps."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing amiss. `kind` never changes, for programs; `text` is for people.

    `severity` counts in units of the finding's own: twice as much is worth saying again.
    """

    kind: str
    measured: str
    cause: str
    remedy: str
    layer: str | None = None
    severity: float = 1.0

    @property
    def text(self) -> str:
        """The three as one line."""
        return f"{self.measured}. Cause: {self.cause}. Remedy: {self.remedy}"


def listed(words: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def percent(share: float) -> str:
    """Two digits of a share, however small: 0.0014 -> "0.14%"."""
    return f"{100 * share:.2g}%" if share < 0.995 else f"{share:.0%}"
