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
        p, each = probabilities[rows], np.arange(rows.stop - rows.start)
        largest = each, logits[rows].argmax(axis=1)  # of several, one: the others are of the rest
        np.subtract(logits[rows], logits[rows][largest][:, None], out=p)
        label_logit = p[each, labels[rows]]
        np.exp(p, out=p)
        own = p[largest]  # 1, but NaN beside an infinity or a NaN: then all of the row is
        p[largest] = 0
        rest = p.sum(axis=1) + (own - 1)
        p[largest] = own
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
