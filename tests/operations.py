"""One small example of every operation, for the tests that hold for all of them.

name -> (a function of Tensors, its arrays). The tests of each operation draw many more shapes.
"""

import numpy as np
from inputs import away_from_zero, distinct, normal, positive

import tinynet.functional as F

IMAGES = (2, 4, 5, 6)  # n, channels, h, w
LABELS = np.array([2, 0, 1])

OPERATIONS = {
    "abs": (lambda x: x.abs(), [away_from_zero(0, 2, 3)]),
    "add": (lambda x, y: x + y, [normal(0, 2, 3), normal(1, 2, 1)]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), [normal(0, *IMAGES)]),
    "clip": (lambda x: x.clip(-0.3, 0.2), [distinct(0, 2, 5)]),
    "concatenate": (lambda x, y: F.concatenate([x, y], 1), [normal(0, 2, 3), normal(1, 2, 1)]),
    "conv2d": (
        lambda x, weight, bias: F.conv2d(x, weight, bias, (1, 2), (1, 0, 0, 2), groups=2),
        [normal(0, *IMAGES), normal(1, 6, 2, 3, 2), normal(2, 6)],
    ),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS), [normal(0, 3, 4)]),
    "divide": (lambda x, y: x / y, [normal(0, 2, 3), away_from_zero(1, 3)]),
    "dropout": (lambda x: F.dropout(x, 0.4, seed=1), [away_from_zero(0, 4, 5)]),
    "exp": (lambda x: x.exp(), [normal(0, 2, 3)]),
    "getitem": (lambda x: x[np.array([0, 2, 0]), 1:], [normal(0, 3, 3)]),
    "linear": (
        lambda x, weight, bias: F.linear(x, weight, bias),
        [normal(0, 4, 3), normal(1, 2, 3), normal(2, 2)],
    ),
    "local_response_norm": (
        lambda x: F.local_response_norm(x, size=2, alpha=0.9, groups=2),
        [normal(0, *IMAGES)],
    ),
    "local_response_norm_within": (
        lambda x: F.local_response_norm_within(x, 4, alpha=0.9, beta=0.75),
        [normal(0, *IMAGES)],
    ),
    "log": (lambda x: x.log(), [positive(0, 2, 3)]),
    "log_softmax": (lambda x: F.log_softmax(x), [normal(0, 2, 3)]),
    "matmul": (lambda x, y: x @ y, [normal(0, 2, 2, 3), normal(1, 3, 4)]),
    "max": (lambda x: x.max(axis=1), [distinct(0, 2, 3)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), [distinct(0, *IMAGES)]),
    "maximum": (lambda x, y: F.maximum(x, y), [positive(0, 2, 3), np.array([0.5, 1.0, 0.1])]),
    "mean": (lambda x: x.mean(axis=0), [normal(0, 2, 3)]),
    "multiply": (lambda x, y: x * y, [normal(0, 2, 3), normal(1, 3)]),
    "negate": (lambda x: -x, [normal(0, 2, 3)]),
    "pad": (lambda x: F.pad(x, (1, 0, 2, 1)), [normal(0, 2, 2, 3)]),
    "power": (lambda x, y: x**y, [positive(0, 2, 3), normal(1, 3)]),
    "relu": (lambda x: F.relu(x), [away_from_zero(0, 3, 4)]),
    "reshape": (lambda x: x.reshape(3, -1), [normal(0, 2, 3)]),
    "sigmoid": (lambda x: F.sigmoid(x), [normal(0, 2, 3)]),
    "softmax": (lambda x: F.softmax(x), [normal(0, 2, 3)]),
    "sqrt": (lambda x: x.sqrt(), [positive(0, 2, 3)]),
    "subtract": (lambda x, y: x - y, [normal(0, 2, 3), normal(1, 2, 1)]),
    "sum": (lambda x: x.sum(axis=0), [normal(0, 2, 3)]),
    "tanh": (lambda x: F.tanh(x), [normal(0, 2, 3)]),
    "transpose": (lambda x: x.transpose(2, 0, 1), [normal(0, 2, 3, 4)]),
    "where": (
        lambda x, y: F.where(np.array([True, False, True]), x, y),
        [normal(0, 2, 3), normal(1, 3)],
    ),
}
