"""Dropout: which elements, in which form, and the same ones for any split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import away_from_zero, leaf, normal, seeds

import tinynet
import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck, nn
from tinynet.ops.dropout import Dropout

WORD = 2**32 - 1


def philox(counter, key):
    """Philox4x32-10 from its paper (Salmon et al. 2011), one group of four words at a time."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1 = (second >> 32) ^ c1 ^ k0, second & WORD
        c2, c3 = (first >> 32) ^ c3 ^ k1, first & WORD
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return c0, c1, c2, c3


def kept(indices, p, seed, counter=0):
    """Which elements of the undivided array stay."""
    high = (counter & WORD, counter >> 32)
    result = []
    for index in indices:
        group = int(index) // 4
        words = philox((group & WORD, group >> 32, *high), (seed & WORD, seed >> 32))
        result.append(words[int(index) % 4] >= int(p * 2**32))
    return np.array(result)


def test_the_reference_gives_the_published_numbers():
    """The known answers that come with the authors' own library, Random123."""
    zeros = philox((0, 0, 0, 0), (0, 0))
    assert zeros == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ones = philox((WORD,) * 4, (WORD,) * 2)
    assert ones == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    pi = philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert pi == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


# ---------------------------------------------------------------------------- values and gradients


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_dropped_is_zero_whatever_it_was(device, dtype):
    """Even an infinity or a NaN, both forward and backward."""
    bad = np.array([[np.inf, -np.inf, np.nan] * 3] * 6, dtype)
    x = Tensor(bad, requires_grad=True, device=device)
    y = F.dropout(x, 0.5, seed=1)
    y.backward(bad)
    stays = kept(range(bad.size), 0.5, 1).reshape(bad.shape)
    assert 0 < stays.sum() < bad.size
    for result in (y.numpy(), x.grad.numpy()):
        np.testing.assert_array_equal(result, np.where(stays, bad, 0))


@given(
    shape=hnp.array_shapes(min_dims=0, max_dims=3, max_side=5),
    p=st.sampled_from([0.1, 0.5, 0.8]),
    mode=st.sampled_from(["inverted", "paper"]),
    seed=st.integers(0, 2**64 - 1),
    counter=st.integers(0, 2**64 - 1),
)
def test_values_and_gradients(device, shape, p, mode, seed, counter):
    x = away_from_zero(seed % 2**32, *shape)

    def dropped(x):
        return F.dropout(x, p, mode=mode, seed=seed, counter=counter)

    mask = kept(range(x.size), p, seed, counter).reshape(shape)
    scale = 1 / (1 - p) if mode == "inverted" else 1
    assert np.array_equal(dropped(leaf(x, device)).numpy(), np.where(mask, x * scale, 0))
    gradcheck(dropped, [leaf(x, device)])


def test_indices_beyond_32_bits(device):
    """A part that begins at element 2**35 + 2 of a huge array: the group's high word counts."""
    x = Tensor(np.ones((3, 5)), device=device)
    y = F.dropout(x, 0.5, mode="paper", seed=2**40 + 1, counter=2**50, offset=2**35 + 2)
    expected = kept(range(2**35 + 2, 2**35 + 17), 0.5, 2**40 + 1, 2**50)
    assert np.array_equal(y.numpy().ravel(), expected)


def test_the_two_forms():
    x = Tensor(normal(0, 4, 5))
    paper, inverted = (F.dropout(x, 0.2, mode=mode, seed=3) for mode in ("paper", "inverted"))
    # training: the paper leaves what it keeps as it is, the inverted form divides it by 0.8
    np.testing.assert_allclose(paper.numpy(), inverted.numpy() * 0.8, rtol=1e-15)
    # testing: the paper multiplies all by 0.8, the inverted form leaves all as it is
    test = F.dropout(x, 0.2, training=False, mode="paper", seed=3)
    np.testing.assert_allclose(test.numpy(), x.numpy() * 0.8, rtol=1e-15)
    assert np.array_equal(F.dropout(x, 0.2, training=False, seed=3).numpy(), x.numpy())


def test_the_gradient_of_the_test_time_form(device):
    x = leaf(normal(0, 3, 2), device)
    gradcheck(lambda x: F.dropout(x, 0.2, training=False, mode="paper"), [x])


@pytest.mark.parametrize("mode", ["inverted", "paper"])
def test_p_zero_changes_nothing(mode):
    x = Tensor(normal(0, 4))
    for training in (True, False):
        assert np.array_equal(F.dropout(x, 0, training, mode).numpy(), x.numpy())


def test_as_many_fall_as_p_says(device):
    n = 100_000
    y = F.dropout(Tensor(np.ones((100, n // 100)), device=device), 0.3, mode="paper", seed=5)
    fallen = (y.numpy() == 0).mean()
    # five standard deviations of a mean of n coins
    assert fallen == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / n) ** 0.5)


def test_masks_of_other_seeds_and_counters_are_independent():
    def mask(**named):
        return F.dropout(Tensor(np.ones(4000)), 0.5, mode="paper", **named).numpy()

    masks = [mask(seed=s, counter=c) for s, c in ((0, 0), (1, 0), (0, 1), (2**32, 0), (0, 2**32))]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            # two fair coins agree half the time; five standard deviations of 4,000
            assert (one == other).mean() == pytest.approx(0.5, abs=5 * 0.5 / 4000**0.5)
    assert np.array_equal(masks[0], mask(seed=0))
    assert np.array_equal(masks[1], mask(seed=1))


# ------------------------------------------------------------------------------------------ splits


@st.composite
def parts(draw):
    """A shape, and a block of it: cut along the first axis, one more axis, both or none."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))
    axes = {0, draw(st.integers(0, len(shape) - 1))}
    block = []
    for axis, length in enumerate(shape):
        start = draw(st.integers(0, length - 1)) if axis in axes else 0
        stop = draw(st.integers(start + 1, length)) if axis in axes else length
        block.append(slice(start, stop))
    return shape, tuple(block)


@given(drawn=parts(), seed=seeds)
def test_a_part_draws_what_the_whole_draws(device, drawn, seed):
    """A rank's images, a tower's units, or both: forward and backward."""
    shape, block = drawn
    x, dy = away_from_zero(seed, *shape), normal(seed + 1, *shape)
    whole, part = leaf(x, device), leaf(x[block], device)
    offset = int(np.ravel_multi_index([s.start for s in block], shape))
    named = {"p": 0.5, "seed": seed, "counter": 7}
    y = F.dropout(whole, **named)
    y_part = F.dropout(part, offset=offset, full_shape=shape, **named)
    assert np.array_equal(y_part.numpy(), y.numpy()[block])
    y.backward(dy)
    y_part.backward(dy[block])
    assert np.array_equal(part.grad.numpy(), whole.grad.numpy()[block])


def test_two_towers_and_two_ranks_by_hand():
    x = normal(0, 4, 10)
    whole = F.dropout(Tensor(x), seed=1).numpy()
    a = F.dropout(Tensor(x[:, :5]), seed=1, offset=0, full_shape=(4, 10)).numpy()
    b = F.dropout(Tensor(x[:, 5:]), seed=1, offset=5, full_shape=(4, 10)).numpy()
    assert np.array_equal(np.concatenate([a, b], axis=1), whole)
    first = F.dropout(Tensor(x[:2]), seed=1, full_shape=(4, 10)).numpy()
    second = F.dropout(Tensor(x[2:]), seed=1, offset=20, full_shape=(4, 10)).numpy()
    assert np.array_equal(np.concatenate([first, second]), whole)
    # a part without gaps needs no full_shape
    assert np.array_equal(F.dropout(Tensor(x[2:]), seed=1, offset=20).numpy(), second)


@pytest.mark.parametrize(
    ("offset", "full_shape", "message"),
    [
        (0, (4,), "is not a part of full_shape"),
        (0, (1, 3), "is not a part of full_shape"),
        (5, (2, 4), "at offset 5 does not lie in full_shape"),
        (4, (3, 3), "at offset 4 does not lie in full_shape"),
        (3, (4, 5), "at offset 3 does not lie in full_shape"),  # would run over a row's end
        (-1, None, "offset expects an int from 0"),
        (1.5, None, "offset expects an int from 0"),
    ],
)
def test_a_part_that_lies_outside(offset, full_shape, message):
    with pytest.raises(ValueError, match=f"dropout: .*{message}"):
        F.dropout(Tensor(np.ones((2, 3))), seed=1, offset=offset, full_shape=full_shape)


def test_a_part_cut_twice_within_the_image():
    with pytest.raises(
        ValueError, match=r"dropout: x may be cut along the first axis and one more"
    ):
        F.dropout(Tensor(np.ones((2, 3, 3))), seed=1, full_shape=(2, 4, 4))


# -------------------------------------------------------------------- mistakes that must be caught


@pytest.mark.parametrize(
    "wrong",
    [
        lambda dy: F.dropout(Tensor(dy), seed=1, counter=1),  # a mask drawn anew
        lambda dy: F.dropout(Tensor(dy), seed=1, mode="paper"),  # the mask, but not the scale
        lambda dy: Tensor(dy),
    ],
)
def test_a_wrong_gradient_is_caught(monkeypatch, wrong):
    monkeypatch.setattr(Dropout, "backward", lambda self, dy: wrong(dy).numpy())
    with pytest.raises(GradcheckError, match="dropout: gradient of argument 0 at index"):
        gradcheck(lambda x: F.dropout(x, seed=1), [leaf(away_from_zero(0, 20))])


def test_a_mask_that_changes_from_call_to_call_is_caught():
    with pytest.raises(GradcheckError, match="dropout"):
        gradcheck(F.dropout, [leaf(away_from_zero(0, 20))])  # no seed named


# ---------------------------------------------------------------------------------------- the seed


def test_without_a_seed_each_call_draws_anew_from_manual_seed():
    def draw():
        tinynet.manual_seed(3)
        return [F.dropout(Tensor(np.ones(64))).numpy() for _ in range(3)]

    first, second = draw(), draw()
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert not np.array_equal(first[0], first[1])
    named = F.dropout(Tensor(np.ones(64)), seed=3, counter=1).numpy()
    assert np.array_equal(named, first[1])


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan"), "0.5", None])
def test_it_refuses_p(p):
    with pytest.raises(ValueError, match="dropout: p expects 0 <= p < 1, got"):
        F.dropout(Tensor(np.ones(3)), p)
    with pytest.raises(ValueError, match="dropout: p expects 0 <= p < 1, got"):
        nn.Dropout(p)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "other"}, "mode expects 'inverted' or 'paper', got 'other'"),
        ({"seed": -1}, "seed expects an int from 0"),
        ({"seed": 2**64}, "seed expects an int from 0"),
        ({"seed": 1.5}, "seed expects an int from 0"),
        ({"seed": 1, "counter": -1}, "counter expects an int from 0"),
        ({"seed": 1, "counter": True}, "counter expects an int from 0"),
    ],
)
def test_it_refuses(options, message):
    with pytest.raises(ValueError, match=f"dropout: {message}"):
        F.dropout(Tensor(np.ones(3)), **options)


def test_it_refuses_an_empty_batch():
    with pytest.raises(ValueError, match=r"dropout: x is empty: \(0, 3\)"):
        F.dropout(Tensor(np.ones((0, 3))))
