"""Local response normalization across channels (paper, section 3.3), inside each tower.

The bound is a copy of as many bytes: x and y, in backward dy, x and dx.
"""

import numpy as np
from operations import Operation, Session, Table, elementwise, images, run

NAME = "lrn"


def definition(x, size, alpha, beta, k, groups):
    """y[c] = x[c] / (k + alpha * sum of x**2 over the channels around c in its group)**beta."""
    n, c, h, w = x.shape
    squares = (x * x).reshape(n, groups, c // groups, h, w)
    before, after = size // 2, (size - 1) // 2
    padded = np.pad(squares, ((0, 0), (0, 0), (before, after), (0, 0), (0, 0)))
    sums = sum(padded[:, :, i : i + c // groups] for i in range(size))
    return x * (k + alpha * sums.reshape(x.shape)) ** -beta


def norm(label: str, *shape: int) -> Operation:
    # The paper's constants but alpha, which hardly shows on inputs of this size.
    options = {"size": 5, "alpha": 0.1, "beta": 0.75, "k": 2.0, "groups": 2}
    return Operation(
        label, "local_response_norm", images(*shape), elementwise, definition, options=options
    )


NORMS = (norm("lrn1", 96, 55, 55), norm("lrn2", 256, 27, 27))


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, NORMS)
