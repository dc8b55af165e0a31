"""Names and shares as they stand in a sentence that is said to a person."""

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """The names, of which there is at least one: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def percent(share: float) -> str:
    """Two digits of a share, however small: 0.0014 -> "0.14%"."""
    return f"{100 * share:.2g}%" if share < 0.995 else f"{share:.0%}"
