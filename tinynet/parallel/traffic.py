"""The traffic meter: what crosses between the towers, and where.

It counts by tower, not by device: with both towers on one device nothing is copied, but the same
numbers are counted. In the forward pass AlexNet moves, in floats per image:

    input  150,528 a to b    conv3  21,632 each way    fc6  4,608 each way    fc7  2,048 each way
    fc8    2,048 a to b

In the backward pass their gradients go the opposite way, except the input's: it has none.
"""

from dataclasses import dataclass

from tinynet.console.sentences import megabytes
from tinynet.console.table import aligned
from tinynet.devices import Device
from tinynet.ops.to import To
from tinynet.tensor import Tensor, apply

BACK = {"a to b": "b to a", "b to a": "a to b"}


@dataclass
class Count:
    """What has gone one way along one edge."""

    images: int = 0
    floats: int = 0
    bytes: int = 0

    @property
    def floats_per_image(self) -> float:
        return self.floats / self.images if self.images else 0.0


class Traffic:
    """Counts by edge (the layer that reads what crosses), pass and direction of travel.

    traffic["conv3", "forward", "a to b"].floats_per_image is 21,632.
    """

    def __init__(self, edges: tuple[str, ...]):
        self.edges = edges
        self.reset()

    def reset(self) -> None:
        """Count from 0 again."""
        self._counts = {
            (edge, way, direction): Count()
            for edge in self.edges
            for way in ("forward", "backward")
            for direction in BACK
        }

    def __getitem__(self, key: tuple[str, str, str]) -> Count:
        return self._counts[key]

    def link(self, edge: str, direction: str) -> "Link":
        """One direction of an edge, "a to b" or "b to a"."""
        return Link(self, edge, direction)

    def table(self) -> str:
        """What has crossed since the last reset, one line per edge."""
        columns = [(way, direction) for way in ("forward", "backward") for direction in BACK]
        header = [
            "floats per image",
            *(f"{way}, {direction}" for way, direction in columns),
            "MB in all",
        ]
        lines = [header]
        for edge in self.edges:
            counts = [self._counts[(edge, *column)] for column in columns]
            floats = (f"{count.floats_per_image:,.0f}" for count in counts)
            lines.append([edge, *floats, megabytes(sum(count.bytes for count in counts))])
        return "\n".join(aligned(lines))


@dataclass(frozen=True)
class Link:
    traffic: Traffic
    edge: str
    direction: str

    def count(self, way: str, array) -> None:
        """Count `array` (n, ...), which goes this way; backward it is a gradient, going back."""
        direction = self.direction if way == "forward" else BACK[self.direction]
        count = self.traffic[self.edge, way, direction]
        count.images += len(array)
        count.floats += array.size
        count.bytes += array.nbytes


class Carry(To):
    """A copy to the other tower's device, counted both ways; on one device there is no copy."""

    def forward(self, x, *, target, link):
        self.link = link
        link.count("forward", x)
        return x if target is self.device else super().forward(x, target=target)

    def backward(self, dy):
        self.link.count("backward", dy)
        return dy if self.result_device is self.device else super().backward(dy)


def carry(x: Tensor, device: Device, link: Link) -> Tensor:
    """x on the other tower's device, counted."""
    return apply(Carry, x, target=device, link=link)
