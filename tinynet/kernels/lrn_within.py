"""Local response normalization within a map (NumPy twin of lrn_within.cu).

The formula of lrn.py with another window: size x size pixels around the pixel, in the same map,
clipped at the map's edges. The networks of 2012 used it on CIFAR-10 and, unmentioned by the paper,
in AlexNet's second layer.
"""

import numpy as np

from tinynet import threads


def lrn_within_forward(y, scale, x, n, c, h, w, size, alpha, beta, k):
    """y and scale (n, c, h, w) from x (n, c, h, w); scale is kept for backward."""

    def one_image(image):
        _window_sums(scale[image], np.square(x[image]), size, before=size // 2)
        scale[image] *= x.dtype.type(alpha)
        scale[image] += x.dtype.type(k)
        np.multiply(x[image], np.power(scale[image], -beta), out=y[image])

    threads.for_each(n, one_image)


def lrn_within_backward(dx, dy, x, y, scale, n, c, h, w, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window)."""

    def one_image(image):
        ratio = dy[image] * y[image]
        ratio /= scale[image]
        sums = np.empty_like(ratio)
        _window_sums(sums, ratio, size, before=size - 1 - size // 2)
        sums *= x.dtype.type(-2 * alpha * beta)
        sums *= x[image]
        np.multiply(dy[image], np.power(scale[image], -beta), out=dx[image])
        dx[image] += sums

    threads.for_each(n, one_image)


def _window_sums(sums, values, size, before):
    """Sums over size x size windows clipped to the map: along the columns, then along the rows."""
    rows = np.zeros_like(values)
    _shifted_sums(rows.transpose(2, 0, 1), values.transpose(2, 0, 1), size, before)
    sums[...] = 0
    _shifted_sums(sums.transpose(1, 0, 2), rows.transpose(1, 0, 2), size, before)


def _shifted_sums(sums, values, size, before):
    """sums[i] += values[i-before] + ... + values[i-before+size-1] along the first axis."""
    length = len(values)
    for tap in range(-before, size - before):
        first, last = max(0, -tap), min(length, length - tap)
        if first < last:
            sums[first:last] += values[first + tap : last + tap]
