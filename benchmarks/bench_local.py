"""Locally connected layers: the two of the CIFAR-10 recipe 11pct, with bias.

The bound is the time of the matrix products alone: one a place, over all images.
"""

import numpy as np
from operations import Operation, Session, Table, run, windows

NAME = "local"


def definition(x, weight, bias, stride, padding):
    """y[o] = bias[o] + sum of weight[o, c, i, j] of the place * x[c] seen by window pixel i, j."""
    x = np.pad(x, ((0, 0), (0, 0), *((pad, pad) for pad in padding)))
    return np.einsum("nchwij,ocijhw->nohw", windows(x, *weight.shape[2:4], *stride), weight) + bias


def layer(label, channels, filters, side) -> Operation:
    k, places = channels * 9, side**2

    def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, dtype=np.float32)

        weight = normal(filters, channels, 3, 3, side, side) / np.float32(k**0.5)
        bias = normal(filters, side, side)
        return {"x": normal(n, channels, side, side), "weight": weight, "bias": bias}

    def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
        n = len(y)
        w, seen, dy = [1, filters, k], [1, k, n], [1, filters, n]
        turned_seen, turned_w = [1, k, -n], [1, filters, -k]  # minus: transposed
        backward = [[dy, turned_seen, places], [turned_w, dy, places]]
        return {
            "forward": {"products": [[w, seen, places]], "bytes": 0},
            "backward": {"products": backward, "bytes": 0},
        }

    return Operation(
        label,
        "local2d",
        arrays,
        bound,
        definition,
        options={"stride": [1, 1], "padding": [1, 1]},
        wanted=("x", "weight", "bias"),
    )


LAYERS = (layer("local3", 64, 64, 6), layer("local4", 64, 32, 6))


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, LAYERS)
