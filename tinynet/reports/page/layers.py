"""The layers of a network as a table, counted: what `summary` prints, as data."""

from tinynet.nn import Sequential
from tinynet.reports.summary import rows


def layer_table(model: Sequential, image_size: int) -> list[dict]:
    """A row for each layer, in order."""
    return [
        {
            "name": row.name,
            "output": " x ".join(map(str, row.output)),
            "filters": row.filters,
            "neurons": row.neurons,
            "parameters": row.parameters,
            "connections": row.connections,
        }
        for row in rows(model, image_size)
    ]
