"""The NumPy twins of max- and average-pooling against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, windows

from tinynet.kernels import definitions
from tinynet.kernels.avg_pool import avg_pool_backward, avg_pool_forward
from tinynet.kernels.max_pool import max_pool_backward, max_pool_forward

SEEDS = st.integers(0, 2**32 - 1)


def max_pool(x, sizes, kernel=max_pool_forward):
    n, c, *_, oh, ow = sizes
    y, argmax = blank((n, c, oh, ow), x.dtype), np.full((n, c, oh, ow), -1, np.int32)
    kernel(y, argmax, x, *sizes)
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
    by_definition = max_pool(x, sizes, definitions.max_pool_forward)
    for ours, expected in zip(max_pool(x, sizes), by_definition):
        np.testing.assert_array_equal(ours, expected)


def test_kernels_max_pool_window_of_more_than_256_pixels():
    x = np.arange(400, dtype=np.float32).reshape(1, 1, 20, 20)
    _, argmax = max_pool(x, (1, 1, 20, 20, 20, 20, 1, 1, 0, 0, 1, 1))
    assert argmax.item() == 399


@given(windows(), DTYPES, SEEDS)
def test_kernels_max_pool_backward(sizes, dtype, seed):
    n, c, h, w, *_, oh, ow = sizes
    rng = np.random.default_rng(seed)
    _, argmax = max_pool(rng.permutation(n * c * h * w).reshape(n, c, h, w).astype(dtype), sizes)
    dy = rng.integers(-9, 10, (n, c, oh, ow)).astype(dtype)  # integers: sums are exact
    dx, expected = blank((n, c, h, w), dtype), blank((n, c, h, w), dtype)
    max_pool_backward(dx, dy, argmax, *sizes)
    definitions.max_pool_backward(expected, dy, argmax, *sizes)
    np.testing.assert_array_equal(dx, expected)


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
    expected_y, expected_dx = blank(dy.shape, np.float64), blank(x.shape, np.float64)
    definitions.avg_pool_forward(expected_y, x, *sizes)
    definitions.avg_pool_backward(expected_dx, dy, *sizes)
    y, dx = blank(dy.shape, dtype), blank(x.shape, dtype)
    avg_pool_forward(y, x, *sizes)
    avg_pool_backward(dx, dy, *sizes)
    # At most 16 terms of size about 1, each rounded: 16 units in the last place cover the sum.
    tolerance = 16 * np.finfo(dtype).eps * 4
    np.testing.assert_allclose(y, expected_y, rtol=0, atol=tolerance)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=tolerance)
