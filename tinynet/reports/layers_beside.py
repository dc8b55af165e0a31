"""Two networks side by side, stage by stage: a layer with weights, and what follows it."""

from itertools import zip_longest

from tinynet import nn
from tinynet.reports.summary import Row, rows

Named = tuple[str, nn.Sequential, int]  # its name, itself, and the side of its images


def stages(found: list[Row]) -> tuple[list[list[Row]], list[list[Row]]]:
    """Each layer with weights, and those up to the next: the convolutional ones, and the others.

    What comes before the first belongs to none; pooling that has weights begins none.
    """
    parts: list[list[Row]] = []
    for row in found:
        is_layer = row.neurons and not (row.filters and " of " not in row.filters)
        if is_layer:
            parts.append([])
        if parts:
            parts[-1].append(row)
    maps = [part for part in parts if len(part[0].output) == 3]
    return maps, [part for part in parts if len(part[0].output) == 1]


def beside(first: Named, second: Named) -> str:
    """A table of two networks: convolutions from the first on, the others up to the last."""
    left, right = [], []
    found = [rows(model, side) for _, model, side in (first, second)]
    (maps_a, units_a), (maps_b, units_b) = map(stages, found)
    pairs = [*zip_longest(maps_a, maps_b, fillvalue=[])]
    pairs += [*zip_longest(units_a[::-1], units_b[::-1], fillvalue=[])][::-1]
    for a, b in pairs:
        for cells in zip_longest(map(_told, a), map(_told, b), fillvalue=""):
            left.append(cells[0])
            right.append(cells[1])
        left.append("")
        right.append("")
    heads, feet = zip(*(_ends(*named, its) for named, its in zip((first, second), found)))
    lines = [*zip(*heads), *zip(left, right), *zip(*feet)]
    width = max(len(cell) for cell, _ in lines) + 4
    return "\n".join(f"{a:<{width}}{b}".rstrip() for a, b in lines)


def _ends(name: str, model: nn.Sequential, side: int, found: list[Row]) -> tuple[list, list]:
    """What stands above a column, and below it."""
    parameters, connections = (
        f"{sum(getattr(row, what) for row in found):,} {what}"
        for what in ("parameters", "connections")
    )
    return [f"{name}, images of {side} x {side}", ""], [parameters, connections]


def _told(row: Row) -> str:
    """A layer: its name, the size of what comes out, its filters, its parameters."""
    size = "x".join(map(str, row.output))
    parameters = f"{row.parameters:,} parameters" if row.parameters else ""
    return f"{row.name:<11} {size:<9} {', '.join(filter(None, (row.filters, parameters)))}".rstrip()
