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
    x, y, scale = (a.reshape(n * c, h, w) for a in (x, y, scale))

    def some_maps(part):
        squares, inside = _bordered(x[part].shape, size, x.dtype, before=size // 2)
        np.square(x[part], out=inside)
        sums = _window_sums(scale[part], squares, size)
        sums *= alpha
        sums += k
        np.divide(x[part], power(sums, beta, spare=y[part]), out=y[part])

    threads.for_each_chunk(n * c, h * w * x.itemsize, some_maps)


def lrn_within_backward(dx, dy, x, scale, n, c, h, w, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window)."""
    dx, dy, x, scale = (a.reshape(n * c, h, w) for a in (dx, dy, x, scale))

    def some_maps(part):
        ratios, inside = _bordered(x[part].shape, size, x.dtype, before=size - 1 - size // 2)
        divisor = power(scale[part], beta, spare=dx[part])
        np.divide(x[part], divisor, out=inside)  # y
        inside *= dy[part]
        inside /= scale[part]
        sums = threads.scratch("lrn_within sums", x[part].shape, x.dtype)
        _window_sums(sums, ratios, size)
        sums *= -2 * alpha * beta
        sums *= x[part]
        np.divide(dy[part], divisor, out=dx[part])
        dx[part] += sums

    threads.for_each_chunk(n * c, h * w * x.itemsize, some_maps)


def _bordered(shape, size, dtype, before):
    """A buffer with size-1 rows and columns of zeros around the maps, `before` of them ahead."""
    maps, h, w = shape
    buffer = threads.scratch("lrn_within bordered", (maps, h + size - 1, w + size - 1), dtype)
    buffer[...] = 0
    return buffer, buffer[:, before : before + h, before : before + w]


def _window_sums(sums, bordered, size):
    """Sums over size x size windows: along each row, then over the rows."""
    maps, h, w = sums.shape
    rows = threads.scratch("lrn_within rows", (maps, h + size - 1, w), sums.dtype)
    rows[...] = bordered[:, :, :w]
    for j in range(1, size):
        rows += bordered[:, :, j : j + w]
    sums[...] = rows[:, :h]
    for i in range(1, size):
        sums += rows[:, i : i + h]
    return sums
