"""ReLU and tanh (NumPy twin of activation.cu).

relu: y = max(x, 0), dx = dy where y > 0, else 0.       tanh: y = tanh(x), dx = dy * (1 - y^2).
Both derivatives need y only, so nothing else is kept for backward. Arrays of any shape are taken
as `size` elements and cut into blocks that fit the cache.
"""

import numpy as np

from tinynet import threads

BLOCK = 64 * 1024  # elements


def relu_forward(y, x, size):
    """y = max(x, 0); NaN stays NaN."""
    y, x = y.reshape(-1), x.reshape(-1)
    _for_each_block(size, lambda block: np.maximum(x[block], 0, out=y[block]))


def relu_backward(dx, dy, y, size):
    """dx = dy where y > 0, else 0."""
    dx, dy, y = dx.reshape(-1), dy.reshape(-1), y.reshape(-1)

    def one_block(block):
        dx[block] = 0
        np.copyto(dx[block], dy[block], where=y[block] > 0)

    _for_each_block(size, one_block)


def tanh_forward(y, x, size):
    """y = tanh(x)."""
    y, x = y.reshape(-1), x.reshape(-1)
    _for_each_block(size, lambda block: np.tanh(x[block], out=y[block]))


def tanh_backward(dx, dy, y, size):
    """dx = dy * (1 - y^2)."""
    dx, dy, y = dx.reshape(-1), dy.reshape(-1), y.reshape(-1)

    def one_block(block):
        np.square(y[block], out=dx[block])
        np.subtract(1, dx[block], out=dx[block])
        dx[block] *= dy[block]

    _for_each_block(size, one_block)


def _for_each_block(size, task):
    threads.for_each(
        -(-size // BLOCK), lambda i: task(slice(i * BLOCK, min(size, (i + 1) * BLOCK)))
    )
