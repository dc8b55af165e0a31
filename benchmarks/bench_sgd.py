"""The momentum update of fc6's weights, 37.7 million, in one pass; PyTorch's is its fused SGD.

The bound is a copy of as many bytes: weights and velocity read and written, gradients read.
"""

import numpy as np
from operations import Operation, Session, Table, run

NAME = "sgd"


def definition(weight, grad, lr, momentum, weight_decay):
    """The first step: w - lr * (grad + weight_decay * w)."""
    return weight - lr * (grad + weight_decay * weight)


def update(label: str, *shape: int) -> Operation:
    def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {name: rng.standard_normal(shape, dtype=np.float32) for name in ("weight", "grad")}

    def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
        return {"forward": {"products": [], "bytes": 5 * y.size * 4}}

    # A rate at which the weights stay what they are, in a thousand steps with one gradient.
    options = {"lr": 1e-6, "momentum": 0.9, "weight_decay": 5e-4}
    return Operation(
        label, "sgd", arrays, bound, definition, options=options, wanted=(), kind="update"
    )


UPDATES = (update("fc6.weight", 4096, 9216), update("conv3.weight", 384, 256, 3, 3))


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, UPDATES)
