"""Convolution and pooling in every small geometry, along each of the two axes.

Sizes and windows to 7, strides and paddings to 4, before and behind the image on their own. Drawn
shapes meet the odd ones too seldom: a window larger than the map that it pads, say. The axes do not
depend on each other, so each geometry down is paired with another one across.
"""

from itertools import product

import numpy as np
from inputs import leaf

import tinynet.functional as F

SIZES = range(1, 8)
STRIDES = range(1, 5)
PADDINGS = range(5)
RNG = np.random.default_rng(0)


def geometries(pooling=False):
    """(sizes, windows, strides, padding): every geometry once down, and once across.

    Only where the window fits into the padded image; in pooling, where it is larger than the
    padding, so that it holds some pixel.
    """
    fitting = [
        (size, window, stride, before, behind)
        for size, window, stride, before, behind in product(
            SIZES, SIZES, STRIDES, PADDINGS, PADDINGS
        )
        if window <= before + size + behind and not (pooling and max(before, behind) >= window)
    ]
    for down, across in zip(fitting, RNG.permutation(fitting).tolist()):
        sizes, windows, strides, before, behind = zip(down, across)
        yield sizes, windows, strides, (before[0], behind[0], before[1], behind[1])


def windows_of(padded, windows, strides):
    """What each window sees of padded images: a view (n, c, oh, ow, kh, kw)."""
    views = np.lib.stride_tricks.sliding_window_view(padded, windows, axis=(2, 3))
    return views[:, :, :: strides[0], :: strides[1]]


def to_pixels(dviews, shape, windows, strides, padding):
    """The way back: (n, c, oh, ow, kh, kw) added to the pixels (n, c, h, w) that were seen."""
    top, bottom, left, right = padding
    n, c, h, w = shape
    oh, ow = dviews.shape[2:4]
    dpadded = np.zeros((n, c, top + h + bottom, left + w + right))
    for i, j in np.ndindex(*windows):
        rows = slice(i, i + (oh - 1) * strides[0] + 1, strides[0])
        columns = slice(j, j + (ow - 1) * strides[1] + 1, strides[1])
        dpadded[:, :, rows, columns] += dviews[..., i, j]
    return dpadded[:, :, top : top + h, left : left + w]


def padded_with(value, x, padding):
    top, bottom, left, right = padding
    sides = [(0, 0), (0, 0), (top, bottom), (left, right)]
    return np.pad(x, sides, constant_values=value)


def close(ours, expected, what):
    # sums of some tens of products of values around 1, each rounded to 1e-16
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12, atol=1e-12, err_msg=str(what))


def test_convolution_in_all_of_them(device):
    for sizes, windows, strides, padding in geometries():
        what = sizes, windows, strides, padding
        x, weight = RNG.standard_normal((1, 1, *sizes)), RNG.standard_normal((2, 1, *windows))
        views = windows_of(padded_with(0, x, padding), windows, strides)
        leaves = leaf(x, device), leaf(weight, device)
        y = F.conv2d(*leaves, stride=strides, padding=padding)
        close(y, np.einsum("nchwij,ocij->nohw", views, weight), what)
        dy = RNG.standard_normal(y.shape)
        y.backward(dy)
        dviews = np.einsum("nohw,ocij->nchwij", dy, weight)
        close(leaves[0].grad, to_pixels(dviews, x.shape, windows, strides, padding), what)
        close(leaves[1].grad, np.einsum("nohw,nchwij->ocij", dy, views), what)


def test_max_pooling_in_all_of_them(device):
    for sizes, windows, strides, padding in geometries(pooling=True):
        shape = (1, 1, *sizes)
        x = RNG.permutation(np.prod(shape)).reshape(shape).astype(float)  # no two are equal
        views = windows_of(padded_with(-np.inf, x, padding), windows, strides)
        y = views.max(axis=(4, 5), keepdims=True)
        check_pooling(F.max_pool2d, x, y, views == y, device, windows, strides, padding)


def test_average_pooling_in_all_of_them(device):
    for sizes, windows, strides, padding in geometries(pooling=True):
        x = RNG.standard_normal((1, 1, *sizes))
        inside = windows_of(padded_with(0, np.ones(x.shape), padding), windows, strides)
        share = inside / inside.sum(axis=(4, 5), keepdims=True)
        views = windows_of(padded_with(0, x, padding), windows, strides)
        y = (views * share).sum(axis=(4, 5), keepdims=True)
        check_pooling(F.avg_pool2d, x, y, share, device, windows, strides, padding)


def check_pooling(pool, x, y, share, device, windows, strides, padding):
    """`share`: how much of each pixel is in the result of a window, (n, c, oh, ow, kh, kw)."""
    what = x.shape, windows, strides, padding
    x_leaf = leaf(x, device)
    ours = pool(x_leaf, windows, stride=strides, padding=padding)
    close(ours, y[..., 0, 0], what)
    dy = RNG.standard_normal(ours.shape)
    ours.backward(dy)
    dviews = share * dy[..., None, None]
    close(x_leaf.grad, to_pixels(dviews, x.shape, windows, strides, padding), what)
