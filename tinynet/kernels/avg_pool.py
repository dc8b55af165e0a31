"""Average-pooling (NumPy twin of avg_pool.cu).

Each output is the mean over its window clipped to the image: padding counts neither in the sum nor
in the divisor, as in the authors' CIFAR-10 networks of 2012. Sums are separable: first over each
row of the window, then over the rows.
"""

import numpy as np

from tinynet import threads
from tinynet.kernels.windows import tap_slices


def avg_pool_forward(
    y, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y (n, c, oh, ow): the mean of x (n, c, h, w) over each clipped window."""
    in_column = _inside(kh, stride_h, pad_top, h, oh)
    in_row = _inside(kw, stride_w, pad_left, w, ow)
    share = (1 / np.outer(in_column, in_row)).astype(x.dtype)

    def one_image(image):
        rows = threads.scratch("avg_pool rows", (c, h, ow), x.dtype)
        rows[...] = 0
        for j in range(kw):
            to, source = tap_slices(j, stride_w, pad_left, w, ow)
            rows[:, :, to] += x[image, :, :, source]
        y[image] = 0
        for i in range(kh):
            to, source = tap_slices(i, stride_h, pad_top, h, oh)
            y[image, :, to] += rows[:, source]
        y[image] *= share

    threads.for_each(n, one_image)


def avg_pool_backward(
    dx, dy, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): each dy is shared equally among the pixels of its clipped window."""
    in_column = _inside(kh, stride_h, pad_top, h, oh)
    in_row = _inside(kw, stride_w, pad_left, w, ow)
    share = (1 / np.outer(in_column, in_row)).astype(dy.dtype)

    def one_image(image):
        shared = threads.scratch("avg_pool shared", (c, oh, ow), dy.dtype)
        np.multiply(dy[image], share, out=shared)
        rows = threads.scratch("avg_pool rows", (c, h, ow), dy.dtype)
        rows[...] = 0
        for i in range(kh):
            source, to = tap_slices(i, stride_h, pad_top, h, oh)
            rows[:, to] += shared[:, source]
        dx[image] = 0
        for j in range(kw):
            source, to = tap_slices(j, stride_w, pad_left, w, ow)
            dx[image, :, :, to] += rows[:, :, source]

    threads.for_each(n, one_image)


def _inside(taps, stride, pad, size, out):
    """How many taps of each output's window are inside the image, along one axis."""
    counts = np.zeros(out)
    for tap in range(taps):
        to, _ = tap_slices(tap, stride, pad, size, out)
        counts[to] += 1
    return counts
