"""The NumPy twins of max- and average-pooling against explicit loops over every window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, taps, windows

from tinynet.kernels.avg_pool import avg_pool_backward, avg_pool_forward
from tinynet.kernels.max_pool import max_pool_backward, max_pool_forward

SEEDS = st.integers(0, 2**32 - 1)


def max_pool(x, sizes):
    n, c, *_, oh, ow = sizes
    y, argmax = blank((n, c, oh, ow), x.dtype), np.full((n, c, oh, ow), -1, np.int32)
    max_pool_forward(y, argmax, x, *sizes)
    return y, argmax


def max_pool_by_loops(x, sizes):
    """The first maximum in reading order; a NaN beats all numbers, the first NaN all others."""
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    y, argmax = np.empty((n, c, oh, ow), x.dtype), np.full((n, c, oh, ow), -1, np.int32)
    for image, channel, r, q, i, j, row, column in taps(sizes):
        at, value = (image, channel, r, q), x[image, channel, row, column]
        first = argmax[at] == -1
        if first or value > y[at] or (np.isnan(value) and not np.isnan(y[at])):
            y[at], argmax[at] = value, i * kw + j
    return y, argmax


def test_kernels_max_pool_by_hand():
    x = np.array([[[[1, 5, 5, 2, 9], [3, 5, 4, 7, 0], [8, 6, 0, 7, 7]]]], np.float32)
    sizes = (1, 1, 3, 5, 3, 3, 2, 2, 0, 0, 1, 2)
    y, argmax = max_pool(x, sizes)
    np.testing.assert_array_equal(y[0, 0], [[8, 9]])
    np.testing.assert_array_equal(argmax[0, 0], [[6, 2]])  # row 2, column 0; row 0, column 2
    dx = blank(x.shape, np.float32)
    max_pool_backward(dx, np.array([[[[10, 20]]]], np.float32), argmax, *sizes)
    np.testing.assert_array_equal(dx[0, 0], [[0, 0, 0, 0, 20], [0] * 5, [10, 0, 0, 0, 0]])


def test_kernels_max_pool_overlapping_windows_add_up():
    x = np.array([[[[0, 0, 1, 0, 0]]]], np.float64)  # the 1 wins both windows of 3, 2 apart
    sizes = (1, 1, 1, 5, 1, 3, 1, 2, 0, 0, 1, 2)
    _, argmax = max_pool(x, sizes)
    dx = blank(x.shape, np.float64)
    max_pool_backward(dx, np.array([[[[10.0, 1.0]]]]), argmax, *sizes)
    np.testing.assert_array_equal(dx[0, 0, 0], [0, 0, 11, 0, 0])


def test_kernels_max_pool_ties_go_to_the_first_in_reading_order():
    x = np.array([[[[0, 1, 1], [1, 1, 0], [1, 0, 0]]]], np.float32)
    _, argmax = max_pool(x, (1, 1, 3, 3, 3, 3, 1, 1, 0, 0, 1, 1))
    assert argmax[0, 0, 0, 0] == 1


@pytest.mark.parametrize("fill", [-np.inf, np.nan])
def test_kernels_max_pool_of_nothing_but_minus_infinity_or_nan_stays_in_the_image(fill):
    x = np.full((1, 1, 2, 2), fill, np.float32)
    sizes = (1, 1, 2, 2, 3, 3, 2, 2, 1, 1, 2, 2)
    y, argmax = max_pool(x, sizes)
    np.testing.assert_array_equal(y, np.full_like(y, fill))
    np.testing.assert_array_equal(argmax[0, 0], [[4, 3], [1, 0]])  # the first inside, each time


@given(windows(), DTYPES, st.sampled_from([2, 1000]), st.booleans(), SEEDS)
def test_kernels_max_pool_forward(sizes, dtype, values, with_nan, seed):
    n, c, h, w, *_ = sizes
    rng = np.random.default_rng(seed)
    x = rng.integers(-values, values, (n, c, h, w)).astype(dtype)  # few values: many ties
    if with_nan:
        x[rng.random(x.shape) < 0.2] = np.nan
    for ours, expected in zip(max_pool(x, sizes), max_pool_by_loops(x, sizes)):
        np.testing.assert_array_equal(ours, expected)


def test_kernels_max_pool_window_of_more_than_256_pixels():
    x = np.arange(400, dtype=np.float32).reshape(1, 1, 20, 20)
    _, argmax = max_pool(x, (1, 1, 20, 20, 20, 20, 1, 1, 0, 0, 1, 1))
    assert argmax.item() == 399


@given(windows(), DTYPES, SEEDS)
def test_kernels_max_pool_backward(sizes, dtype, seed):
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    rng = np.random.default_rng(seed)
    _, argmax = max_pool(rng.permutation(n * c * h * w).reshape(n, c, h, w).astype(dtype), sizes)
    dy = rng.integers(-9, 10, (n, c, oh, ow)).astype(dtype)  # integers: sums are exact
    expected = np.zeros((n, c, h, w), dtype)
    for image, channel, r, q, i, j, row, column in taps(sizes):
        if argmax[image, channel, r, q] == i * kw + j:
            expected[image, channel, row, column] += dy[image, channel, r, q]
    dx = blank((n, c, h, w), dtype)
    max_pool_backward(dx, dy, argmax, *sizes)
    np.testing.assert_array_equal(dx, expected)


def window_counts(sizes):
    n, c, *_, oh, ow = sizes
    counts = np.zeros((n, c, oh, ow))
    for image, channel, r, q, *_ in taps(sizes):
        counts[image, channel, r, q] += 1
    return counts


def test_kernels_avg_pool_divides_by_the_clipped_window():
    x = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.float32)
    y = blank((1, 1, 1, 2), np.float32)
    sizes = (1, 1, 2, 3, 3, 3, 2, 2, 1, 1, 1, 2)  # both windows hang over the edges
    avg_pool_forward(y, x, *sizes)
    np.testing.assert_array_equal(y[0, 0], [[3, 4]])  # (1+2+4+5)/4, (2+3+5+6)/4
    dx = blank(x.shape, np.float32)
    avg_pool_backward(dx, np.array([[[[4, 8]]]], np.float32), *sizes)
    np.testing.assert_array_equal(dx[0, 0], [[1, 3, 2], [1, 3, 2]])


@given(windows(), DTYPES, SEEDS)
def test_kernels_avg_pool(sizes, dtype, seed):
    n, c, h, w, *_, oh, ow = sizes
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, c, h, w)).astype(dtype)
    dy = rng.standard_normal((n, c, oh, ow)).astype(dtype)
    sums, expected_dx, counts = np.zeros(dy.shape), np.zeros(x.shape), window_counts(sizes)
    for image, channel, r, q, _, _, row, column in taps(sizes):
        at = image, channel, r, q
        sums[at] += x[image, channel, row, column]
        expected_dx[image, channel, row, column] += dy[at] / counts[at]
    y, dx = blank(dy.shape, dtype), blank(x.shape, dtype)
    avg_pool_forward(y, x, *sizes)
    avg_pool_backward(dx, dy, *sizes)
    # At most 16 terms of size about 1, each rounded: 16 units in the last place cover the sum.
    tolerance = 16 * np.finfo(dtype).eps * 4
    np.testing.assert_allclose(y, sums / counts, rtol=0, atol=tolerance)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=tolerance)
