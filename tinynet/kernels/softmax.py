"""Softmax and cross-entropy in one (NumPy twin of softmax.cu).

    probabilities = exp(logits - max) / sum of that;    loss = -log(probability of the label)
    dlogits = dloss * (probabilities - [label])

Subtracting the row's maximum changes nothing but keeps exp from overflowing; the loss is taken from
the logits, not from the probability, so that it stays finite where the probability rounds to 0. Of
the sum, the largest logit's own 1 is kept apart: log1p(rest) has the digits of a very sure answer,
which log(1 + rest) would round to 0.
"""

import numpy as np

from tinynet.devices import threads


def softmax_cross_entropy_forward(loss, probabilities, logits, labels, n, classes):
    """loss (n,) and probabilities (n, classes) from logits (n, classes) and int32 labels (n,)."""

    def some_rows(rows):
        p = probabilities[rows]
        np.subtract(logits[rows], logits[rows].max(axis=1, keepdims=True), out=p)
        label_logit = p[np.arange(len(p)), labels[rows]]
        largest = p == 0  # where several are the largest, all but one belong to the rest
        np.exp(p, out=p)
        ties = np.count_nonzero(largest, axis=1).astype(p.dtype)
        rest = np.where(largest, 0, p).sum(axis=1) + (ties - 1)
        p /= (1 + rest)[:, None]
        loss[rows] = np.log1p(rest) - label_logit

    threads.for_each_chunk(n, 2 * classes * logits.itemsize, some_rows)


def softmax_cross_entropy_backward(dlogits, dloss, probabilities, labels, n, classes):
    """dlogits (n, classes) = dloss * (probabilities - 1 at the label)."""

    def some_rows(rows):
        d = dlogits[rows]
        d[...] = probabilities[rows]
        d[np.arange(len(d)), labels[rows]] -= 1
        d *= dloss[rows, None]

    threads.for_each_chunk(n, 2 * classes * probabilities.itemsize, some_rows)
