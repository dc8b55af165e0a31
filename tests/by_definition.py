"""The functions of windows by tinynet/kernels/definitions.py: arrays in, arrays out, in float64."""

import numpy as np

from tinynet.kernels import definitions


def outputs(length, k, stride, before, after, ceil_mode=False):
    """How many windows fit along one axis: as many as begin at 0, stride, ... of the padded image
    and end in it; in ceil_mode also the one after those, if it holds any of the image itself.
    """
    padded = before + length + after
    ends = [begin + k for begin in range(0, padded, stride) if begin + k <= padded]
    next_begin = len(ends) * stride
    one_more = ceil_mode and padded not in ends and next_begin < before + length
    return len(ends) + one_more


def sizes(x, kernel_size, stride, padding, ceil_mode=False):
    """What a kernel takes beside its arrays: n, c, h, w, the window, oh, ow."""
    (kh, kw), (top, bottom, left, right) = kernel_size, padding
    oh = outputs(x.shape[2], kh, stride[0], top, bottom, ceil_mode)
    ow = outputs(x.shape[3], kw, stride[1], left, right, ceil_mode)
    return (*x.shape, kh, kw, *stride, top, left, oh, ow)


def conv2d(x, weight, bias, stride, padding, groups):
    *_, top, left, oh, ow = sizes(x, weight.shape[2:], stride, padding)
    y = np.empty((len(x), len(weight), oh, ow))
    definitions.conv(y, x, weight, bias, groups, *stride, top, left)
    return y


def local2d(x, weight, bias, stride, padding):
    filters, c, kh, kw, oh, ow = weight.shape
    given = (*x.shape, filters, *sizes(x, (kh, kw), stride, padding)[4:])
    y = np.empty((len(x), filters, oh, ow))
    definitions.local_forward(y, x, weight, *given)
    return y + bias


def max_pool2d(x, **options):
    """y and argmax."""
    s = sizes(x, **options)
    y, argmax = np.empty((*s[:2], *s[-2:])), np.empty((*s[:2], *s[-2:]), np.int32)
    definitions.max_pool_forward(y, argmax, x, *s)
    return y, argmax


def avg_pool2d(x, **options):
    s = sizes(x, **options)
    y = np.empty((*s[:2], *s[-2:]))
    definitions.avg_pool_forward(y, x, *s)
    return y


def local_response_norm(x, size, alpha, beta, k, groups):
    n, c, h, w = x.shape
    maps = x.reshape(n, c, h * w)
    y, scale = np.empty(maps.shape), np.empty(maps.shape)
    definitions.lrn_forward(y, scale, maps, n, c, h * w, groups, size, alpha, beta, k)
    return y.reshape(x.shape)


def local_response_norm_within(x, size, alpha, beta, k):
    y, scale = np.empty(x.shape), np.empty(x.shape)
    definitions.lrn_within_forward(y, scale, x, *x.shape, size, alpha, beta, k)
    return y
