"""The NumPy twins im2col and col2im against their definitions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, windows

from tinynet.kernels import definitions
from tinynet.kernels.conv import col2im, im2col

SEEDS = st.integers(0, 2**32 - 1)


def test_kernels_im2col_by_hand():
    x = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 2, 3)
    #  1 2 3
    #  4 5 6     2x2 windows, stride 1, one row of padding on top: outputs 2x2
    col = blank((4, 1, 4), np.float32)
    im2col(col, x, 1, 1, 2, 3, 2, 2, 1, 1, 1, 0, 2, 2)
    expected = [
        [0, 0, 1, 2],  # tap (0, 0) of the four windows
        [0, 0, 2, 3],  # tap (0, 1)
        [1, 2, 4, 5],  # tap (1, 0)
        [2, 3, 5, 6],  # tap (1, 1)
    ]
    np.testing.assert_array_equal(col[:, 0], expected)


def test_kernels_im2col_with_padding_below_zero():
    """The windows then begin inside the image, as those of conv2d's dx may."""
    x = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 3, 4)
    #  1  2  3  4     1x2 windows from row 1, column 2 on; the last place and row are outside
    #  5  6  7  8
    #  9 10 11 12
    col = blank((2, 1, 6), np.float32)
    im2col(col, x, 1, 1, 3, 4, 1, 2, 1, 1, -1, -2, 3, 2)
    np.testing.assert_array_equal(col[:, 0], [[7, 8, 11, 12, 0, 0], [8, 0, 12, 0, 0, 0]])


def test_kernels_im2col_of_a_window_that_is_larger_than_the_padded_side():
    """Of one pixel, which every place of a 1x3 window but the last two lies left of."""
    col = blank((3, 1, 1), np.float32)
    im2col(col, np.full((1, 1, 1, 1), 7, np.float32), 1, 1, 1, 1, 1, 3, 1, 1, 0, 2, 1, 1)
    np.testing.assert_array_equal(col[:, 0, 0], [0, 0, 7])


def test_kernels_col2im_by_hand():
    dcol = np.ones((4, 1, 4), np.float32)
    dx = blank((1, 1, 3, 3), np.float32)
    col2im(dx, dcol, 1, 1, 3, 3, 2, 2, 1, 1, 0, 0, 2, 2)
    # how many of the four 2x2 windows hold each pixel
    np.testing.assert_array_equal(dx[0, 0], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_kernels_col2im_leaves_zeros_between_windows():
    dx = blank((1, 1, 1, 5), np.float64)
    col2im(dx, np.ones((1, 1, 2)), 1, 1, 1, 5, 1, 1, 1, 3, 0, 0, 1, 2)
    np.testing.assert_array_equal(dx[0, 0, 0], [1, 0, 0, 1, 0])


@given(windows(), DTYPES, SEEDS)
def test_kernels_im2col(sizes, dtype, seed):
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    x = np.random.default_rng(seed).standard_normal((n, c, h, w)).astype(dtype)
    col, expected = blank((c * kh * kw, n, oh * ow), dtype), blank((c * kh * kw, n, oh * ow), dtype)
    im2col(col, x, *sizes)
    definitions.im2col(expected, x, *sizes)
    np.testing.assert_array_equal(col, expected)


@given(windows(), DTYPES, SEEDS)
def test_kernels_col2im(sizes, dtype, seed):
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    # Small integers: every sum is exact, so the order of addition cannot matter.
    dcol = np.random.default_rng(seed).integers(-9, 10, (c * kh * kw, n, oh * ow)).astype(dtype)
    dx, expected = blank((n, c, h, w), dtype), blank((n, c, h, w), dtype)
    col2im(dx, dcol, *sizes)
    definitions.col2im(expected, dcol, *sizes)
    np.testing.assert_array_equal(dx, expected)
