"""Max-pooling: windows that overlap as in the paper, ties, edges."""

import by_definition
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import distinct, leaf, normal, seeds, sliding_windows

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.kernels import definitions
from tinynet.ops.max_pool import MaxPool2d


@st.composite
def poolings(draw):
    size, options = draw(sliding_windows(pooling=True))
    options["ceil_mode"] = draw(st.booleans())
    return distinct(draw(seeds), draw(st.integers(1, 2)), draw(st.integers(1, 2)), *size), options


# ---------------------------------------------------------------------------- values and gradients


@given(poolings())
def test_values_and_gradients(device, drawn):
    x, options = drawn
    y = F.max_pool2d(leaf(x, device), **options)
    assert np.array_equal(y.numpy(), by_definition.max_pool2d(x, **options)[0])
    gradcheck(lambda x: F.max_pool2d(x, **options), [leaf(x, device)])


@given(seed=seeds)
def test_many_ties_each_pay_the_first(device, seed):
    """Values 0, 1, 2 only, as after a ReLU: the gradient goes to the first maximum, row by row."""
    x = np.random.default_rng(seed).integers(0, 3, (2, 2, 5, 6)).astype(np.float64)
    options = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1, 0, 1)}
    tensor = leaf(x, device)
    y = F.max_pool2d(tensor, **options)
    dy = normal(seed, *y.shape)
    y.backward(dy)
    _, argmax = by_definition.max_pool2d(x, **options)
    expected = np.empty(x.shape)
    definitions.max_pool_backward(expected, dy, argmax, *by_definition.sizes(x, **options))
    # at most 6 windows meet in a pixel: some roundings of 1e-16
    np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=1e-13, atol=1e-14)


# ----------------------------------------------------------------------------------------- by hand


def pooled(rows, *args, **options):
    return F.max_pool2d(leaf([[rows]]), *args, **options).numpy()[0, 0].tolist()


def test_overlapping_windows(device):
    # 1 2 3 4 5     windows 3x3, stride 2: they share the 9 in the middle
    # 2 3 4 5 6
    # 3 4 9 4 3
    # 6 5 4 3 2
    # 5 4 3 2 7
    rows = [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6], [3, 4, 9, 4, 3], [6, 5, 4, 3, 2], [5, 4, 3, 2, 7]]
    x = leaf([[rows]], device)
    y = F.max_pool2d(x, 3, 2)
    assert y.numpy().tolist() == [[[[9, 9], [9, 9]]]]
    y.backward(np.array([[[[1.0, 10], [100, 1000]]]]))
    assert x.grad.numpy()[0, 0, 2, 2] == 1111  # four windows won: four gradients added
    assert x.grad.numpy().sum() == 1111


def test_ties_go_to_the_first_inside_the_image():
    x = leaf(np.ones((1, 1, 3, 3)))
    y = F.max_pool2d(x, 2, 2, padding=(1, 0, 1, 0))
    y.backward(np.array([[[[1.0, 2], [3, 4]]]]))
    # windows: the corner; the top row's two; the left column's two; the square: in each the first
    assert x.grad.numpy()[0, 0].tolist() == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]


def test_padding_counts_as_minus_infinity():
    # without it the 0 of a padded pixel would win
    assert pooled([[-5, -6], [-7, -8]], 2, 1, padding=1) == [
        [-5, -5, -6],
        [-5, -5, -6],
        [-7, -7, -8],
    ]


def test_ceil_mode():
    rows = [[1, 2, 3, 4, 5]]
    assert pooled(rows, (1, 2), 2) == [[2, 4]]
    assert pooled(rows, (1, 2), 2, ceil_mode=True) == [[2, 4, 5]]  # the last holds the 5 alone
    # stride 4 > window 2: a window at column 4 would hold none of a row of 4
    assert pooled([[1, 2, 3, 4]], (1, 2), 4, ceil_mode=True) == [[2]]
    assert pooled([[1, 2, 3, 4, 5]], (1, 2), 4, ceil_mode=True) == [[2, 5]]


def test_ceil_mode_takes_the_one_window_that_fits_in_part():
    assert pooled([[1, 3, 2]], (1, 4), 2, ceil_mode=True) == [[3]]
    with pytest.raises(ValueError, match="window 1x4 is larger than the padded image 1x3"):
        pooled([[1, 3, 2]], (1, 4), 2)
    # ceil((2 - 5) / 2) + 1 = 0: with a stride below what is missing, not even a part counts
    with pytest.raises(ValueError, match="window 1x5 is larger than the padded image 1x2"):
        pooled([[1, 3]], (1, 5), 2, ceil_mode=True)


@pytest.mark.parametrize(
    ("size", "ceil_mode", "expected"),
    [(55, False, 27), (55, True, 27), (13, True, 6), (32, True, 16), (32, False, 15), (8, True, 4)],
)
def test_sizes_of_the_networks_of_2012(size, ceil_mode, expected):
    x = Tensor(np.zeros((1, 1, size, size), np.float32))
    assert F.max_pool2d(x, 3, 2, ceil_mode=ceil_mode).shape == (1, 1, expected, expected)


def test_the_stride_is_the_window_unless_given():
    assert F.max_pool2d(Tensor(np.zeros((1, 1, 6, 6))), (3, 2)).shape == (1, 1, 2, 3)


def test_a_nan_is_not_hidden():
    x = np.zeros((1, 1, 2, 4))
    x[0, 0, 1, 1] = np.nan
    assert np.array_equal(F.max_pool2d(Tensor(x), 2).numpy()[0, 0], [[np.nan, 0]], equal_nan=True)


def test_a_window_of_minus_infinity():
    x = leaf(np.full((1, 1, 2, 2), -np.inf))
    y = F.max_pool2d(x, 2, padding=(1, 1, 1, 1))
    assert np.isneginf(y.numpy()).all()
    y.backward(np.ones(y.shape))
    assert x.grad.numpy().sum() == 4  # each gradient went to a pixel of its own window
    assert x.grad.numpy().tolist() == [[[[1, 1], [1, 1]]]]


# -------------------------------------------------------------------- mistakes that must be caught


def plant(monkeypatch, wrong):
    """Backward becomes wrong(x, dy), with 3x3 windows at stride 2."""
    forward = MaxPool2d.forward

    def keep(self, x, **options):
        self.x = x
        return forward(self, x, **options)

    monkeypatch.setattr(MaxPool2d, "forward", keep)
    monkeypatch.setattr(MaxPool2d, "backward", lambda self, dy: wrong(self.x, dy))


def scatter(x, dy, add):
    dx = np.zeros(x.shape)
    for n, c, r, s in np.ndindex(dy.shape):
        i, j = np.unravel_index(x[n, c, 2 * r : 2 * r + 3, 2 * s : 2 * s + 3].argmax(), (3, 3))
        before = dx[n, c, 2 * r + i, 2 * s + j] if add else 0
        dx[n, c, 2 * r + i, 2 * s + j] = before + dy[n, c, r, s]
    return dx


def test_overwriting_where_windows_overlap_is_caught(monkeypatch):
    x = distinct(0, 1, 2, 5, 7)
    x[0, 1, 2, 2] = 9  # the largest of four windows

    def check():
        gradcheck(lambda x: F.max_pool2d(x, 3, 2), [leaf(x)])

    plant(monkeypatch, lambda x, dy: scatter(x, dy, add=True))
    check()  # the same loops, adding, are right
    monkeypatch.undo()
    plant(monkeypatch, lambda x, dy: scatter(x, dy, add=False))
    with pytest.raises(GradcheckError, match=r"max_pool2d: .* argument 0 at index \(0, 1, 2, 2\)"):
        check()


# --------------------------------------------------------------------------------------- bad input

REFUSALS = [
    ((2, 3, 5), {"kernel_size": 2}, r"x expects \(n, channels, h, w\), got shape \(2, 3, 5\)"),
    ((0, 3, 5, 5), {"kernel_size": 2}, r"x is empty: \(0, 3, 5, 5\)"),
    ((1, 1, 5, 5), {"kernel_size": 6}, "the window 6x6 is larger than the padded image 5x5"),
    ((1, 1, 5, 5), {"kernel_size": (2, 8), "padding": 1}, "the window 2x8 is larger than the pad"),
    ((1, 1, 5, 5), {"kernel_size": 0}, "kernel_size expects .* at least 1, got 0"),
    ((1, 1, 5, 5), {"kernel_size": 2, "stride": 0}, "stride expects .* at least 1, got 0"),
    ((1, 1, 5, 5), {"kernel_size": 2, "padding": -1}, "padding expects .* each at least 0"),
    ((1, 1, 5, 5), {"kernel_size": 2, "padding": 2}, "padding expects less than the window 2x2"),
    ((1, 1, 5, 5), {"kernel_size": (3, 2), "padding": (0, 0, 0, 2)}, "padding expects less than"),
]


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize(("shape", "options", "message"), REFUSALS)
def test_pooling_refuses(pool, shape, options, message):
    with pytest.raises(ValueError, match=f"{pool.__name__}: {message}"):
        pool(Tensor(np.zeros(shape)), **options)


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("options", [{"kernel_size": 2.0}, {"kernel_size": 2, "stride": "1"}])
def test_pooling_refuses_what_is_no_integer(pool, options):
    with pytest.raises(TypeError, match=f"{pool.__name__}: .* expects an int or"):
        pool(Tensor(np.zeros((1, 1, 4, 4))), **options)
