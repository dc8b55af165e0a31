"""Average pooling in the place of AlexNet's first max-pooling, which has none of its own.

The bound is a copy of as many bytes: x and y, in backward dy and dx.
"""

import numpy as np
from operations import Operation, Session, Table, images, moved, run, windows

NAME = "avg_pool"


def definition(x, kernel_size, stride):
    return windows(x, *kernel_size, *stride).mean(axis=(4, 5))


def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
    return moved(*2 * [4 * (arrays["x"].size + y.size)])


OPTIONS = {"kernel_size": [3, 3], "stride": [2, 2]}
POOLS = tuple(
    Operation(label, "avg_pool2d", images(*shape), bound, definition, options=OPTIONS)
    for label, shape in (("at pool1", (96, 55, 55)), ("at pool2", (256, 27, 27)))
)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, POOLS)
