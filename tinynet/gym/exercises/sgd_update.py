"""The rule of 2012, in one pass: what is read once must not be read again from memory."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
sgd_update: stochastic gradient descent with momentum and weight decay, as the paper has it:

    v <- momentum * v - weight_decay * lr * w - lr * grad
    w <- w + v

    v     0.10          a ball that rolls: it keeps 0.9 of its speed,
    grad  2.00          is pushed against the slope,
    w     1.00          and drawn to 0 a little

    v     0.9 * 0.10 - 0.0005 * 0.01 * 1.00 - 0.01 * 2.00 = 0.069995
    w     1.069995

  weight (in, out)     (size,)
  velocity (in, out)   (size,)
  grad                 (size,)

One thread for each weight; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    "The new velocity is used for the weight at once: keep it in a register.",
    "The rate is inside the velocity: it multiplies both the gradient and the decay.",
    """const REAL v = momentum * velocity[index] - ... * weight[index] - lr * ...;
velocity[index] = v;
weight[index] += v;""",
)


def prepare(given: dict) -> None:
    """Constants of which each shows in the result."""
    given["lr"], given["weight_decay"] = 0.3, 0.4


def mistakes(given: dict) -> dict[str, np.ndarray]:
    """For the first output that is wrong: the weight."""
    w, v, grad = (given[name] for name in ("weight", "velocity", "grad"))
    lr, momentum, decay = (given[name] for name in ("lr", "momentum", "weight_decay"))
    new = momentum * v - decay * lr * w - lr * grad
    return {
        "weight decay lacks the rate: weight_decay * lr * w": w
        + (momentum * v - decay * w - lr * grad),
        "there is no weight decay": w + (momentum * v - lr * grad),
        "the velocity of before is added to the weight, not the new one": w + v,
        "there is no momentum": w + (-decay * lr * w - lr * grad),
        "the gradient lacks the rate": w + (momentum * v - decay * lr * w - grad),
        "the weight goes up the slope: the gradient is taken away": w
        + (momentum * v - decay * lr * w + lr * grad),
        "the velocity is taken from the weight: it is added": w - new,
        "weight decay pushes away from 0": w + (momentum * v + decay * lr * w - lr * grad),
        "that is PyTorch's rule, with the rate outside of the velocity": w
        - lr * (momentum * v + grad + decay * w),
    }


RULE = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}

EXERCISE = Exercise(
    "sgd_update",
    "momentum and weight decay: the paper's rule in one pass",
    TASK,
    (
        Try({"size": 701, **RULE}),
        Try({"size": 701, **RULE}, blocks=1),
        Try({"size": 1, **RULE}),
        Try({"size": 0, **RULE}),
    ),
    HINTS,
    prepare,
    mistakes,
)
