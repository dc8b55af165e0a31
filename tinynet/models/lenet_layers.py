"""The layers of LeNet-5 that later networks have not.

`row` is what `summary` says of one, and `computed` what a report's page computes.
"""

import math
from collections.abc import Sequence

import numpy as np

from tinynet import Tensor, nn
from tinynet import functional as F
from tinynet.reports.page.computed import Computed
from tinynet.reports.summary import Row

OUTER, INNER = 1.7159, 2 / 3


class Gray(nn.Module):
    """x (n, 3, h, w) -> (n, 1, h, w): the mean of the colours."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(axis=1, keepdims=True)

    def row(self, name: str, size: tuple[int, ...]) -> Row:
        """What `summary` says of it, for images of this size."""
        return Row(name, (1, *size[1:]))

    def computed(self) -> Computed:
        return Computed("gray")


class ScaledTanh(nn.Module):
    """f(a) = 1.7159 tanh(2/3 a) (paper, appendix A): f(1) = 1, f(-1) = -1."""

    def forward(self, x: Tensor) -> Tensor:
        return OUTER * F.tanh(x * INNER)

    def computed(self) -> Computed:
        return Computed("tanh", {"outer": OUTER, "inner": INNER})


class Subsampling(nn.AvgPool2d):
    """y = weight * (the sum of each 2 x 2 pixels) + bias: a pair of numbers for each map."""

    def __init__(self, maps: int, device, dtype):
        super().__init__(2)
        self.weight = nn.Parameter(np.empty((1, maps, 1, 1), dtype), device=device)
        self.bias = nn.Parameter(np.empty((1, maps, 1, 1), dtype), device=device)

    def forward(self, x: Tensor) -> Tensor:
        return 4 * super().forward(x) * self.weight + self.bias

    def row(self, name: str, size: tuple[int, ...]) -> Row:
        output = (size[0], *self.output_size(*size[1:]))
        neurons = math.prod(output)
        return Row(name, output, "2x2 / 2", neurons, 2 * size[0], 4 * neurons)

    def computed(self) -> Computed:
        window = {"window": [2, 2], "stride": [2, 2], "padding": [0, 0]}
        arrays = {key: array.reshape(-1) for key, array in self.state_dict().items()}
        return Computed("subsampling", window, arrays)


class TableConv2d(nn.Module):
    """A convolution whose map number o sees the maps table[o] of x alone.

    weight (connections, kh, kw): a filter for each pair of maps in the table, row by row.
    """

    def __init__(self, table: Sequence[tuple[int, ...]], channels: int, kernel: int, device, dtype):
        super().__init__()
        pairs = [(o, c) for o, seen in enumerate(table) for c in seen]
        self.weight = nn.Parameter(np.empty((len(pairs), kernel, kernel), dtype), device=device)
        self.bias = nn.Parameter(np.empty(len(table), dtype), device=device)
        self.place = np.full((len(table), channels), len(pairs))  # of a pair's filter; else of 0
        for i, pair in enumerate(pairs):
            self.place[pair] = i

    def forward(self, x: Tensor) -> Tensor:
        none = Tensor(np.zeros((1, *self.weight.shape[1:]), x.dtype), device=x.device)
        filters = F.concatenate([self.weight, none])[self.place]  # (out, channels, kh, kw)
        return F.conv2d(x, filters, self.bias)

    def row(self, name: str, size: tuple[int, ...]) -> Row:
        (pairs, kh, kw), out = self.weight.shape, len(self.bias)
        output = (out, size[1] - kh + 1, size[2] - kw + 1)
        filters = f"{out} of {kh}x{kw}x({pairs / out:.2f} of {size[0]}) / 1"
        places = output[1] * output[2]
        parameters = sum(p.size for p in self.parameters())
        return Row(name, output, filters, math.prod(output), parameters, places * self.weight.size)

    def computed(self) -> Computed:
        """A convolution over all maps, with zeros for those that it does not see."""
        weight = self.weight.numpy()
        filters = np.concatenate([weight, np.zeros_like(weight[:1])])[self.place]
        window = {"window": [*weight.shape[1:]], "stride": [1, 1], "padding": [0, 0], "groups": 1}
        return Computed("conv", window, {"weight": filters, "bias": self.bias.numpy()})


class RadialBasis(nn.Module):
    """x (n, units) -> -|x - code|^2 for each class's code, (n, classes). The codes stay as drawn.

    They are those of the number of classes and nothing else, so that all runs share them.
    """

    def __init__(self, units: int, classes: int, dtype):
        super().__init__()
        signs = np.random.default_rng(classes).integers(0, 2, (classes, units))
        self.codes = (2 * signs - 1).astype(dtype)

    def forward(self, x: Tensor) -> Tensor:
        distance = x.reshape(len(x), 1, -1) - Tensor(self.codes, device=x.device)
        return -(distance * distance).sum(axis=2)

    def row(self, name: str, size: tuple[int, ...]) -> Row:
        return Row(name, self.codes.shape[:1], "", len(self.codes), 0, self.codes.size)

    def computed(self) -> Computed:
        return Computed("radial_basis", arrays={"weight": self.codes})
