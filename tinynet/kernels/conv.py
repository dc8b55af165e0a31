"""im2col and col2im: a convolution becomes one matrix product (NumPy twin of conv.cu).

im2col lays the window under each output position out as a column, so that

    y (out_channels, oh*ow) = weight (out_channels, c*kh*kw) @ col (c*kh*kw, oh*ow)

and col2im, its transpose, adds every entry of the columns back to the pixel it came from.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinynet import threads
from tinynet.kernels.windows import tap_slices


def im2col(
    col, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """col (n, c*kh*kw, oh*ow) from x (n, c, h, w); taps outside the image are 0."""
    taps = col.reshape(n, c, kh, kw, oh, ow)
    padded_h, padded_w = (oh - 1) * stride_h + kh, (ow - 1) * stride_w + kw

    def one_image(image):
        padded = threads.scratch("im2col padded", (c, padded_h, padded_w), x.dtype)
        padded[...] = 0
        inside = padded[:, pad_top : pad_top + h, pad_left : pad_left + w]
        inside[...] = x[image, :, : inside.shape[1], : inside.shape[2]]
        # Tap (i, j) of window (r, q) is padded[r*stride_h + i, q*stride_w + j]: in strides, the
        # windows overlap in memory, and one copy pulls all of them apart.
        plane, row, column = padded.strides
        strides = plane, row, column, row * stride_h, column * stride_w
        np.copyto(taps[image], as_strided(padded, (c, kh, kw, oh, ow), strides, writeable=False))

    threads.for_each(n, one_image)


def col2im(
    dx, dcol, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w) from dcol (n, c*kh*kw, oh*ow): overlapping windows are summed.

    First over the rows i of the window, whole output rows at a time: rows (c, kw, h, ow) holds what
    comes to each image row through column j. Then over the columns j, on kh times less data.
    """
    taps = dcol.reshape(n, c, kh, kw, oh, ow)

    def one_image(image):
        rows = threads.scratch("col2im rows", (c, kw, h, ow), dx.dtype)
        rows[...] = 0
        for i in range(kh):
            source, to = tap_slices(i, stride_h, pad_top, h, oh)
            rows[:, :, to] += taps[image, :, i, :, source]
        dx[image] = 0
        for j in range(kw):
            source, to = tap_slices(j, stride_w, pad_left, w, ow)
            dx[image, :, :, to] += rows[:, j, :, source]

    threads.for_each(n, one_image)
