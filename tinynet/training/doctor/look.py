"""A look inside the network: how each layer responds to a few images, in one forward pass.

The pass is in test mode, without dropout, and leaves nothing behind: no gradient, no random number
drawn, no dropout counted. So training has the same bits with a doctor and without.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from tinynet import nn
from tinynet.parallel.divided import without_images
from tinynet.parallel.towers import Halves, Towers
from tinynet.tape import no_grad
from tinynet.tensor import Tensor
from tinynet.training.evaluate import testing

IMAGES = 32  # shows the same as 128 images, to within a tenth of each figure
FEWEST = 8  # with fewer images there is no telling what they share


@dataclass
class Look:
    """Figures from 0 to 1 by layer name, in the order in which an image meets the layers."""

    images: int
    # Of layers with weights: between-image std / rms of their output, before any ReLU: how much of
    # it depends on the image at all.
    signal: dict[str, float] = field(default_factory=dict)
    bias: dict[str, float] = field(default_factory=dict)  # rms of their biases / the same rms
    # Of ReLUs: the share of units (maps) that are 0 for every image, everywhere.
    silent: dict[str, float] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # of all these layers

    @property
    def last(self) -> str:
        """The last layer with weights, which gives the logits (LeNet's of 1998 come after it)."""
        return list(self.signal)[-1]


@no_grad()
def look(model: nn.Sequential, x: Tensor | None) -> Look | None:
    """How the layers respond to the first `IMAGES` of x (n, ...); None if there are too few.

    Where layers are divided, all ranks must look at once, each at what it has: x None is nothing.
    """
    n = 0 if x is None else min(len(x), IMAGES)
    if n < FEWEST:
        without_images(model)
        return None
    found, y = Look(n), x[:n]
    with testing(model):
        for name, layer in model.children():
            y = layer(y)
            kind = layer.a if isinstance(layer, Towers) else layer
            if isinstance(getattr(kind, "weight", None), nn.Parameter):
                mean_square, between = _squares(y)
                found.signal[name] = _root_of_ratio(between, mean_square)
                found.bias[name] = _root_of_ratio(_mean_square_of_biases(layer), mean_square)
            elif isinstance(kind, nn.ReLU):
                found.silent[name] = _silent_units(y)
            else:
                continue
            found.order.append(name)
    return found


def _parts(y: Tensor | Halves) -> tuple[Tensor, ...]:
    return (y.a, y.b) if isinstance(y, Halves) else (y,)


def _squares(y: Tensor | Halves) -> tuple[float, float]:
    """The mean square of y (n, ...), and its variance between images, averaged over the units."""
    total = between = size = 0
    for part in _parts(y):
        n, mean = len(part), part.mean(axis=0)
        difference = part - mean  # not mean(y^2) - mean^2, which cancels in float32
        squared = part.size * (difference * difference).mean().item()
        total += squared + part.size * (mean * mean).mean().item()
        between += squared * n / (n - 1)
        size += part.size
    return total / size, min(total, between) / size  # with n - 1 it may come out larger


def _mean_square_of_biases(layer: nn.Module) -> float:
    biases = [p.numpy() for name, p in layer.named_parameters() if name.endswith("bias")]
    return float(np.square(np.concatenate(biases), dtype=np.float64).mean()) if biases else 0.0


def _silent_units(y: Tensor | Halves) -> float:
    """The share of the units along axis 1 that never rise above 0."""
    largest = [part.max(axis=(0, *range(2, part.ndim))).numpy() for part in _parts(y)]
    return float((np.concatenate(largest) <= 0).mean())


def _root_of_ratio(a: float, b: float) -> float:
    return math.sqrt(a / b) if b else 0.0
