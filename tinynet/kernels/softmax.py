"""Softmax and cross-entropy in one (NumPy twin of softmax.cu).

    probabilities = exp(logits - max) / sum of that;    loss = -log(probability of the label)
    dlogits = dloss * (probabilities - [label])

Subtracting the row's maximum changes nothing but keeps exp from overflowing; the loss is taken from
the logits, not from the probability, so that it stays finite where the probability rounds to 0.
"""

import numpy as np

from tinynet import threads

ROWS = 16  # rows a task


def softmax_cross_entropy_forward(loss, probabilities, logits, labels, n, classes):
    """loss (n,) and probabilities (n, classes) from logits (n, classes) and int32 labels (n,)."""

    def some_rows(task):
        rows = slice(task * ROWS, min(n, (task + 1) * ROWS))
        shifted = logits[rows] - logits[rows].max(axis=1, keepdims=True)
        p = np.exp(shifted, out=probabilities[rows])
        total = p.sum(axis=1, keepdims=True)
        p /= total
        own = np.take_along_axis(shifted, labels[rows, None], axis=1)
        loss[rows] = (np.log(total) - own)[:, 0]

    threads.for_each(-(-n // ROWS), some_rows)


def softmax_cross_entropy_backward(dlogits, dloss, probabilities, labels, n, classes):
    """dlogits (n, classes) = dloss * (probabilities - 1 at the label)."""

    def some_rows(task):
        rows = slice(task * ROWS, min(n, (task + 1) * ROWS))
        dlogits[rows] = probabilities[rows]
        dlogits[np.arange(rows.start, rows.stop), labels[rows]] -= 1
        dlogits[rows] *= dloss[rows, None]

    threads.for_each(-(-n // ROWS), some_rows)
