"""The one way to compare, and the one way to print.

`alternate` lets all contestants do their work in turn, round by round, so that a change in the
machine's speed hits all of them; ratios are taken round by round. A `Table` shows medians with the
least and the most of all rounds, as Markdown, which is readable on a terminal too.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

BOUND = "bound"  # the contestant that is not one: what a part of the work takes at least


@dataclass(frozen=True)
class Row:
    """What was measured of one piece of work: for each contestant a value a round.

    values    seconds, or bytes; `base` is the contestant with which the others are compared
    items     how many images the seconds are for; 0 where there are none
    """

    label: str
    values: dict[str, list[float]]
    base: str = "tinynet"
    items: int = 0


@dataclass
class Table:
    """Rows of one kind. `unit`: "ms" for values in seconds, "MB" for bytes."""

    title: str
    text: str
    rows: list[Row] = field(default_factory=list)
    unit: str = "ms"
    notes: list[str] = field(default_factory=list)  # what was left out, and why


def alternate(
    contestants: dict[str, Callable[[], dict[str, float]]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """The values of each phase of the work: {phase: {contestant: a value a round}}.

    Every second round goes backwards, so that nobody is always the one after the slowest.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            for phase, value in contestants[name]().items():
                found.setdefault(phase, {}).setdefault(name, []).append(value)
    return {phase: {n: by[n] for n in contestants if n in by} for phase, by in found.items()}


def spread(values: Iterable[float], show: Callable[[float], str]) -> str:
    """The median, and the least and the most: "2,258 (2,101-2,610)"."""
    values = sorted(values)
    middle = show(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({show(values[0])}-{show(values[-1])})"


def ratio(row: Row, other: str) -> str:
    """How many times the base's value another's is; it says so where tinynet is the slower one."""
    ratios = [theirs / ours for theirs, ours in zip(row.values[other], row.values[row.base])]
    is_behind = row.base == "tinynet" and statistics.median(ratios) < 1
    behind = " **behind**" if is_behind else ""
    return spread(ratios, lambda value: f"{value:.2f}") + behind


def share(row: Row) -> str:
    """The part of the base's time that the bound takes, round by round."""
    pairs = zip(row.values[BOUND], row.values[row.base])
    return f"{100 * statistics.median(bound / ours for bound, ours in pairs):.0f} %"


def shown(seconds_or_bytes: float, unit: str) -> str:
    """Three digits and more: 0.0123, 1.23, 12.3, 1,234."""
    value = seconds_or_bytes * 1e3 if unit == "ms" else seconds_or_bytes / 2**20
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:,.{decimals}f}"


def markdown(table: Table) -> str:
    """A section: title, text, one table, notes."""
    parts = [f"## {table.title}", table.text.strip()]
    if table.rows:
        parts.append("\n".join(grid(_cells(table))))
    parts += [f"- {note}" for note in table.notes]
    return "\n\n".join(parts) + "\n"


def _cells(table: Table) -> list[list[str]]:
    """The header, then a line for each row; columns that no row fills are left out."""
    base = table.rows[0].base
    others = dict.fromkeys(name for row in table.rows for name in row.values)
    others = [name for name in others if name not in (base, BOUND)]
    head = ["", f"{base}, {table.unit}", "images/s", "% of bound"]
    for name in others:
        head += [f"{name}, {table.unit}", f"{name} / {base}"]
    lines = []
    for row in table.rows:
        middle = statistics.median(row.values[base])
        line = [row.label, spread(row.values[base], lambda v: shown(v, table.unit))]
        line.append(f"{row.items / middle:,.1f}" if row.items else "")
        line.append(share(row) if BOUND in row.values else "")
        for name in others:
            there = name in row.values
            theirs = shown(statistics.median(row.values[name]), table.unit) if there else ""
            line += [theirs, ratio(row, name) if there else ""]
        lines.append(line)
    used = [i for i in range(len(head)) if i == 0 or any(line[i] for line in lines)]
    return [[line[i] for i in used] for line in [head, *lines]]


def grid(cells: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells)]
    head, *lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return [head, rule, *lines]


def as_json(table: Table) -> dict:
    """Every value of every round."""
    return asdict(table)
