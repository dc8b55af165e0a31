"""Normalization within each map, over 5 x 5 pixels: layer 2 of profile `source2012`.

The bound is a copy of as many bytes: x and y, in backward dy, x and dx.
"""

import numpy as np
from operations import Operation, Session, Table, elementwise, images, run, windows

NAME = "lrn_within"


def definition(x, size, alpha, beta, k):
    """y = x / (k + alpha * sum of x**2 over size x size pixels around it)**beta."""
    before, after = size // 2, (size - 1) // 2
    padded = np.pad(x * x, ((0, 0), (0, 0), (before, after), (before, after)))
    return x * (k + alpha * windows(padded, size, size, 1, 1).sum(axis=(4, 5))) ** -beta


# alpha is larger than in the source, or it would hardly show on inputs of this size
OPTIONS = {"size": 5, "alpha": 0.04, "beta": 0.75, "k": 1.0}
NORMS = (
    Operation(
        "lrn_within2",
        "local_response_norm_within",
        images(256, 27, 27),
        elementwise,
        definition,
        options=OPTIONS,
    ),
)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, NORMS)
