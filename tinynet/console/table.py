"""Tables: rows of cells, as text in which each column is as wide as its widest cell, or as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A line for each row: the first `left` columns flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:left], widths)]
        figures = [cell.rjust(width) for cell, width in zip(row[left:], widths[left:])]
        lines.append("  ".join(words + figures).rstrip())
    return lines


@dataclass(frozen=True)
class Table:
    """Text where it is printed, and HTML where a notebook shows it.

    The first `left` columns, of words, are flush left, the others flush right.
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...] | None = None
    left: int = 1
    note: str = ""

    def __str__(self) -> str:
        last = [] if self.total is None else [self.total]
        first, *lines = aligned([self.head, *self.rows, *last], self.left)
        rule = "-" * len(first)
        if last:
            lines.insert(len(self.rows), rule)
        return "\n".join([first, rule, *lines, *(["", self.note] if self.note else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [self._line(row, "td") for row in self.rows]
        if self.total is not None:
            rows.append(self._line(self.total, "th"))
        note = f"<pre>{escape(self.note)}</pre>" if self.note else ""
        head = f"<thead>{self._line(self.head, 'th')}</thead>"
        return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>{note}"

    def _line(self, cells: tuple[str, ...], kind: str) -> str:
        return f"<tr>{''.join(self._cell(i, cell, kind) for i, cell in enumerate(cells))}</tr>"

    def _cell(self, i: int, text: str, kind: str) -> str:
        side = "left" if i < self.left else "right"
        return f'<{kind} style="text-align: {side}">{escape(text)}</{kind}>'
