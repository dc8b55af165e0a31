"""Names as they stand in a sentence that is said to a person."""

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """The names, of which there is at least one: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
