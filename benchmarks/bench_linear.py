"""Fully connected layers fc6, fc7 and fc8, with bias. The bound is the time of their products."""

import numpy as np
from operations import Operation, Session, Table, run

NAME = "linear"


def definition(x, weight, bias):
    return x @ weight.T + bias


def layer(label: str, inputs: int, outputs: int) -> Operation:
    def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, dtype=np.float32)

        weight = normal(outputs, inputs) / np.float32(inputs**0.5)
        return {"x": normal(n, inputs), "weight": weight, "bias": normal(outputs)}

    def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
        n = len(y)
        dweight = [[n, -outputs], [n, inputs], 1]  # minus: transposed
        return {
            "forward": {"products": [[[n, inputs], [outputs, -inputs], 1]], "bytes": 0},
            "backward": {"products": [dweight, [[n, outputs], [outputs, inputs], 1]], "bytes": 0},
        }

    return Operation(label, "linear", arrays, bound, definition, wanted=("x", "weight", "bias"))


LAYERS = (layer("fc6", 9216, 4096), layer("fc7", 4096, 4096), layer("fc8", 4096, 1000))


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, LAYERS)
