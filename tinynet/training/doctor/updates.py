"""How far does a step move the weights? The last update's size relative to that of the weights.

The update is the velocity v, since w <- w + v. Part of it is only weight decay, even in a layer
that learns nothing: at a constant rate it amounts to lr * decay / (1 - momentum) of w, and is taken
out first. Measured over healthy runs (shapes, CIFAR-10, photographs), the ratio lies between 2e-5
and 3e-2 in every layer once the first hundred steps are over. Biases, which may begin at 0, are
left out.
"""

import math

import numpy as np

from tinynet.console.sentences import listed, percent
from tinynet.nn import Module
from tinynet.optim import SGD
from tinynet.parallel.wholes import saved_names
from tinynet.tape import no_grad
from tinynet.tensor import Tensor
from tinynet.training.doctor.finding import Finding, with_flags

LARGE = 0.1
SMALL = 2e-6
SETTLED = 100  # steps: before that, weights that begin near 0 move by a tenth of their size or more


@no_grad()
@np.errstate(over="ignore", invalid="ignore")  # also called once the numbers are bad
def update_ratios(model: Module, optimizer: SGD) -> dict[str, float]:
    """For each layer the rms of its weights' last update, without decay, over that of the weights.

    Layers with a rate of 0 are left out.
    """
    names = saved_names(model)
    squares: dict[str, list[float]] = {}  # by layer: of the update, of the weights
    for group, velocities in zip(optimizer.groups, optimizer.velocity):
        decay = group["lr"] * group["weight_decay"] / max(1 - group["momentum"], 1e-3)
        for p, velocity in zip(group["params"], velocities):
            layer, _, kind = names[id(p)].rpartition(".")
            if kind != "weight" or group["lr"] == 0:
                continue
            w, v = Tensor(p.data, device=p.device), Tensor(velocity, device=p.device)
            ww, vw = _dot(w, w), _dot(v, w)
            total = squares.setdefault(layer, [0.0, 0.0])
            total[0] += max(0.0, _dot(v, v) + 2 * decay * vw + decay * decay * ww)
            total[1] += ww
    return {layer: math.sqrt(u / w) if w else 0.0 for layer, (u, w) in squares.items()}


def _dot(a: Tensor, b: Tensor) -> float:
    # BLAS makes no array as large as the weights for this; CuPy does, of the products, for a moment
    return (a.reshape(-1) @ b.reshape(-1)).item()


def too_large(ratios: dict[str, float], lr: float) -> Finding | None:
    """Layers that each step moves by more than a tenth of themselves."""
    found = {name: ratio for name, ratio in ratios.items() if ratio > LARGE}
    if not found:
        return None
    return Finding(
        "large_updates",
        f"each step moves the weights of {_with_ratios(found)} (a healthy layer: 0.002% to 3%)",
        "the rate is too high for weights as small as these",
        f"--lr {lr / 10:g}, or larger initial weights there",
        next(iter(found)),
        max(found.values()),
    )


def too_small(ratios: dict[str, float], lr: float, better_start: str) -> Finding | None:
    """Layers that the gradient hardly moves, at the rate that the run began with.

    `better_start`: see `Doctor`.
    """
    found = {name: ratio for name, ratio in ratios.items() if ratio < SMALL}
    if not found:
        return None
    cause, remedy = "the rate is too low", f"--lr {lr * 10:g}"
    if len(found) < len(ratios):
        cause = "hardly any gradient reaches them: it fades on its way back"
        remedy = with_flags(f"{remedy}, or initial weights that let it pass", better_start)
    return Finding(
        "small_updates",
        f"each step moves the weights of {_with_ratios(found)} (a healthy layer: 0.002% to 3%)",
        cause,
        remedy,
        next(iter(found)),
        SMALL / max(min(found.values()), 1e-12),
    )


def _with_ratios(ratios: dict[str, float]) -> str:
    return listed([f"{name} by {percent(ratio)}" for name, ratio in ratios.items()])
