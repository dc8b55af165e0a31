"""Average pooling (NumPy twin of avg_pool.cu).

definitions.py says in loops what both functions compute, and the tests hold them to it.

Each output is the mean over its window clipped to the image: padding counts neither in the sum nor
in the divisor, as in the authors' CIFAR-10 networks of 2012. Sums are separable: first over each
column of the window, which adds whole rows of the image, then over those sums along each row.
Each map is pooled on its own, so a batch is n*c maps, and a task takes some of them.
"""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.windows import tap_slices


def avg_pool_forward(
    y, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y (n, c, oh, ow): the mean of x (n, c, h, w) over each clipped window."""
    in_column = _inside(kh, stride_h, pad_top, h, oh)
    in_row = _inside(kw, stride_w, pad_left, w, ow)
    share = (1 / np.outer(in_column, in_row)).astype(x.dtype)

    x, y = x.reshape(n * c, h, w), y.reshape(n * c, oh, ow)

    def some_maps(part):
        columns = threads.scratch("avg_pool columns", (part.stop - part.start, oh, w), x.dtype)
        columns[...] = 0
        for i in range(kh):
            to, source = tap_slices(i, stride_h, pad_top, h, oh)
            columns[:, to] += x[part, source]
        y[part] = 0
        for j in range(kw):
            to, source = tap_slices(j, stride_w, pad_left, w, ow)
            y[part, :, to] += columns[:, :, source]
        y[part] *= share

    threads.for_each_chunk(n * c, h * w * x.itemsize, some_maps)


def avg_pool_backward(
    dx, dy, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): each dy is shared equally among the pixels of its clipped window."""
    in_column = _inside(kh, stride_h, pad_top, h, oh)
    in_row = _inside(kw, stride_w, pad_left, w, ow)
    share = (1 / np.outer(in_column, in_row)).astype(dy.dtype)

    dx, dy = dx.reshape(n * c, h, w), dy.reshape(n * c, oh, ow)

    def some_maps(part):
        maps = part.stop - part.start
        shared = threads.scratch("avg_pool shared", (maps, oh, ow), dy.dtype)
        np.multiply(dy[part], share, out=shared)
        columns = threads.scratch("avg_pool columns", (maps, oh, w), dy.dtype)
        columns[...] = 0
        for j in range(kw):
            source, to = tap_slices(j, stride_w, pad_left, w, ow)
            columns[:, :, to] += shared[:, :, source]
        dx[part] = 0
        for i in range(kh):
            source, to = tap_slices(i, stride_h, pad_top, h, oh)
            dx[part, to] += columns[:, source]

    threads.for_each_chunk(n * c, h * w * dy.itemsize, some_maps)


def _inside(taps, stride, pad, size, out):
    """How many taps of each output's window are inside the image, along one axis."""
    counts = np.zeros(out)
    for tap in range(taps):
        to, _ = tap_slices(tap, stride, pad, size, out)
        counts[to] += 1
    return counts
