"""Local response normalization across channels (NumPy twin of lrn.cu; paper, section 3.3).

definitions.py says in loops what both functions compute, and the tests hold them to it.

    scale_i = k + alpha * sum of x_j^2 over the window of channel i
    y_i     = x_i * scale_i^-beta

The window of channel i is [i - size//2, i - size//2 + size - 1], clipped to the group of channels
(one tower of the paper's network).

Every sum is computed afresh, in the order of the channels: a running sum that adds one channel and
subtracts another would save little and keep the rounding errors of all channels it has passed.
"""

import numpy as np

from tinynet.devices import threads


def lrn_forward(y, scale, x, n, c, plane, groups, size, alpha, beta, k):
    """y and scale (n, c, plane) from x (n, c, plane); scale is kept for backward."""
    channels = c // groups
    x, y, scale = (a.reshape(n * groups, channels, plane) for a in (x, y, scale))

    def some_groups(part):
        squares, inside = _bordered(x[part].shape, size, x.dtype, before=size // 2)
        np.square(x[part], out=inside)
        sums = _window_sums(scale[part], squares, size)
        sums *= alpha
        sums += k
        np.divide(x[part], power(sums, beta, spare=y[part]), out=y[part])

    threads.for_each_chunk(n * groups, channels * plane * x.itemsize, some_groups)


def lrn_backward(dx, dy, x, scale, n, c, plane, groups, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window).

    Channel i is in the windows of [i + size//2 - size + 1, i + size//2]: the same for odd sizes.
    y is made again, by one division: dy is divided by the same power anyway.
    """
    channels = c // groups
    dx, dy, x, scale = (a.reshape(n * groups, channels, plane) for a in (dx, dy, x, scale))

    def some_groups(part):
        ratios, inside = _bordered(x[part].shape, size, x.dtype, before=size - 1 - size // 2)
        divisor = power(scale[part], beta, spare=dx[part])
        np.divide(x[part], divisor, out=inside)  # y
        inside *= dy[part]
        inside /= scale[part]
        sums = threads.scratch("lrn sums", x[part].shape, x.dtype)
        _window_sums(sums, ratios, size)
        sums *= -2 * alpha * beta
        sums *= x[part]
        np.divide(dy[part], divisor, out=dx[part])
        dx[part] += sums

    threads.for_each_chunk(n * groups, channels * plane * x.itemsize, some_groups)


def _bordered(shape, size, dtype, before):
    """A buffer with size-1 channels of zeros around each group, `before` of them ahead of it."""
    groups, channels, plane = shape
    buffer = threads.scratch("lrn bordered", (groups, channels + size - 1, plane), dtype)
    buffer[:, :before] = 0
    buffer[:, before + channels :] = 0
    return buffer, buffer[:, before : before + channels]


def _window_sums(sums, bordered, size):
    """sums[:, i] = bordered[:, i] + ... + bordered[:, i + size - 1], in that order."""
    channels = sums.shape[1]
    np.copyto(sums, bordered[:, :channels])
    for tap in range(1, size):
        sums += bordered[:, tap : tap + channels]
    return sums


def power(scale, beta, spare):
    """scale^beta, in a buffer of the thread's; the paper's 3/4 takes two square roots.

    The next call overwrites it, and this one `spare`, which is as large as scale.
    """
    found = threads.scratch("lrn power", scale.shape, scale.dtype)
    if beta == 0.75:
        np.sqrt(scale, out=found)
        np.sqrt(found, out=spare)
        found *= spare  # scale^1/2 * scale^1/4
    else:
        np.power(scale, beta, out=found)
    return found
