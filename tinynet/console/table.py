"""Tables of text: rows of cells, each column as wide as its widest cell."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A line for each row: the first `left` columns flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:left], widths)]
        figures = [cell.rjust(width) for cell, width in zip(row[left:], widths[left:])]
        lines.append("  ".join(words + figures).rstrip())
    return lines
