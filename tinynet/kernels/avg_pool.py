"""Average-pooling (NumPy twin of avg_pool.cu).

Each output is the mean over its window clipped to the image: padding counts neither in the sum nor
in the divisor, as in the authors' CIFAR-10 networks of 2012.
"""

import numpy as np

from tinynet import threads
from tinynet.kernels.windows import tap_slices


def avg_pool_forward(
    y, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y (n, c, oh, ow): the mean of x (n, c, h, w) over each clipped window."""
    share = _share(kh, stride_h, pad_top, h, oh)[:, None] * _share(kw, stride_w, pad_left, w, ow)
    share = share.astype(x.dtype)

    def one_image(image):
        row_sums = threads.scratch("row_sums", (c, h, ow), x.dtype)
        row_sums[...] = 0
        for j in range(kw):
            to, source = tap_slices(j, stride_w, pad_left, w, ow)
            row_sums[:, :, to] += x[image, :, :, source]
        y[image] = 0
        for i in range(kh):
            to, source = tap_slices(i, stride_h, pad_top, h, oh)
            y[image, :, to] += row_sums[:, source]
        y[image] *= share

    threads.for_each(n, one_image)


def avg_pool_backward(
    dx, dy, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): each dy is shared equally among the pixels of its clipped window."""
    share = _share(kh, stride_h, pad_top, h, oh)[:, None] * _share(kw, stride_w, pad_left, w, ow)
    share = share.astype(dy.dtype)

    def one_image(image):
        shared = dy[image] * share
        rows = threads.scratch("rows", (c, h, ow), dy.dtype)
        rows[...] = 0
        for i in range(kh):
            source, to = tap_slices(i, stride_h, pad_top, h, oh)
            rows[:, to] += shared[:, source]
        dx[image] = 0
        for j in range(kw):
            source, to = tap_slices(j, stride_w, pad_left, w, ow)
            dx[image, :, :, to] += rows[:, :, source]

    threads.for_each(n, one_image)


def _share(taps, stride, pad, size, out):
    """1 / (how many taps of each output's window are inside), along one axis."""
    inside = np.zeros(out)
    for tap in range(taps):
        to, _ = tap_slices(tap, stride, pad, size, out)
        inside[to] += 1
    return 1 / inside
