"""Softmax and cross-entropy of fc8's 1,000 logits an image, as one operation.

The bound is a copy of as many bytes: the logits, in backward also their gradients.
"""

import numpy as np
from operations import Operation, Session, Table, moved, run

NAME = "softmax"
CLASSES = 1000


def definition(logits, labels):
    """The mean of -log softmax(logits)[label]."""
    largest = logits.max(axis=1, keepdims=True)
    sums = np.exp(logits - largest).sum(axis=1)
    return (np.log(sums) + largest[:, 0] - logits[np.arange(len(labels)), labels]).mean()


def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    logits = rng.standard_normal((n, CLASSES), dtype=np.float32)
    return {"logits": logits, "labels": rng.integers(0, CLASSES, n)}


def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
    size = arrays["logits"].nbytes
    return moved(size, 2 * size)


LOSSES = (
    Operation("cross_entropy8", "cross_entropy", arrays, bound, definition, wanted=("logits",)),
)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, LOSSES)
