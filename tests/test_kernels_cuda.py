"""Every CUDA kernel, run by the simulator, against its NumPy twin.

Hypothesis draws the shapes: odd sizes, several blocks, windows that overlap or leave gaps, uneven
padding. Outputs begin as NaN, so an element that nothing writes shows. What only moves data or
decides (im2col, argmax, the dropout mask) must be equal to the bit; for the rest `CASES` says
how far the order of a sum or another library's pow may move a result.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinynet import simulator
from tinynet.kernels import KERNELS

pytestmark = pytest.mark.skipif(
    simulator.unavailable() is not None, reason=f"{simulator.unavailable()}"
)

REALS = {"float": np.float32, "double": np.float64}
few = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])


# ---------------------------------------------------------------------------------- running one


@cache
def module(text, real, mode):
    return simulator.RawModule(code=text, options=(f"-DREAL={real}",), mode=mode)


def run(kernel, real, arguments, mode=None, grid=None):
    """Launch `kernel` on these arguments; without a mode the simulator takes TINYNET_SIM."""
    launch(module(KERNELS[kernel].source, real, mode), kernel, real, arguments, grid)


def launch(module, kernel, real, arguments, grid=None):
    """Launch as the engine does: scalars cast to the kernel's C types, its grid from the table."""
    parameters = KERNELS[kernel].parameters
    cast = [
        argument if parameter.is_pointer else parameter.dtype(REALS[real]).type(argument)
        for parameter, argument in zip(parameters, arguments)
    ]
    usual_grid, block = KERNELS[kernel].launch_shape(arguments)
    function = module.get_function(f"{kernel}_kernel")
    function(usual_grid if grid is None else grid, block, tuple(cast))


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


# ------------------------------------------------------------------------------ drawing arguments


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


# -------------------------------------------------------------------------------------- the tests

every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_real = pytest.mark.parametrize("real", REALS)


@every_real
@every_kernel
@few
@given(data=st.data())
def test_kernels_agree_with_their_twins(kernel, real, data):
    arguments = data.draw(arguments_of(kernel, real))
    ours, theirs = copied(arguments), copied(arguments)
    run(kernel, real, ours)
    twin(kernel)(*theirs)
    assert_agree(kernel, ours, theirs)


@pytest.mark.parametrize("order", ["forward", "reversed"])
@every_kernel
@settings(few, max_examples=2)
@given(data=st.data())
def test_kernels_are_clean_under_check(kernel, order, data):
    """No race, nothing out of bounds, no uninitialized read; the same bits in any order."""
    arguments = data.draw(arguments_of(kernel, "float"))
    plain, checked = copied(arguments), copied(arguments)
    run(kernel, "float", plain, mode="run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYNET_SIM_ORDER", order)
        run(kernel, "float", checked, mode="check")
    for name, expected in outputs(kernel, plain).items():
        np.testing.assert_array_equal(outputs(kernel, checked)[name], expected, err_msg=name)


def test_kernels_max_pool_keeps_a_nan():
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    x[0, 0, 0, 1] = x[0, 0, 1, 1] = np.nan
    y, argmax = np.zeros((1, 1, 2, 2), np.float32), np.zeros((1, 1, 2, 2), np.int32)
    run("max_pool_forward", "float", [y, argmax, x, 1, 1, 3, 3, 2, 2, 1, 1, 0, 0, 2, 2])
    assert np.isnan(y).all()
    assert argmax.tolist() == [[[[1, 0], [1, 0]]]]  # the first NaN of each window


def test_kernels_dropout_draws_the_published_philox():
    """The known answer of Philox4x32-10 for counter 0 and key 0 (Random123's table)."""
    words = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    for place, word in enumerate(words):
        for p, kept in ((word / 2**32, True), ((word + 1) / 2**32, False)):
            x, y = np.ones((1, 1), np.float32), np.full((1, 1), np.nan, np.float32)
            run("dropout_forward", "float", [y, x, 1, 1, 1, p, 1.0, 0, 0, place])
            assert y[0, 0] == kept


@every_kernel
@settings(few, max_examples=3)
@given(data=st.data())
def test_kernels_do_not_depend_on_the_grid(kernel, data):
    """One block that loops over all the work gives the same bits as a block for each part.

    In check mode, because only here does a block reuse its shared memory from row to row.
    """
    arguments = data.draw(arguments_of(kernel, "float"))
    many, one = copied(arguments), copied(arguments)
    run(kernel, "float", many, mode="run")
    # products loop down the rows alone
    across = KERNELS[kernel].launch_shape(arguments)[0][:1] if kernel.startswith("gemm") else (1,)
    run(kernel, "float", one, grid=across, mode="check")
    for name, expected in outputs(kernel, many).items():
        np.testing.assert_array_equal(outputs(kernel, one)[name], expected, err_msg=name)


# ------------------------------------------------------------------- what the memory is asked for

RUN = 5.0  # sectors of 32 bytes: a run of 32 floats is 4, and 5 where it begins inside a sector


def requests(kernel, arguments, text=None):
    """Sectors (global) or bank passes (shared) a warp's request: {(line's text, space, access)}."""
    text = text or KERNELS[kernel].source
    module = simulator.RawModule(code=text, options=("-DREAL=float",), mode="profile")
    launch(module, kernel, "float", arguments)
    lines = text.splitlines()
    return {
        (lines[line.line - 1].strip(), line.space, line.access): line.per_request
        for line in module.profile()
    }


@pytest.mark.parametrize(
    "size, window, stride, padding, out, reads",
    [
        pytest.param(224, 11, 4, 0, 55, 17.0, id="conv1"),  # 4 apart: 2 pixels of each sector
        pytest.param(27, 5, 1, 2, 27, 6.0, id="conv2"),  # 27 a row: a warp reads two rows or three
        pytest.param(13, 3, 1, 1, 13, 5.0, id="conv3"),
    ],
)
def test_kernels_im2col_writes_are_coalesced(size, window, stride, padding, out, reads):
    a, c = Arrays("float", seed=0), 2
    col, x = a.blank(c * window**2, 1, out**2), a.normal(1, c, size, size)
    sizes = [1, c, size, size, window, window, stride, stride, padding, padding, out, out]
    for (_, _, access), cost in requests("im2col", [col, x, *sizes]).items():
        assert cost <= (RUN if access == "write" else reads)


@pytest.mark.parametrize("side", [55, 27])
def test_kernels_lrn_reads_and_writes_are_coalesced(side):
    a, shape = Arrays("float", seed=0), (1, 8, side * side)
    y, scale, x = a.blank(*shape), a.blank(*shape), a.normal(*shape)
    forward = requests("lrn_forward", [y, scale, x, *shape, 2, 5, 1e-4, 0.75, 2.0])
    dx, dy = a.blank(*shape), a.normal(*shape)
    backward = requests("lrn_backward", [dx, dy, x, scale, *shape, 2, 5, 1e-4, 0.75])
    assert max(*forward.values(), *backward.values()) <= RUN


@pytest.mark.parametrize("side, out", [(55, 27), (27, 13), (13, 6)])
def test_kernels_max_pool_reads_and_writes_are_coalesced(side, out):
    """AlexNet's three, windows 2 apart: twice the sectors of a run, and a few more at row ends."""
    a, sizes = Arrays("float", seed=0), [1, 2, side, side, 3, 3, 2, 2, 0, 0, out, out]
    y, argmax = a.blank(1, 2, out, out), np.zeros((1, 2, out, out), np.int32)
    x, dx, dy = a.normal(1, 2, side, side), a.blank(1, 2, side, side), a.normal(1, 2, out, out)
    for (_, _, access), cost in requests("max_pool_forward", [y, argmax, x, *sizes]).items():
        assert cost <= (RUN if access == "write" else 2.1 * RUN)
    backward = requests("max_pool_backward", [dx, dy, argmax, *sizes])
    assert max(backward.values()) <= RUN


def test_kernels_gemm_tiled_has_no_bank_conflicts():
    a, (m, n, k) = Arrays("float", seed=0), (64, 128, 64)
    arguments = [a.blank(m, n), a.normal(m, k), a.normal(k, n), m, n, k]

    def passes(text):
        found = requests("gemm_tiled", arguments, text)
        return {line: cost for (line, space, _), cost in found.items() if space == "shared"}

    padded = KERNELS["gemm_tiled"].source
    assert list(passes(padded).values()) == [1.0] * 4  # each tile is filled, and read
    unpadded = passes(padded.replace("[DEPTH + 1]", "[DEPTH]"))
    assert unpadded.pop("a_part[j] = a_tile[threadIdx.y + SIDE * j][i];") == 2.0
    assert list(unpadded.values()) == [1.0] * 3
