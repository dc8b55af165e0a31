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
        multiply_by_power(y[part], x[part], sums, beta)

    threads.for_each_chunk(n * groups, channels * plane * x.itemsize, some_groups)


def lrn_backward(dx, dy, x, y, scale, n, c, plane, groups, size, alpha, beta):
    """dx = dy * scale^-beta - 2 alpha beta x * (sum of dy*y/scale over the TRANSPOSED window).

    Channel i is in the windows of [i + size//2 - size + 1, i + size//2]: the same for odd sizes.
    """
    channels = c // groups
    dx, dy, x, y, scale = (a.reshape(n * groups, channels, plane) for a in (dx, dy, x, y, scale))

    def some_groups(part):
        ratios, inside = _bordered(x[part].shape, size, x.dtype, before=size - 1 - size // 2)
        np.multiply(dy[part], y[part], out=inside)
        inside /= scale[part]
        sums = threads.scratch("lrn sums", x[part].shape, x.dtype)
        _window_sums(sums, ratios, size)
        sums *= -2 * alpha * beta
        sums *= x[part]
        multiply_by_power(dx[part], dy[part], scale[part], beta)
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


def multiply_by_power(y, x, scale, beta):
    """y = x * scale^-beta; y must not be x or scale. The paper's 3/4 takes two square roots."""
    if beta == 0.75:
        power = threads.scratch("lrn power", scale.shape, scale.dtype)
        np.sqrt(scale, out=power)
        np.sqrt(power, out=y)
        power *= y  # scale^1/2 * scale^1/4
        np.divide(x, power, out=y)
    else:
        np.power(scale, -beta, out=y)
        y *= x
