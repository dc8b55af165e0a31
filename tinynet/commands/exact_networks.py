"""A whole network's gradient, against the slope of its loss: forward run on dual numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tinynet.commands.gradient_cases import drawn_loss
from tinynet.devices import dual
from tinynet.exact_gradient_check import RTOL
from tinynet.gradient_check import GradcheckError
from tinynet.nn import Sequential
from tinynet.tape import no_grad


def check_network(model: Sequential, image_size: int, seed: int = 0) -> float:
    """Compare the slope of a float64 network's loss with what its gradient promises.

    One parameter after the other moves in a random direction v, drawn from N(0, 1), and the loss
    should change by grad . v. Errors are relative to the gradient's length |grad|, which is how
    large grad . v is on average. If a gradient is wrong by an error of length r*|grad|, this sees
    r times a number from N(0, 1): it passes what is wrong by 1e-8 once in a hundred thousand times.
    Returns the largest error; GradcheckError if it exceeds RTOL.
    """
    rng = np.random.default_rng(seed)
    loss = drawn_loss(model, image_size, rng)
    model.zero_grad()
    loss().backward()
    worst = 0.0
    for name, p in model.named_parameters():
        gradient, direction = p.grad.numpy(), rng.standard_normal(p.shape)
        with _moving(model, name, direction), no_grad():
            found = float(dual.slope(loss().numpy()))
        promised = float((gradient * direction).sum())
        error = abs(found - promised) / np.linalg.norm(gradient)
        if not error <= RTOL:
            raise GradcheckError(
                f"{name}: along a random direction backward gives {promised:.17g}, dual numbers "
                f"{found:.17g}"
            )
        worst = max(worst, error)
    return worst


@contextmanager
def _moving(model: Sequential, name: str, direction: np.ndarray) -> Iterator[None]:
    """Inside `with`, the parameters are dual numbers: one moves, and all others stand still."""
    kept = [(p, p.data, p.device) for p in model.parameters()]
    for other, p in model.named_parameters():
        moved = dual.dual(p.numpy(), direction if other == name else 0)
        p.device = dual.of(p.device)
        p.data = p.device.asarray(moved)
    try:
        yield
    finally:
        for p, data, device in kept:
            p.data, p.device = data, device
