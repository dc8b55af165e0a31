"""What the doctor says: what was measured, what it most likely comes from, and what helps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing amiss. `kind` never changes, for programs; `text` is for people.

    `severity` is in the finding's own units: twice as much is worth saying again.
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


def with_flags(remedy: str, flags: str) -> str:
    """The remedy, and the flags that bring it about if there are any: `flags` may be ""."""
    return f"{remedy}: {flags}" if flags else remedy
