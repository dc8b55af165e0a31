"""Convolution: AlexNet's five layers (profile `paper`), with bias. conv1's input needs no gradient.

The bound is the time of the matrix products alone, one an image and group. tinynet multiplies
several images at once, so it may pass it.
"""

import numpy as np
from operations import Operation, Session, Table, run, windows

NAME = "conv"


def definition(x, weight, bias, stride, padding, groups):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[c] seen by window pixel i, j."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    seen = windows(x, *weight.shape[2:], *stride)
    parts = zip(np.split(seen, groups, axis=1), np.split(weight, groups))
    maps = [np.tensordot(s, w, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2) for s, w in parts]
    return np.concatenate(maps, axis=1) + bias[:, None, None]


def layer(label, channels, side, filters, kernel, stride, padding, groups) -> Operation:
    k = channels // groups * kernel**2
    first = channels == 3

    def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, dtype=np.float32)

        weight = normal(filters, channels // groups, kernel, kernel) / np.float32(k**0.5)
        return {"x": normal(n, channels, side, side), "weight": weight, "bias": normal(filters)}

    def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
        n, m, p = len(y), filters // groups, y.shape[2] * y.shape[3]
        w, columns, dy = [groups, m, k], [groups, k, p], [groups, m, p]
        turned_columns, turned_w = [groups, k, -p], [groups, m, -k]  # minus: transposed
        dx = [] if first else [[turned_w, dy, n]]
        return {
            "forward": {"products": [[w, columns, n]], "bytes": 0},
            "backward": {"products": [[dy, turned_columns, n], *dx], "bytes": 0},
        }

    return Operation(
        label,
        "conv2d",
        arrays,
        bound,
        definition,
        options={"stride": [stride, stride], "padding": padding, "groups": groups},
        wanted=("weight", "bias") if first else ("x", "weight", "bias"),
    )


LAYERS = (
    layer("conv1", 3, 224, 96, 11, 4, [0, 3, 0, 3], 1),
    layer("conv2", 96, 27, 256, 5, 1, [2, 2, 2, 2], 2),
    layer("conv3", 256, 13, 384, 3, 1, [1, 1, 1, 1], 1),
    layer("conv4", 384, 13, 384, 3, 1, [1, 1, 1, 1], 2),
    layer("conv5", 384, 13, 256, 3, 1, [1, 1, 1, 1], 2),
)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, LAYERS)
