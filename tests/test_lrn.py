"""Local response normalization across channels: the paper's formula, inside a tower."""

import numpy as np
import pytest
from by_definition import local_response_norm
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.lrn import LocalResponseNorm


@st.composite
def normalizations(draw):
    """alpha near 1, or the sum would hardly show; windows even and odd, and wider than a group."""
    groups = draw(st.integers(1, 2))
    shape = (draw(st.integers(1, 2)), groups * draw(st.integers(1, 5)), *draw(two_pixels))
    options = {
        "size": draw(st.integers(1, 7)),
        "alpha": draw(st.sampled_from([0.5, 0.9, 1.3])),
        "beta": draw(st.sampled_from([0.75, 0.5, 1.2])),
        "k": draw(st.sampled_from([0.5, 1.0, 2.0])),
        "groups": groups,
    }
    return normal(draw(seeds), *shape), options


two_pixels = st.sampled_from([(1, 1), (1, 2), (2, 1)])


def agrees_with_definition(x, options, device="cpu"):
    y = F.local_response_norm(Tensor(x, device=device), **options).numpy()
    # sums of at most 7 squares, then a power: some roundings of 1e-16
    np.testing.assert_allclose(y, local_response_norm(x, **options), rtol=1e-13, atol=1e-14)


def passes_gradcheck(x, options, device="cpu"):
    gradcheck(lambda x: F.local_response_norm(x, **options), [leaf(x, device)])


# ---------------------------------------------------------------------------- values and gradients


@given(normalizations())
def test_values_and_gradients(device, drawn):
    agrees_with_definition(*drawn, device)
    passes_gradcheck(*drawn, device)


def test_the_defaults_are_the_papers(device):
    """alpha 1e-4 on activations of some hundreds, where it matters."""
    x = normal(0, 2, 12, 3, 3) * 100
    y = F.local_response_norm(Tensor(x, device=device))
    expected = local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-13)
    assert not np.allclose(y.numpy(), x / 2**0.75, rtol=0.1)


def test_alpha_zero_leaves_k_alone():
    x = Tensor(normal(0, 1, 4, 2, 2))
    y = F.local_response_norm(x, alpha=0, beta=1.0, k=2)
    assert np.array_equal(y.numpy(), x.numpy() / 2)


def normalized(*values, **options):
    x = Tensor(np.array(values, np.float64).reshape(1, -1, 1, 1))
    return F.local_response_norm(x, alpha=1, beta=1, k=1, **options).numpy().ravel().tolist()


def test_by_hand():
    # scale = 1 + the squares of the channel and its neighbours:
    # 1+1+4 = 6, 1+1+4+9 = 15, 1+4+9+16 = 30, 1+9+16 = 26
    assert normalized(1, 2, 3, 4, size=3) == [1 / 6, 2 / 15, 3 / 30, 4 / 26]


def test_it_never_crosses_the_edge_of_a_tower():
    # towers (1, 2) and (3, 4): 1+1+4 = 6 twice, 1+9+16 = 26 twice
    assert normalized(1, 2, 3, 4, size=3, groups=2) == [1 / 6, 2 / 6, 3 / 26, 4 / 26]


def test_an_even_window_has_one_more_before_than_after():
    # channel i sees i-1 and i: 1+1 = 2, 1+1+4 = 6, 1+4+9 = 14
    assert normalized(1, 2, 3, size=2) == [1 / 2, 2 / 6, 3 / 14]
    # size 4, channel i sees i-2 .. i+1: 1+1+4, 1+1+4+9, 1+1+4+9
    assert normalized(1, 2, 3, size=4) == [1 / 6, 2 / 15, 3 / 15]


def test_a_window_wider_than_the_channels_sees_them_all():
    assert normalized(1, 2, 3, size=9) == [1 / 15, 2 / 15, 3 / 15]
    assert normalized(1, 2, size=1) == [1 / 2, 2 / 5]


def test_two_towers_are_two_calls(device):
    """What the two-GPU net does: each half by itself, to the bit."""
    x = normal(0, 2, 8, 2, 3)
    whole = F.local_response_norm(Tensor(x, device=device), size=5, alpha=0.9, groups=2).numpy()
    for half in (slice(0, 4), slice(4, 8)):
        alone = F.local_response_norm(Tensor(x[:, half], device=device), size=5, alpha=0.9)
        assert np.array_equal(whole[:, half], alone.numpy())


# -------------------------------------------------------------------- mistakes that must be caught

INPUT = normal(1, 2, 6, 2, 1)
OPTIONS = {"size": 4, "alpha": 0.9, "beta": 0.75, "k": 1.0, "groups": 2}


def plant_backward(monkeypatch, wrong):
    """Backward becomes wrong(x, dy, scale)."""
    forward = LocalResponseNorm.forward

    def keep(self, x, **options):
        self.x = x
        return forward(self, x, **options)

    def backward(self, dy):
        y = local_response_norm(self.x, **OPTIONS)
        return wrong(self.x, dy, (self.x / y) ** (1 / OPTIONS["beta"]))

    monkeypatch.setattr(LocalResponseNorm, "forward", keep)
    monkeypatch.setattr(LocalResponseNorm, "backward", backward)


def gradient(x, dy, scale, before=2, after=1, per_group=3):
    """dx of the formula; channel i is in the windows of the channels from i-after to i+before."""
    ratio = dy * x * scale**-1.75
    dx = dy * scale**-0.75
    for i in range(x.shape[1]):
        windows = range(i - after, i + before + 1)
        inside = [j for j in windows if 0 <= j < 6 and j // per_group == i // per_group]
        dx[:, i] -= 2 * 0.9 * 0.75 * x[:, i] * ratio[:, inside].sum(1)
    return dx


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, dy, scale: dy * scale**-0.75,  # without its cross-channel term
        lambda x, dy, scale: gradient(x, dy, scale, before=1, after=2),  # the window not mirrored
        lambda x, dy, scale: gradient(x, dy, scale, per_group=6),  # across the tower's edge
        lambda x, dy, scale: gradient(x, dy, scale, before=0, after=0),  # its own channel alone
        lambda x, dy, scale: gradient(x, np.ones_like(dy), scale),
    ],
)
def test_a_wrong_gradient_is_caught(monkeypatch, wrong):
    plant_backward(monkeypatch, wrong)
    with pytest.raises(GradcheckError, match="local_response_norm: gradient of argument 0 at"):
        passes_gradcheck(INPUT, OPTIONS)


def test_the_gradient_by_hand_is_right(monkeypatch):
    """So the mistakes above fail for what is wrong with them, and nothing else."""
    plant_backward(monkeypatch, gradient)
    passes_gradcheck(INPUT, OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": OPTIONS["alpha"] / OPTIONS["size"]},  # as in Caffe and PyTorch
        {"groups": 1},  # across the tower's edge, forward and backward alike
        {"size": 5},
        {"k": 2.0},
    ],
)
def test_a_wrong_formula_passes_gradcheck_and_is_caught_by_the_definition(monkeypatch, wrong):
    forward = LocalResponseNorm.forward
    monkeypatch.setattr(
        LocalResponseNorm,
        "forward",
        lambda self, x, **options: forward(self, x, **{**options, **wrong}),
    )
    passes_gradcheck(INPUT, OPTIONS)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees_with_definition(INPUT, OPTIONS)


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 4}, "groups expects a divisor of the 6 channels, got 4"),
        ({"groups": 0}, "groups expects a divisor of the 6 channels, got 0"),
        ({"size": 0}, "size expects an int of at least 1, got 0"),
        ({"size": 2.5}, "size expects an int of at least 1, got 2.5"),
        ({"alpha": -1.0}, "expects k > 0 and alpha >= 0, got k=2.0, alpha=-1.0"),
        ({"k": 0}, "expects k > 0 and alpha >= 0, got k=0"),
        ({"alpha": float("nan")}, "alpha expects a finite number, got nan"),
        ({"beta": None}, "beta expects a finite number, got None"),
        ({"alpha": True}, "alpha expects a finite number, got True"),
        ({"beta": True}, "beta expects a finite number, got True"),
        ({"k": True}, "k expects a finite number, got True"),
    ],
)
def test_it_refuses(options, message):
    with pytest.raises(ValueError, match=f"local_response_norm: {message}"):
        F.local_response_norm(Tensor(np.ones((2, 6, 2, 2))), **options)


def test_it_refuses_what_is_no_batch_of_images():
    with pytest.raises(ValueError, match=r"local_response_norm: x expects \(n, channels, h, w\)"):
        F.local_response_norm(Tensor(np.ones((2, 6))))
    with pytest.raises(ValueError, match=r"local_response_norm: x is empty: \(0, 6, 2, 2\)"):
        F.local_response_norm(Tensor(np.ones((0, 6, 2, 2))))
