"""Two towers: one network on two devices, as the paper's was on two GPUs (section 3.5, figure 2).

A layer's maps, or units, are divided: tower a has the first half on its device, tower b the second
half on its own. Between layers the two travel as `Halves`. Most layers are `Towers`, a layer in
each tower that sees its own half and nothing else; where figure 2 draws lines from one tower to
the other there is a module of its own:

    Fork    the image goes to both towers
    Cross   each tower gets the other's half beside its own, and so sees all that came before
    Join    both halves go to the last device

What they move goes through `Carry`, which also brings the gradients back. That is all there is to
it: a tower's layers know nothing of towers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinynet import functional as F
from tinynet import nn
from tinynet.devices import Device
from tinynet.devices import device as open_device
from tinynet.parallel.traffic import Link, carry
from tinynet.parallel.wholes import Whole
from tinynet.tensor import Tensor


@dataclass(frozen=True)
class Halves:
    """The maps or units of both towers, each (n, channels/2, ...) on its tower's device."""

    a: Tensor
    b: Tensor

    def numpy(self) -> np.ndarray:
        """The whole, a's channels before b's."""
        return np.concatenate([self.a.numpy(), self.b.numpy()], axis=1)


class Towers(nn.Module):
    """A layer in each tower: `a` turns a's half into a's half, `b` turns b's into b's.

    Its parameters are saved as those of the same layer on one device (tinynet/parallel/wholes.py).
    """

    def __init__(self, a: nn.Module, b: nn.Module):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: Halves) -> Halves:
        return Halves(self.a(x.a), self.b(x.b))

    def named_saved(self, prefix: str = "") -> Iterator[tuple[str, Whole]]:
        pairs = zip(self.a.named_saved(prefix), self.b.named_saved(prefix))
        return ((name, Whole(of_a, of_b)) for (name, of_a), (_, of_b) in pairs)


class TowerDropout(nn.Dropout):
    """Dropout in both towers of the very units that would be dropped on one device."""

    def forward(self, x: Halves) -> Halves:
        full = (self.first + len(x.a), x.a.shape[1] + x.b.shape[1], *x.a.shape[2:])
        of_a = x.a.size // len(x.a)  # units of an image, in tower a
        start = self.first * (of_a + x.b.size // len(x.b))
        a, b = (
            F.dropout(half, self.p, self.training, self.mode, self.seed, self.counter, place, full)
            for half, place in ((x.a, start), (x.b, start + of_a))
        )
        self.counter += self.training
        return Halves(a, b)


class Fork(nn.Module):
    """The image (n, c, h, w), whole, in both towers."""

    def __init__(self, devices: tuple[str | Device, str | Device], to_b: Link):
        super().__init__()
        self.devices = tuple(open_device(device) for device in devices)
        self.to_b = to_b

    def forward(self, x: Tensor) -> Halves:
        x = x.to(self.devices[0])
        return Halves(x, carry(x, self.devices[1], self.to_b))


class Cross(nn.Module):
    """Each tower gets all channels (or units), in the same order: a's, then b's."""

    def __init__(self, to_a: Link, to_b: Link):
        super().__init__()
        self.to_a, self.to_b = to_a, to_b

    def forward(self, x: Halves) -> Halves:
        a_in_b = carry(x.a, x.b.device, self.to_b)
        b_in_a = carry(x.b, x.a.device, self.to_a)
        return Halves(F.concatenate([x.a, b_in_a], axis=1), F.concatenate([a_in_b, x.b], axis=1))


class Join(nn.Module):
    """All units on the last device, tower b's: (n, units)."""

    def __init__(self, to_b: Link):
        super().__init__()
        self.to_b = to_b

    def forward(self, x: Halves) -> Tensor:
        return F.concatenate([carry(x.a, x.b.device, self.to_b), x.b], axis=1)
