"""What the kernels that look through a window compute, in plain loops: slow, and easy to believe.

Each has the name and the arguments of a kernel. The kernel (`conv.cu`) and its NumPy twin
(`conv.py`) compute the same in ways that are faster and harder to read; `python -m tinynet.kernels
conv` shows the three in this order, and the tests compare them. An index along a size has the
size's name and an i, as in the .cu files: ohi runs over oh.
"""

from collections.abc import Iterator

import numpy as np


def taps(
    h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Which window sees which pixel, and at which of its places: (ohi, owi, khi, kwi, hi, wi).

    The window of output (ohi, owi) begins at row ohi*stride_h of the padded image and at its column
    owi*stride_w. Places that lie in the padding, where there is no pixel, are left out.
    """
    for ohi, owi, khi, kwi in np.ndindex(oh, ow, kh, kw):
        hi = ohi * stride_h + khi - pad_top
        wi = owi * stride_w + kwi - pad_left
        if 0 <= hi < h and 0 <= wi < w:
            yield ohi, owi, khi, kwi, hi, wi


# ------------------------------------------------------------------------------ convolution


def conv(y, x, weight, bias, groups, stride_h, stride_w, pad_top, pad_left):
    """y (n, out_channels, oh, ow): each output is the sum of weight times what its window sees.

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,) or None. A filter
    sees the channels of its own group. There is no kernel of it: ops/conv.py takes im2col and a
    matrix product, and comes to the same.
    """
    per_group = weight.shape[1]
    filters_per_group = len(weight) // groups
    sizes = (*x.shape[2:], *weight.shape[2:], stride_h, stride_w, pad_top, pad_left, *y.shape[2:])
    y[...] = 0 if bias is None else bias[:, None, None]
    for o in range(len(weight)):
        first = o // filters_per_group * per_group
        for ci in range(per_group):
            for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
                y[:, o, ohi, owi] += weight[o, ci, khi, kwi] * x[:, first + ci, hi, wi]


def im2col(col, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow):
    """col (c*kh*kw, n, oh*ow): column (ni, ohi, owi) is what that window sees, 0 in the padding.

    Now a filter (c*kh*kw numbers) times a column is an output, and W @ col is all of them.
    """
    places = col.reshape(c, kh, kw, n, oh, ow)
    places[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
        places[:, khi, kwi, :, ohi, owi] = x[:, :, hi, wi].T


def col2im(dx, dcol, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow):
    """dx (n, c, h, w): where im2col copied a pixel to, from there its gradient comes back."""
    places = dcol.reshape(c, kh, kw, n, oh, ow)
    dx[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
        dx[:, :, hi, wi] += places[:, khi, kwi, :, ohi, owi].T


# ------------------------------------------------------------------------------ local connection


def local_forward(
    y, x, weight, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):
    """y (n, filters, oh, ow): a convolution whose weight (filters, c, kh, kw, oh, ow) has, for each
    output place, filters of its own.
    """
    y[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for fi, ci in np.ndindex(filters, c):
        for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
            y[:, fi, ohi, owi] += weight[fi, ci, khi, kwi, ohi, owi] * x[:, ci, hi, wi]


def local_backward(
    dx, dy, weight, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):
    """dx (n, c, h, w): each dy comes back to the pixels that its window sees, by their weights."""
    dx[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for fi, ci in np.ndindex(filters, c):
        for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
            dx[:, ci, hi, wi] += weight[fi, ci, khi, kwi, ohi, owi] * dy[:, fi, ohi, owi]


def local_backward_weight(
    dweight, dy, x, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):
    """dweight (filters, c, kh, kw, oh, ow): dy times what the weight was multiplied with, summed
    over the images; 0 for a weight that sees padding alone.
    """
    dweight[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for fi, ci in np.ndindex(filters, c):
        for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
            products = dy[:, fi, ohi, owi] * x[:, ci, hi, wi]
            dweight[fi, ci, khi, kwi, ohi, owi] = products.sum()


# ------------------------------------------------------------------------------ pooling


def max_pool_forward(
    y, argmax, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):
    """y (n, c, oh, ow): the largest pixel that the window sees; argmax: its place, khi*kw + kwi.

    Of equal pixels the first in reading order counts, and a NaN is larger than any number.
    """
    argmax[...] = -1  # nothing seen yet
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ni, ci in np.ndindex(n, c):
        for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
            out, pixel = (ni, ci, ohi, owi), x[ni, ci, hi, wi]
            if argmax[out] == -1 or pixel > y[out] or (np.isnan(pixel) and not np.isnan(y[out])):
                y[out], argmax[out] = pixel, khi * kw + kwi


def max_pool_backward(
    dx, dy, argmax, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):
    """dx (n, c, h, w): each dy goes to the pixel that was the largest in its window."""
    dx[...] = 0
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ohi, owi, khi, kwi, hi, wi in taps(*sizes):
        here = argmax[:, :, ohi, owi] == khi * kw + kwi
        dx[:, :, hi, wi] += np.where(here, dy[:, :, ohi, owi], 0)


def avg_pool_forward(y, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow):
    """y (n, c, oh, ow): the mean of the pixels that the window sees; padding does not count."""
    y[...], pixels = 0, np.zeros((oh, ow))
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ohi, owi, _, _, hi, wi in taps(*sizes):
        y[:, :, ohi, owi] += x[:, :, hi, wi]
        pixels[ohi, owi] += 1
    y /= pixels


def avg_pool_backward(dx, dy, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow):
    """dx (n, c, h, w): each dy is shared equally by the pixels that its window sees."""
    dx[...], pixels = 0, np.zeros((oh, ow))
    sizes = h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
    for ohi, owi, *_ in taps(*sizes):
        pixels[ohi, owi] += 1
    for ohi, owi, _, _, hi, wi in taps(*sizes):
        dx[:, :, hi, wi] += dy[:, :, ohi, owi] / pixels[ohi, owi]


# ------------------------------------------------------------------------------ normalization


def neighbours(ci, c, groups, size) -> list[int]:
    """The channels in the window of channel ci: ci - size//2 and the size - 1 after it, as far as
    they are in its group.
    """
    first, per_group = ci - size // 2, c // groups
    window = range(first, first + size)
    return [j for j in window if 0 <= j < c and j // per_group == ci // per_group]


def lrn_forward(y, scale, x, n, c, plane, groups, size, alpha, beta, k):
    """y and scale (n, c, plane): each number is divided by a power of what its neighbours are."""
    scale[...] = k
    for ci in range(c):
        for j in neighbours(ci, c, groups, size):
            scale[:, ci] += alpha * x[:, j] ** 2
    y[...] = x * scale**-beta


def lrn_backward(dx, dy, x, scale, n, c, plane, groups, size, alpha, beta):
    """dx (n, c, plane): x[j] is in y[j] = x[j] * scale[j]^-beta, and in the scale of all channels
    that have it for a neighbour: dy/dscale = -beta * x * scale^(-beta - 1), and
    dscale/dx[j] = 2 * alpha * x[j].
    """
    dx[...] = dy * scale**-beta
    of_scale = -beta * dy * x * scale ** (-beta - 1)
    for ci in range(c):
        for j in neighbours(ci, c, groups, size):
            dx[:, j] += of_scale[:, ci] * 2 * alpha * x[:, j]


def lrn_within_forward(y, scale, x, n, c, h, w, size, alpha, beta, k):
    """y and scale (n, c, h, w): as lrn_forward, but the neighbours are the size x size pixels of
    the same map that begin size//2 above and to the left.
    """
    scale[...] = k
    for hi, wi, _, _, row, column in taps(h, w, size, size, 1, 1, size // 2, size // 2, h, w):
        scale[:, :, hi, wi] += alpha * x[:, :, row, column] ** 2
    y[...] = x * scale**-beta


def lrn_within_backward(dx, dy, x, scale, n, c, h, w, size, alpha, beta):
    """dx (n, c, h, w): as lrn_backward, over the pixels that have this one for a neighbour."""
    dx[...] = dy * scale**-beta
    of_scale = -beta * dy * x * scale ** (-beta - 1)
    for hi, wi, _, _, row, column in taps(h, w, size, size, 1, 1, size // 2, size // 2, h, w):
        dx[:, :, row, column] += of_scale[:, :, hi, wi] * 2 * alpha * x[:, :, row, column]
