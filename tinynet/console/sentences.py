"""Lists of names, numbers of things, sizes and percentages as they appear in messages."""

from collections.abc import Iterable

MB, GB = 2**20, 2**30  # bytes, wherever a size is printed or typed: of memory, files and traffic


def listed(names: Iterable[str]) -> str:
    """One or more names: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counted(count: int, one: str, more: str = "") -> str:
    """How many there are: "1 class", or "1,000 classes" where `more` says so, else with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def megabytes(size: int, decimals: int = 1) -> str:
    """The number of MB in `size` bytes: 3 * 2**30 -> "3,072.0"."""
    return f"{size / MB:,.{decimals}f}"


def percent(share: float) -> str:
    """A share to two digits, however small: 0.0014 -> "0.14%"."""
    return f"{100 * share:.2g}%" if share < 0.995 else f"{share:.0%}"
