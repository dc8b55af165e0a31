"""Lists of names, numbers of things, and percentages as they appear in messages."""

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """One or more names: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counted(count: int, one: str, more: str = "") -> str:
    """How many there are: "1 class", or "1,000 classes" where `more` says so, else with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def percent(share: float) -> str:
    """A share to two digits, however small: 0.0014 -> "0.14%"."""
    return f"{100 * share:.2g}%" if share < 0.995 else f"{share:.0%}"
