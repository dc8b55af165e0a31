"""A network's layers in a table: sizes, parameters, connections, FLOPs.

The counts follow from the shapes of the layers; no image goes through the network.
"""

import math
from dataclasses import dataclass

from tinynet import nn
from tinynet.console.table import Table
from tinynet.ops.window import pair

HOW = """\
neurons      outputs of convolutional and fully connected layers, each counted once
parameters   weights and biases; a weight is shared by all places of its filter
share        of the network's parameters
connections  a multiply-add each: for every neuron, the inputs that it sums (padding included)
FLOPs        2 for each connection, forward, one image; a training step takes about 3 times that"""


@dataclass(frozen=True)
class Row:
    """One layer, for one image."""

    name: str
    output: tuple[int, ...]
    filters: str = ""  # how many, their size and stride; for pooling, its window
    neurons: int = 0
    parameters: int = 0
    connections: int = 0


def rows(model: nn.Sequential, image_size: int, channels: int = 3) -> list[Row]:
    """The layers in order, each with the size of its output for one image."""
    found, size = [], (channels, image_size, image_size)
    for name, layer in model.children():
        row = _row(name, layer, size)
        found.append(row)
        size = row.output
    return found


def _row(name: str, layer: nn.Module, size: tuple[int, ...]) -> Row:
    if hasattr(layer, "row"):  # a layer of the example's own
        return layer.row(name, size)
    if isinstance(layer, nn.Conv2d):
        out, depth, kh, kw = layer.weight.shape  # depth: channels of one group
        output = (out, *layer.output_size(*size[1:]))
        inputs = depth * kh * kw
        filters = f"{out} of {kh}x{kw}x{depth} / {_stride(layer.stride)}"
    elif isinstance(layer, nn.LocallyConnected2d):
        out, depth, kh, kw, *places = layer.weight.shape
        output, inputs = (out, *places), depth * kh * kw
        filters = f"{out} of {kh}x{kw}x{depth} / {_stride(layer.stride)} at each place"
    elif isinstance(layer, nn.Linear):
        output, inputs, filters = (layer.weight.shape[0],), layer.weight.shape[1], ""
    elif isinstance(layer, nn.Pool2d):
        window = "x".join(map(str, pair("summary", "kernel_size", layer.kernel_size, least=1)))
        stride = layer.kernel_size if layer.stride is None else layer.stride
        output = (size[0], *layer.output_size(*size[1:]))
        return Row(name, output, f"{window} / {_stride(stride)}")
    elif isinstance(layer, nn.Flatten):
        return Row(name, (math.prod(size),))
    elif isinstance(layer, nn.LocalResponseNorm):
        return Row(name, size, f"{layer.size} maps")
    elif isinstance(layer, nn.LocalResponseNormWithin):
        return Row(name, size, f"{layer.size}x{layer.size}")
    else:
        return Row(name, size)
    neurons = math.prod(output)
    parameters = sum(p.size for p in layer.parameters())
    return Row(name, output, filters, neurons, parameters, neurons * inputs)


def _stride(stride: nn.Size) -> str:
    h, w = pair("summary", "stride", stride, least=1)
    return str(h) if h == w else f"{h}x{w}"


def summary_table(model: nn.Sequential, image_size: int) -> Table:
    """The table, its totals, and how each column is counted."""
    header = (
        "layer",
        "output",
        "filters / stride",
        "neurons",
        "parameters",
        "share",
        "connections",
        "FLOPs",
    )
    lines = [("image", _size((3, image_size, image_size)), *[""] * 6)]
    layers = rows(model, image_size)
    total = Row("total", (), "", *(sum(column) for column in zip(*map(_numbers, layers))))
    for row in layers:
        lines.append((row.name, _size(row.output), row.filters, *_counts(row, total.parameters)))
    counts = _counts(total, total.parameters)
    return Table(header, lines, (total.name, "", "", *counts), left=3, note=HOW)


def _numbers(row: Row) -> tuple[int, int, int]:
    return row.neurons, row.parameters, row.connections


def _counts(row: Row, all_parameters: int) -> list[str]:
    cells = [f"{n:,}" if n else "" for n in (*_numbers(row), 2 * row.connections)]
    share = f"{row.parameters / all_parameters:.1%}" if row.parameters else ""
    return [*cells[:2], share, *cells[2:]]


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
