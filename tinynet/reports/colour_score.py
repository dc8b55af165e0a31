"""How much of a first-layer filter is colour: do the two towers specialize (paper, section 6.1)?

In the paper one tower's filters came out gray and the other's coloured, "during every run". This
score measures it: at each position, split a filter's weights into their component along gray,
(1, 1, 1)/sqrt(3), and the component orthogonal to it. The score is the second's share of energy:

    score = 1 - sum((red + green + blue)^2 / 3) / sum(red^2 + green^2 + blue^2)

A filter that sees no colour scores 0, one that sees nothing else scores 1, and noise, from which
filters start, scores 2/3: two of the three directions are orthogonal to gray.
"""

import numpy as np

from tinynet.nn import Conv2d, Sequential
from tinynet.parallel.towers import Towers


def colour_scores(weight: np.ndarray) -> np.ndarray:
    """The score of each filter, 0 to 1: weight (out, 3, kh, kw) -> (out,). All zeros score 0."""
    weight = weight.astype(np.float64)
    whole = (weight**2).sum(axis=(1, 2, 3))
    gray = (weight.sum(axis=1) ** 2 / 3).sum(axis=(1, 2))
    return np.divide(np.maximum(whole - gray, 0), whole, out=np.zeros_like(whole), where=whole > 0)


def tower_scores(weight: np.ndarray, towers: int) -> list[float]:
    """The mean score of each tower's filters, tower a first."""
    return [float(scores.mean()) for scores in np.split(colour_scores(weight), towers)]


def count_towers(model: Sequential) -> int:
    """2 if the second convolution sees only the maps of its own tower, on any devices; else 1."""
    first, second, *_ = convolutions(model)
    return 2 if isinstance(first, Towers) else second.groups


def convolutions(model: Sequential) -> list[Conv2d | Towers]:
    """The convolutional layers, in order."""
    layers = [layer for _, layer in model.children()]
    halves = [layer.a if isinstance(layer, Towers) else layer for layer in layers]
    return [layer for layer, half in zip(layers, halves) if isinstance(half, Conv2d)]
