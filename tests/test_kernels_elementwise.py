"""The NumPy twins of activations, bias, softmax, SGD, augmentation and the matrix product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, integers

from tinynet.kernels.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from tinynet.kernels.augment import augment
from tinynet.kernels.bias import bias_backward, bias_forward
from tinynet.kernels.gemm import gemm
from tinynet.kernels.sgd import sgd_update
from tinynet.kernels.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward

SEEDS = st.integers(0, 2**32 - 1)
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LARGE = 200_001  # more than one block of the elementwise twins, and no multiple of anything


@BOTH
def test_kernels_relu(dtype):
    x = np.array([-np.inf, -1.5, -0.0, 0.0, 2.5, np.inf, np.nan], dtype)
    y, dx = blank(x.shape, dtype), blank(x.shape, dtype)
    relu_forward(y, x, x.size)
    np.testing.assert_array_equal(y, np.array([0, 0, 0, 0, 2.5, np.inf, np.nan], dtype))
    dy = np.arange(1, 8).astype(dtype)
    relu_backward(dx, dy, y, x.size)
    np.testing.assert_array_equal(dx, np.array([0, 0, 0, 0, 5, 6, 0], dtype))


@BOTH
def test_kernels_relu_of_many_blocks(dtype):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, LARGE)).astype(dtype)
    y, dx = blank(x.shape, dtype), blank(x.shape, dtype)
    relu_forward(y, x, x.size)
    relu_backward(dx, dy, y, x.size)
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(dx, np.where(x > 0, dy, 0))


@BOTH
def test_kernels_tanh(dtype):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, LARGE)).astype(dtype)
    y, dx = blank(x.shape, dtype), blank(x.shape, dtype)
    tanh_forward(y, x, x.size)
    tanh_backward(dx, dy, y, x.size)
    slope = 1 / np.cosh(x.astype(np.float64)) ** 2
    eps = np.finfo(dtype).eps  # a few roundings each; 1 - y^2 loses what y near 1 has lost
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=4 * eps)
    np.testing.assert_allclose(dx, dy * slope, atol=8 * eps * 4)


@given(integers(3), integers(5), integers(20), DTYPES, SEEDS)
def test_kernels_bias(n, c, plane, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, c, plane)).astype(dtype)
    bias = rng.standard_normal(c).astype(dtype)
    y = x.copy()
    bias_forward(y, bias, n, c, plane)
    np.testing.assert_array_equal(y, x + bias[:, None])
    dy = rng.integers(-9, 10, (n, c, plane)).astype(dtype)  # integers: sums are exact
    dbias = blank(c, dtype)
    bias_backward(dbias, dy, n, c, plane)
    expected = [sum(dy[i, j, q] for i in range(n) for q in range(plane)) for j in range(c)]
    np.testing.assert_array_equal(dbias, expected)


@given(integers(40), integers(12), DTYPES, SEEDS)
def test_kernels_softmax_cross_entropy(n, classes, dtype, seed):
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal((n, classes)) * 5).astype(dtype)
    labels = rng.integers(0, classes, n, dtype=np.int32)
    dloss = rng.standard_normal(n).astype(dtype)
    exact = logits.astype(np.float64)
    p = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)

    loss, probabilities, dlogits = (blank(shape, dtype) for shape in (n, p.shape, p.shape))
    softmax_cross_entropy_forward(loss, probabilities, logits, labels, n, classes)
    softmax_cross_entropy_backward(dlogits, dloss, probabilities, labels, n, classes)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(probabilities, p, rtol=100 * eps)  # exp(30) turns eps into 30 eps
    np.testing.assert_allclose(loss, -np.log(p[np.arange(n), labels]), rtol=0, atol=100 * eps)
    expected = dloss[:, None] * (p - np.eye(classes)[labels])
    np.testing.assert_allclose(dlogits, expected, rtol=0, atol=400 * eps)


def test_kernels_softmax_cross_entropy_of_extreme_logits():
    logits = np.array([[1e4, 0, -1e4], [1e38, -1e38, 0]], np.float32)
    labels = np.array([1, 0], np.int32)
    loss, probabilities = blank(2, np.float32), blank((2, 3), np.float32)
    softmax_cross_entropy_forward(loss, probabilities, logits, labels, 2, 3)
    np.testing.assert_array_equal(probabilities, [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(loss, [1e4, 0])


@BOTH
@pytest.mark.parametrize("size", [1, LARGE])
def test_kernels_sgd(dtype, size):
    rng = np.random.default_rng(0)
    weight, velocity, grad = rng.standard_normal((3, size)).astype(dtype)
    v = 0.9 * velocity.astype(np.float64) - 0.1 * 0.5 * weight - 0.5 * grad
    w = weight + v
    sgd_update(weight, velocity, grad, size, 0.5, 0.9, 0.1)
    tolerance = 30 * np.finfo(dtype).eps  # four roundings of values up to about 6
    np.testing.assert_allclose(velocity, v, rtol=0, atol=tolerance)
    np.testing.assert_allclose(weight, w, rtol=0, atol=tolerance)


@given(integers(3), integers(3), integers(6), integers(7), st.data(), DTYPES, SEEDS)
def test_kernels_augment(n, c, oh, ow, data, dtype, seed):
    h, w = oh + data.draw(st.integers(0, 3)), ow + data.draw(st.integers(0, 3))
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, c, h, w), dtype=np.uint8)
    top = rng.integers(0, h - oh + 1, n, dtype=np.int32)
    left = rng.integers(0, w - ow + 1, n, dtype=np.int32)
    flip = rng.integers(0, 2, n, dtype=np.int32)
    shift, mean = rng.standard_normal((n, c)).astype(dtype), rng.random((c, oh, ow)).astype(dtype)
    scale = rng.random(c).astype(dtype)
    expected = np.empty((n, c, oh, ow))
    for image, channel, i, j in np.ndindex(expected.shape):
        column = left[image] + (ow - 1 - j if flip[image] else j)
        value = images[image, channel, top[image] + i, column] + shift[image, channel]
        expected[image, channel, i, j] = (value - mean[channel, i, j]) * scale[channel]
    x = blank(expected.shape, dtype)
    augment(x, images, top, left, flip, shift, mean, scale, n, c, h, w, oh, ow)
    # values up to 260, three roundings
    np.testing.assert_allclose(x, expected, rtol=0, atol=4 * 260 * np.finfo(dtype).eps)


@given(integers(5), integers(6), integers(7), DTYPES, SEEDS)
def test_kernels_gemm(m, n, k, dtype, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-9, 10, (m, k)).astype(dtype), rng.integers(-9, 10, (k, n)).astype(dtype)
    c = blank((m, n), dtype)
    gemm(c, a, b, m, n, k)
    expected = [[sum(a[i, q] * b[q, j] for q in range(k)) for j in range(n)] for i in range(m)]
    np.testing.assert_array_equal(c, expected)


@BOTH
@pytest.mark.parametrize("shape", [(40, 3001, 150), (3001, 40, 150), (0, 3, 2)])
def test_kernels_gemm_large_enough_to_be_cut(shape, dtype):
    m, n, k = shape
    rng = np.random.default_rng(0)
    a, b = (
        rng.integers(-9, 10, (k, m)).astype(dtype).T,
        rng.integers(-9, 10, (n, k)).astype(dtype).T,
    )
    c = blank((m, n), dtype)
    gemm(c, a, b, m, n, k)  # integers: the sums are exact
    np.testing.assert_array_equal(c, np.einsum("ik,kj->ij", a.astype(int), b.astype(int)))
