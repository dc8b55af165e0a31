"""Local response normalization within a map (NumPy twin of lrn_within.cu).

definitions.py says in loops what both functions compute, and the tests hold them to it.

The formula of lrn.py with another window: size x size pixels around the pixel, in the same map,
clipped at the map's edges. The networks of 2012 used it on CIFAR-10 and, unmentioned by the paper,
in AlexNet's second layer.
"""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.lrn import power


def lrn_within_forward(y, scale, x, n, c, h, w, size, alpha, beta, k):
    """y and scale (n, c, h, w) from x (n, c, h, w); scale is kept for backward."""

    def one_image(i):
        squares, inside = _bordered(c, h, w, size, x.dtype, before=size // 2)
        np.square(x[i], out=inside)
        _window_sums(scale[i], squares, size)
        scale[i] *= alpha
        scale[i] += k
        np.divide(x[i], power(scale[i], beta, spare=y[i]), out=y[i])

    threads.for_each(n, one_image)


def lrn_within_backward(dx, dy, x, scale, n, c, h, w, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window)."""

    def one_image(i):
        ratios, inside = _bordered(c, h, w, size, x.dtype, before=size - 1 - size // 2)
        divisor = power(scale[i], beta, spare=dx[i])
        np.divide(x[i], divisor, out=inside)  # y
        inside *= dy[i]
        inside /= scale[i]
        sums = threads.scratch("lrn_within sums", (c, h, w), x.dtype)
        _window_sums(sums, ratios, size)
        sums *= -2 * alpha * beta
        sums *= x[i]
        np.divide(dy[i], divisor, out=dx[i])
        dx[i] += sums

    threads.for_each(n, one_image)


def _bordered(c, h, w, size, dtype, before):
    """A buffer with size-1 rows and columns of zeros around the maps, `before` of them ahead."""
    shape = c, h + size - 1, w + size - 1
    buffer = threads.scratch("lrn_within bordered", shape, dtype)
    buffer[...] = 0
    return buffer, buffer[:, before : before + h, before : before + w]


def _window_sums(sums, bordered, size):
    """Sums over size x size windows: along each row, then over the rows."""
    c, h, w = sums.shape
    rows = threads.scratch("lrn_within rows", (c, h + size - 1, w), sums.dtype)
    rows[...] = bordered[:, :, :w]
    for j in range(1, size):
        rows += bordered[:, :, j : j + w]
    sums[...] = rows[:, :h]
    for i in range(1, size):
        sums += rows[:, i : i + h]
