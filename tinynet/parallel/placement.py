"""Where a network's layers go: whole on one device, or half of each in each of two towers.

Both classes below make the same layers; a network is written once and asks one of them. `groups` of
a layer are its towers: with groups=2 each half of the outputs sees only its own half of the inputs.
"""

import numpy as np

from tinynet import nn
from tinynet.parallel.towers import Cross, Fork, Join, TowerDropout, Towers
from tinynet.parallel.traffic import Traffic


class OneDevice:
    """Layers as they are: towers are the groups of a convolution, and nothing crosses."""

    towers = 1

    def __init__(self, device: str, dtype: str | np.dtype):
        self.place = {"device": device, "dtype": dtype}

    def conv(self, channels: int, maps: int, kernel: int, groups: int = 1, **options) -> nn.Module:
        return nn.Conv2d(channels, maps, kernel, groups=groups, **options, **self.place)

    def linear(self, inputs: int, units: int) -> nn.Module:
        return nn.Linear(inputs, units, **self.place)

    def plain(self, layer: nn.Module) -> nn.Module:
        """A layer without parameters that treats each map, or each group of maps, on its own."""
        return layer

    def dropout(self, p: float, mode: str, seed: int) -> nn.Module:
        return nn.Dropout(p, mode, seed)

    def whole_linear(self, inputs: int, units: int) -> nn.Module:
        """A fully connected layer that lies on the last device."""
        return nn.Linear(inputs, units, **self.place)

    def fork(self, name: str) -> dict[str, nn.Module]:
        """What goes before the first layer, by name."""
        return {}

    def cross(self, name: str) -> dict[str, nn.Module]:
        """What goes before a layer that sees both towers."""
        return {}

    def join(self, name: str) -> dict[str, nn.Module]:
        """What goes before a layer that lies whole on the last device."""
        return {}


class TwoTowers(OneDevice):
    """Half of each layer on each device; `traffic` counts what crosses."""

    towers = 2

    def __init__(self, devices: tuple[str, str], dtype: str | np.dtype, traffic: Traffic):
        super().__init__(devices[1], dtype)
        self.devices, self.traffic = devices, traffic
        self.places = [{"device": device, "dtype": dtype} for device in devices]

    def conv(self, channels: int, maps: int, kernel: int, groups: int = 1, **options) -> nn.Module:
        seen = channels // groups
        return Towers(
            *(nn.Conv2d(seen, maps // 2, kernel, **options, **place) for place in self.places)
        )

    def linear(self, inputs: int, units: int) -> nn.Module:
        return Towers(*(nn.Linear(inputs, units // 2, **place) for place in self.places))

    def plain(self, layer: nn.Module) -> nn.Module:
        return Towers(layer, layer)

    def dropout(self, p: float, mode: str, seed: int) -> nn.Module:
        return TowerDropout(p, mode, seed)

    def fork(self, name: str) -> dict[str, nn.Module]:
        return {f"fork_{name}": Fork(self.devices, self.traffic.link(name, "a to b"))}

    def cross(self, name: str) -> dict[str, nn.Module]:
        to_a, to_b = self.traffic.link(name, "b to a"), self.traffic.link(name, "a to b")
        return {f"cross_{name}": Cross(to_a, to_b)}

    def join(self, name: str) -> dict[str, nn.Module]:
        return {f"join_{name}": Join(self.traffic.link(name, "a to b"))}
