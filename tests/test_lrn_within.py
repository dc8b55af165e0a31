"""Local response normalization within a map: the same formula over size x size pixels."""

import numpy as np
import pytest
from by_definition import local_response_norm_within
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.lrn_within import LocalResponseNormWithin


@st.composite
def normalizations(draw):
    shape = [draw(st.integers(1, most)) for most in (2, 2, 5, 4)]
    options = {
        "size": draw(st.integers(1, 6)),
        "alpha": draw(st.sampled_from([0.5, 0.9, 1.3])),
        "beta": draw(st.sampled_from([0.75, 0.5, 1.2])),
        "k": draw(st.sampled_from([0.5, 1.0, 2.0])),
    }
    return normal(draw(seeds), *shape), options


def agrees_with_definition(x, options, device="cpu"):
    y = F.local_response_norm_within(Tensor(x, device=device), **options).numpy()
    # sums of at most 20 squares, then a power: some roundings of 1e-16
    np.testing.assert_allclose(y, local_response_norm_within(x, **options), rtol=1e-13, atol=1e-14)


def passes_gradcheck(x, options, device="cpu"):
    gradcheck(lambda x: F.local_response_norm_within(x, **options), [leaf(x, device)])


@given(normalizations())
def test_values_and_gradients(device, drawn):
    agrees_with_definition(*drawn, device)
    passes_gradcheck(*drawn, device)


def normalized(rows, size):
    x = Tensor(np.array([[rows]], np.float64))
    y = F.local_response_norm_within(x, size, alpha=1, beta=1)
    return y.numpy()[0, 0].tolist()


def test_by_hand():
    # 1 2 3    squares  1  4  9     1 + 3x3 sums, clipped:  47  92  75
    # 4 5 6            16 25 36
    squares = [[1 + 1 + 4 + 16 + 25, 1 + 91, 1 + 4 + 9 + 25 + 36]] * 2
    expected = [[1 / 47, 2 / 92, 3 / 75], [4 / 47, 5 / 92, 6 / 75]]
    assert squares[0] == [47, 92, 75]
    # NumPy 2.0's power is an ulp off here, newer ones' is not.
    found = normalized([[1, 2, 3], [4, 5, 6]], size=3)
    np.testing.assert_array_max_ulp(np.array(found), np.array(expected), maxulp=1)


def test_an_even_window_has_one_more_before_than_after():
    # 2x2: the pixel, those above and left:   1+1   1+1+4
    #                                         1+1+9 1+1+4+9+16
    assert normalized([[1, 2], [3, 4]], size=2) == [[1 / 2, 2 / 6], [3 / 11, 4 / 31]]


def test_maps_are_apart(device):
    x = normal(0, 2, 3, 4, 4)
    whole = F.local_response_norm_within(Tensor(x, device=device), 3, 0.9, 0.75).numpy()
    for n, c in np.ndindex(2, 3):
        part = Tensor(x[n : n + 1, c : c + 1], device=device)
        alone = F.local_response_norm_within(part, 3, 0.9, 0.75)
        assert np.array_equal(whole[n, c], alone.numpy()[0, 0])


# -------------------------------------------------------------------- mistakes that must be caught

INPUT = normal(1, 1, 2, 4, 3)
OPTIONS = {"size": 4, "alpha": 0.9, "beta": 0.75, "k": 1.0}


def plant_backward(monkeypatch, wrong):
    """Backward becomes wrong(x, dy, scale)."""
    forward = LocalResponseNormWithin.forward

    def keep(self, x, **options):
        self.x = x
        return forward(self, x, **options)

    def backward(self, dy):
        y = local_response_norm_within(self.x, **OPTIONS)
        return wrong(self.x, dy, (self.x / y) ** (1 / OPTIONS["beta"]))

    monkeypatch.setattr(LocalResponseNormWithin, "forward", keep)
    monkeypatch.setattr(LocalResponseNormWithin, "backward", backward)


def gradient(x, dy, scale, before=2, after=1):
    """dx of the formula; pixel (i, j) is in the windows of the pixels from -after to +before."""
    ratio = dy * x * scale**-1.75
    dx = dy * scale**-0.75
    for i, j in np.ndindex(x.shape[2:]):
        rows, columns = (slice(max(0, at - after), at + before + 1) for at in (i, j))
        sums = ratio[:, :, rows, columns].sum((2, 3))
        dx[:, :, i, j] -= 2 * 0.9 * 0.75 * x[:, :, i, j] * sums
    return dx


def test_the_gradient_by_hand_is_right(monkeypatch):
    plant_backward(monkeypatch, gradient)
    passes_gradcheck(INPUT, OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, dy, scale: dy * scale**-0.75,  # without the pixels around it
        lambda x, dy, scale: gradient(x, dy, scale, before=1, after=2),  # the window not mirrored
        lambda x, dy, scale: gradient(x, dy, scale, before=0, after=0),
    ],
)
def test_a_wrong_gradient_is_caught(monkeypatch, wrong):
    plant_backward(monkeypatch, wrong)
    with pytest.raises(GradcheckError, match="local_response_norm_within: gradient of argument 0"):
        passes_gradcheck(INPUT, OPTIONS)


@pytest.mark.parametrize("wrong", [{"alpha": 0.9 / 16}, {"size": 3}, {"k": 2.0}])
def test_a_wrong_formula_passes_gradcheck_and_is_caught_by_the_definition(monkeypatch, wrong):
    forward = LocalResponseNormWithin.forward
    monkeypatch.setattr(
        LocalResponseNormWithin,
        "forward",
        lambda self, x, **options: forward(self, x, **{**options, **wrong}),
    )
    passes_gradcheck(INPUT, OPTIONS)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees_with_definition(INPUT, OPTIONS)


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 1, 3, 3), {"size": 0}, "size expects an int of at least 1, got 0"),
        ((1, 1, 3, 3), {"alpha": -1}, "expects k > 0 and alpha >= 0, got k=1.0, alpha=-1"),
        ((1, 1, 3, 3), {"k": -2.0}, "expects k > 0 and alpha >= 0, got k=-2.0"),
        ((1, 1, 3, 3), {"beta": float("inf")}, "beta expects a finite number, got inf"),
        ((1, 1, 3, 3), {"alpha": False}, "alpha expects a finite number, got False"),
        ((1, 1, 3, 3), {"beta": True}, "beta expects a finite number, got True"),
        ((1, 1, 3, 3), {"k": True}, "k expects a finite number, got True"),
        ((1, 3, 3), {}, r"x expects \(n, channels, h, w\), got shape \(1, 3, 3\)"),
        ((1, 1, 0, 3), {}, r"x is empty: \(1, 1, 0, 3\)"),
    ],
)
def test_it_refuses(shape, options, message):
    with pytest.raises(ValueError, match=f"local_response_norm_within: {message}"):
        F.local_response_norm_within(
            Tensor(np.ones(shape)), **{"size": 3, "alpha": 0.1, "beta": 0.75, **options}
        )
