"""What every kernel is tried with: arguments that Hypothesis draws, and how far it may differ from
its NumPy twin.

The shapes have the power to fail: odd sizes, several blocks, windows that overlap or leave gaps,
uneven padding. Outputs begin as NaN, so an element that nothing writes shows. What only moves data
or decides (im2col, argmax, the dropout mask) must be equal to the bit; for the rest `CASES` says
how far the order of a sum or another library's pow may move a result.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from tinynet.kernels import KERNELS

REALS = {"float": np.float32, "double": np.float64}


def twin(kernel):
    """The NumPy function of the same name, in the file of the same name."""
    file = KERNELS[kernel].file.removesuffix(".cu")
    name = "gemm" if file == "gemm" else kernel  # one twin serves both versions
    return getattr(importlib.import_module(f"tinynet.kernels.{file}"), name)


def outputs(kernel, arguments):
    """The arrays that the kernel writes, by name: its pointers without const."""
    pairs = zip(KERNELS[kernel].parameters, arguments)
    return {p.name: a for p, a in pairs if p.is_pointer and not p.is_const}


def copied(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


class Arrays:
    """Arrays of one REAL, filled from one seed."""

    def __init__(self, real, seed):
        self.dtype = REALS[real]
        self.rng = np.random.default_rng(seed)

    def blank(self, *shape):
        return np.full(shape, np.nan, self.dtype)

    def normal(self, *shape):
        return self.rng.standard_normal(shape).astype(self.dtype)

    def positive(self, *shape):
        return self.rng.uniform(0.5, 2.0, shape).astype(self.dtype)

    def integers(self, end, *shape):
        return self.rng.integers(0, end, shape, dtype=np.int32)


def sizes(most):
    return st.integers(1, most)


@st.composite
def axis(draw, pooling):
    """(size, window, stride, padding before, outputs) along h or w.

    Pooling windows must touch the image (a window that lies in the padding has no maximum); a
    convolution's need not.
    """
    size, window, stride = draw(sizes(12)), draw(sizes(5)), draw(sizes(4))
    before = draw(st.integers(0, window - 1))
    most = (size - 1 + before) // stride + 1
    return size, window, stride, before, draw(sizes(most if pooling else most + 1))


@st.composite
def window_sizes(draw, pooling=True):
    n, c = draw(sizes(3)), draw(sizes(4))
    h, kh, stride_h, pad_top, oh = draw(axis(pooling))
    w, kw, stride_w, pad_left, ow = draw(axis(pooling))
    return n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow


def im2col(draw, a):
    s = n, c, h, w, kh, kw, *_, oh, ow = draw(window_sizes(pooling=False))
    return [a.blank(c * kh * kw, n, oh * ow), a.normal(n, c, h, w), *s]


def col2im(draw, a):
    s = n, c, h, w, kh, kw, *_, oh, ow = draw(window_sizes(pooling=False))
    return [a.blank(n, c, h, w), a.normal(c * kh * kw, n, oh * ow), *s]


def local_shapes(draw):
    """The sizes, and the shapes of x, of y and of weight."""
    n, c, h, w, kh, kw, *_, oh, ow = s = draw(window_sizes(pooling=False))
    filters = draw(sizes(3))
    s = *s[:4], filters, *s[4:]
    return s, (n, c, h, w), (n, filters, oh, ow), (filters, c, kh, kw, oh, ow)


def local_forward(draw, a):
    s, x, y, weight = local_shapes(draw)
    return [a.blank(*y), a.normal(*x), a.normal(*weight), *s]


def local_backward(draw, a):
    s, x, y, weight = local_shapes(draw)
    return [a.blank(*x), a.normal(*y), a.normal(*weight), *s]


def local_backward_weight(draw, a):
    s, x, y, weight = local_shapes(draw)
    return [a.blank(*weight), a.normal(*y), a.normal(*x), *s]


def max_pool_forward(draw, a):
    s = n, c, h, w, *_, oh, ow = draw(window_sizes())
    x = a.integers(5, n, c, h, w).astype(a.dtype)  # few values: many ties
    return [a.blank(n, c, oh, ow), np.full((n, c, oh, ow), -1, np.int32), x, *s]


def max_pool_backward(draw, a):
    s = n, c, h, w, *_, oh, ow = draw(window_sizes())
    y, argmax, x = a.blank(n, c, oh, ow), np.empty((n, c, oh, ow), np.int32), a.normal(n, c, h, w)
    twin("max_pool_forward")(y, argmax, x, *s)
    return [a.blank(n, c, h, w), a.normal(n, c, oh, ow), argmax, *s]


def avg_pool_forward(draw, a):
    s = n, c, h, w, *_, oh, ow = draw(window_sizes())
    return [a.blank(n, c, oh, ow), a.normal(n, c, h, w), *s]


def avg_pool_backward(draw, a):
    s = n, c, h, w, *_, oh, ow = draw(window_sizes())
    return [a.blank(n, c, h, w), a.normal(n, c, oh, ow), *s]


ALPHA, K = 0.9, 2.0  # alpha near 1: with the paper's 1e-4 the sum would hardly show
BETAS = st.sampled_from([0.75, 0.6])  # the paper's, which takes two roots, and another


def lrn_forward(draw, a):
    n, groups, plane, size = draw(sizes(2)), draw(sizes(2)), draw(sizes(150)), draw(sizes(8))
    shape = n, c, plane = n, groups * draw(sizes(7)), plane
    return [a.blank(*shape), a.blank(*shape), a.normal(*shape),
            n, c, plane, groups, size, ALPHA, draw(BETAS), K]  # fmt: skip


def lrn_backward(draw, a):
    y, scale, x, *s, k = lrn_forward(draw, a)
    twin("lrn_forward")(y, scale, x, *s, k)
    return [a.blank(*x.shape), a.normal(*x.shape), x, scale, *s]


def lrn_within_forward(draw, a):
    shape = draw(sizes(2)), draw(sizes(3)), draw(sizes(12)), draw(sizes(12))
    return [a.blank(*shape), a.blank(*shape), a.normal(*shape),
            *shape, draw(sizes(6)), ALPHA, draw(BETAS), K]  # fmt: skip


def lrn_within_backward(draw, a):
    y, scale, x, *s, k = lrn_within_forward(draw, a)
    twin("lrn_within_forward")(y, scale, x, *s, k)
    return [a.blank(*x.shape), a.normal(*x.shape), x, scale, *s]


def activation_forward(draw, a):
    size = draw(sizes(700))
    x = a.normal(size)
    x[:: draw(sizes(5))] = draw(st.sampled_from([0, np.nan]))
    return [a.blank(size), x, size]


def activation_backward(draw, a):
    size = draw(sizes(700))
    y = a.normal(size)
    y[:: draw(sizes(5))] = 0
    return [a.blank(size), a.normal(size), y, size]


def dropout(draw, a):
    rows, cols = draw(sizes(30)), draw(sizes(30))
    p = draw(st.sampled_from([0.0, 0.1, 0.5, 0.999]))
    seed, counter = draw(st.integers(0, 2**64 - 1)), draw(st.integers(0, 2**64 - 1))
    offset = draw(st.integers(0, 7) | st.integers(2**34 - 7, 2**34 + 7))  # 2^34: group 2^32
    return [a.blank(rows, cols), a.normal(rows, cols),
            rows, cols, cols + draw(st.integers(0, 9)), p, 1.25, seed, counter, offset]  # fmt: skip


def softmax_cross_entropy_forward(draw, a):
    n, classes = draw(sizes(5)), draw(sizes(700))
    logits = a.normal(n, classes) * a.dtype(draw(st.sampled_from([1, 300])))  # e^300 > any float
    return [a.blank(n), a.blank(n, classes), logits, a.integers(classes, n), n, classes]


def softmax_cross_entropy_backward(draw, a):
    n, classes = draw(sizes(5)), draw(sizes(300))
    return [a.blank(n, classes), a.normal(n), a.positive(n, classes), a.integers(classes, n),
            n, classes]  # fmt: skip


def bias_forward(draw, a):
    n, c, plane = draw(sizes(3)), draw(sizes(9)), draw(sizes(40))
    return [a.normal(n, c, plane), a.normal(c), n, c, plane]


def bias_backward(draw, a):
    n, c, plane = draw(sizes(4)), draw(sizes(5)), draw(sizes(300))
    return [a.blank(c), a.normal(n, c, plane), n, c, plane]


def sgd_update(draw, a):
    size = draw(sizes(700))
    return [a.normal(size), a.normal(size), a.normal(size), size, 0.05, 0.9, 0.01]


def augment(draw, a):
    n, c, oh, ow = draw(sizes(3)), draw(sizes(3)), draw(sizes(12)), draw(sizes(12))
    h, w = oh + draw(st.integers(0, 4)), ow + draw(st.integers(0, 4))
    images = a.integers(256, n, c, h, w).astype(np.uint8)
    top, left, flip = a.integers(h - oh + 1, n), a.integers(w - ow + 1, n), a.integers(2, n)
    return [a.blank(n, c, oh, ow), images, top, left, flip,
            a.normal(n, c), a.normal(c, oh, ow), a.positive(c), n, c, h, w, oh, ow]  # fmt: skip


def gemm(draw, a):
    m, n, k = draw(sizes(80)), draw(sizes(80)), draw(sizes(70))
    return [a.blank(m, n), a.normal(m, k), a.normal(k, n), m, n, k]


@dataclass(frozen=True)
class Case:
    """How to draw a kernel's arguments, and how many units in the last place, of the largest
    output, kernel and twin may differ by: 0 where they move data, compare elements, or do the same
    few operations in order."""

    draw: Callable
    units: int = 0


CASES = {
    "im2col": Case(im2col),
    "col2im": Case(col2im, 8),  # sums of up to 5 x 5 terms in another order
    "local_forward": Case(local_forward, 32),  # sums of up to 100 terms of both signs
    "local_backward": Case(local_backward, 32),
    "local_backward_weight": Case(local_backward_weight, 4),  # of up to 3
    "max_pool_forward": Case(max_pool_forward),
    "max_pool_backward": Case(max_pool_backward, 8),
    "avg_pool_forward": Case(avg_pool_forward, 8),
    # also: divided by the count in one, times its inverse in the other
    "avg_pool_backward": Case(avg_pool_backward, 8),
    "lrn_forward": Case(lrn_forward, 8),  # NumPy's pow is accurate to 4
    "lrn_backward": Case(lrn_backward, 32),  # two pow and a sum of quotients, which cancel
    "lrn_within_forward": Case(lrn_within_forward, 8),
    "lrn_within_backward": Case(lrn_within_backward, 32),
    "relu_forward": Case(activation_forward),
    "relu_backward": Case(activation_backward),
    "tanh_forward": Case(activation_forward, 4),  # two libraries' tanh
    "tanh_backward": Case(activation_backward, 4),  # 1 - y*y may be one fused operation
    "dropout_forward": Case(dropout),
    "dropout_backward": Case(dropout),
    # two libraries' exp, a sum of up to 700 terms
    "softmax_cross_entropy_forward": Case(softmax_cross_entropy_forward, 16),
    "softmax_cross_entropy_backward": Case(softmax_cross_entropy_backward),
    "bias_forward": Case(bias_forward),
    "bias_backward": Case(bias_backward, 32),  # a sum of up to 1200 terms of both signs
    "sgd_update": Case(sgd_update, 4),  # fused or not
    "augment": Case(augment),
    "gemm_naive": Case(gemm, 32),  # sums of up to 70 terms of both signs
    "gemm_tiled": Case(gemm, 32),
}


def arguments_of(kernel, real):
    @st.composite
    def strategy(draw):
        return CASES[kernel].draw(draw, Arrays(real, seed=draw(st.integers(0, 2**32 - 1))))

    return strategy()


def assert_agree(kernel, ours, theirs):
    for name, expected in outputs(kernel, theirs).items():
        actual = outputs(kernel, ours)[name]
        if CASES[kernel].units and expected.dtype.kind == "f":
            unit = np.finfo(expected.dtype).eps * max(1, np.abs(expected).max())
            np.testing.assert_allclose(
                actual, expected, rtol=0, atol=CASES[kernel].units * unit, err_msg=name
            )
        else:
            np.testing.assert_array_equal(actual, expected, err_msg=name)
