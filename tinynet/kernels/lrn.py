"""Local response normalization across channels (NumPy twin of lrn.cu; paper, section 3.3).

    scale_i = k + alpha * sum of x_j^2 over the window of channel i
    y_i     = x_i * scale_i^-beta

The window of channel i is [i - size//2, i - size//2 + size - 1], clipped to the group of channels
(one tower of the paper's network). Alpha is NOT divided by size here, as in the paper; the code of
2012, Caffe and PyTorch do divide it.
"""

import numpy as np

from tinynet import threads


def lrn_forward(y, scale, x, n, c, plane, groups, size, alpha, beta, k):
    """y and scale (n, c, plane) from x (n, c, plane); scale is kept for backward."""
    x, y, scale = (a.reshape(n, groups, c // groups, plane) for a in (x, y, scale))

    def one_image(image):
        squares = np.square(x[image])
        _window_sums(scale[image], squares, size, before=size // 2)
        scale[image] *= x.dtype.type(alpha)
        scale[image] += x.dtype.type(k)
        np.multiply(x[image], _power(scale[image], beta), out=y[image])

    threads.for_each(n, one_image)


def lrn_backward(dx, dy, x, y, scale, n, c, plane, groups, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window).

    Channel i is in the windows of [i + size//2 - size + 1, i + size//2]: the same for odd sizes.
    """
    dx, dy, x, y, scale = (a.reshape(n, groups, c // groups, plane) for a in (dx, dy, x, y, scale))

    def one_image(image):
        ratio = dy[image] * y[image]
        ratio /= scale[image]
        sums = np.empty_like(ratio)
        _window_sums(sums, ratio, size, before=size - 1 - size // 2)
        sums *= x.dtype.type(-2 * alpha * beta)
        sums *= x[image]
        np.multiply(dy[image], _power(scale[image], beta), out=dx[image])
        dx[image] += sums

    threads.for_each(n, one_image)


def _window_sums(sums, values, size, before):
    """sums[:, i] = values[:, i-before] + ... + values[:, i-before+size-1], clipped, in order."""
    channels = values.shape[1]
    sums[...] = 0
    for tap in range(-before, size - before):
        first, last = max(0, -tap), min(channels, channels - tap)
        if first < last:
            sums[:, first:last] += values[:, first + tap : last + tap]


def _power(scale, beta):
    """scale^-beta; the paper's beta of 3/4 needs two square roots only."""
    if beta != 0.75:
        return np.power(scale, -beta)
    root = np.sqrt(scale)
    root *= np.sqrt(root)
    return np.reciprocal(root, out=root)
