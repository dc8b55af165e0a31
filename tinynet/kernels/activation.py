"""ReLU and tanh (NumPy twin of activation.cu).

relu: y = max(x, 0), dx = dy * [y > 0].       tanh: y = tanh(x), dx = dy * (1 - y^2).
Both derivatives need only y, so nothing else is kept for backward. Arrays of any shape are treated
as `size` elements and cut into blocks that fit the cache.
"""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.masks import keep


def relu_forward(y, x, size):
    """y = max(x, 0), in another array than x; NaN stays NaN."""
    y, x = y.reshape(-1), x.reshape(-1)

    def one_block(block):
        # Zeros in place of the number 0, beside which NumPy takes x one by one: twice as fast.
        y[block] = 0
        np.maximum(x[block], y[block], out=y[block])

    threads.for_each_chunk(size, 2 * x.itemsize, one_block)


def relu_backward(dx, dy, y, size):
    """dx = dy where y > 0, else 0."""
    dx, dy, y = dx.reshape(-1), dy.reshape(-1), y.reshape(-1)

    def one_block(block):
        passes = threads.scratch("relu passes", y[block].shape, bool)
        np.greater(y[block], 0, out=passes)
        keep(dy[block], passes, out=dx[block])

    threads.for_each_chunk(size, 3 * y.itemsize, one_block)


def tanh_forward(y, x, size):
    """y = tanh(x)."""
    y, x = y.reshape(-1), x.reshape(-1)
    threads.for_each_chunk(size, 2 * x.itemsize, lambda block: np.tanh(x[block], out=y[block]))


def tanh_backward(dx, dy, y, size):
    """dx = dy * (1 - y^2)."""
    dx, dy, y = dx.reshape(-1), dy.reshape(-1), y.reshape(-1)

    def one_block(block):
        np.square(y[block], out=dx[block])
        np.subtract(1, dx[block], out=dx[block])
        dx[block] *= dy[block]

    threads.for_each_chunk(size, 3 * y.itemsize, one_block)
