"""Overlapping max-pooling, 3 x 3 with stride 2, after layers 1, 2 and 5 (paper, section 3.4).

The bound is a copy of as many bytes: x and y, in backward dy, the argmax and dx.
"""

import numpy as np
from operations import Operation, Session, Table, images, moved, run, windows

NAME = "max_pool"


def definition(x, kernel_size, stride):
    return windows(x, *kernel_size, *stride).max(axis=(4, 5))


def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
    pixels = arrays["x"].size
    return moved(4 * (pixels + y.size), 4 * (pixels + 2 * y.size))


def pool(label: str, *shape: int) -> Operation:
    options = {"kernel_size": [3, 3], "stride": [2, 2]}
    return Operation(label, "max_pool2d", images(*shape), bound, definition, options=options)


POOLS = (pool("pool1", 96, 55, 55), pool("pool2", 256, 27, 27), pool("pool5", 256, 13, 13))


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, POOLS)
