"""Sizes for the tests of the NumPy twins: windows of every kind over images of every shape."""

import numpy as np
from hypothesis import strategies as st

DTYPES = st.sampled_from([np.float32, np.float64])


def integers(most):
    return st.integers(1, most)


@st.composite
def axis(draw):
    """(size, window, stride, padding before, outputs); any window may overhang the far edge."""
    size, window, stride = draw(integers(9)), draw(integers(4)), draw(integers(5))
    before = draw(st.integers(0, window - 1))
    return size, window, stride, before, draw(integers((size - 1 + before) // stride + 1))


@st.composite
def windows(draw):
    """The sizes that every window kernel takes: n, c, h, w, kh, kw, strides, padding, oh, ow."""
    n, c = draw(integers(3)), draw(integers(3))
    h, kh, stride_h, pad_top, oh = draw(axis())
    w, kw, stride_w, pad_left, ow = draw(axis())
    return n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow


def blank(shape, dtype):
    """An output nobody has written yet: NaN shows up wherever a kernel forgets an element."""
    return np.full(shape, np.nan, dtype)
