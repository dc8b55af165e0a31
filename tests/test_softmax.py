"""Softmax, its logarithm, and cross-entropy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import leaf, normal, seeds

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.softmax import CrossEntropy, Softmax


def reference(x, axis):
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


# ---------------------------------------------------------------------------- values and gradients


@given(shape=hnp.array_shapes(max_dims=3, max_side=4), seed=seeds, data=st.data())
def test_softmax_and_its_logarithm(device, shape, seed, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = normal(seed, *shape)
    y, log_y = F.softmax(leaf(x, device), axis), F.log_softmax(leaf(x, device), axis)
    # sums of at most 4 terms: some roundings of 1e-16
    np.testing.assert_allclose(y.numpy(), reference(x, axis), rtol=1e-13)
    np.testing.assert_allclose(log_y.numpy(), np.log(reference(x, axis)), rtol=1e-13, atol=1e-14)
    gradcheck(lambda x: F.softmax(x, axis), [leaf(x, device)])
    gradcheck(lambda x: F.log_softmax(x, axis), [leaf(x, device)])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@given(n=st.integers(1, 5), classes=st.integers(1, 5), seed=seeds)
def test_cross_entropy(reduction, device, n, classes, seed):
    x, labels = normal(seed, n, classes), np.random.default_rng(seed).integers(0, classes, n)
    losses = -np.log(reference(x, 1)[np.arange(n), labels])
    expected = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    loss = F.cross_entropy(leaf(x, device), labels, reduction)
    assert loss.shape == expected.shape
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-13, atol=1e-14)
    gradcheck(lambda x: F.cross_entropy(x, labels, reduction), [leaf(x, device)])


def test_more_rows_than_one_worker_takes(device):
    x, labels = leaf(normal(0, 37, 11), device), np.arange(37) % 11
    F.cross_entropy(x, labels, "sum").backward()
    expected = reference(x.numpy(), 1)
    expected[np.arange(37), labels] -= 1
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-13, atol=1e-14)


# ----------------------------------------------------------------------------------------- by hand


def test_cross_entropy_by_hand():
    # softmax of (0, 0) is a half each, of (0, ln 3) it is 1/4 and 3/4
    x = leaf([[0.0, 0.0], [0.0, math.log(3)]])
    losses = F.cross_entropy(x, [0, 1], "none")
    assert losses.numpy() == pytest.approx([math.log(2), math.log(4 / 3)])
    losses.backward(np.array([1.0, 10.0]))
    assert x.grad.numpy() == pytest.approx(np.array([[-0.5, 0.5], [2.5, -2.5]]))


def test_a_net_that_knows_nothing_has_a_loss_of_ln_classes(device):
    loss = F.cross_entropy(Tensor(np.zeros((4, 1000)), device=device), [0, 1, 2, 999])
    assert loss.item() == pytest.approx(math.log(1000))


def test_the_mean_is_the_default():
    x = Tensor(normal(0, 3, 4))
    assert F.cross_entropy(x, [0, 1, 2]).item() == F.cross_entropy(x, [0, 1, 2], "mean").item()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_stay_finite(dtype, device):
    """exp(1000) would overflow, and the probability of the label rounds to 0."""
    x = Tensor(np.array([[1000.0, 0, -1000]], dtype), requires_grad=True, device=device)
    assert F.softmax(x).numpy().tolist() == [[1, 0, 0]]
    assert F.log_softmax(x).numpy().tolist() == [[0, -1000, -2000]]
    loss = F.cross_entropy(x, [2])
    assert loss.item() == 2000
    loss.backward()
    assert x.grad.numpy().tolist() == [[1, 0, -1]]


@pytest.mark.parametrize(("dtype", "gap"), [(np.float32, 20), (np.float64, 50)])
def test_a_very_sure_answer_has_a_small_loss_not_none(dtype, gap, device):
    """1 + exp(-gap) rounds to 1. Three other classes, and n that are right alike: log(n) + more."""
    sure = np.array([[gap, 0, 0, 0], [0, gap, gap, 0]], dtype)
    x, labels = Tensor(sure, device=device), [0, 2]
    expected = [3 * math.exp(-gap), math.log(2) + math.exp(-gap)]
    losses = F.cross_entropy(x, labels, "none").numpy()
    logs = F.log_softmax(x).numpy()[[0, 1], labels]
    np.testing.assert_allclose(losses, expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(-logs, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_makes_the_loss_nan(wrong, device):
    """Also where the label is another one's."""
    x = np.array([[0, wrong], [0, wrong], [wrong, wrong], [0, 1]])
    x = Tensor(x, device=device, requires_grad=True)
    losses = F.cross_entropy(x, [1, 0, 0, 0], "none")
    assert np.isnan(losses.numpy()).tolist() == [True, True, True, False]
    assert np.isnan(F.log_softmax(x).numpy()[:3]).any(axis=1).all()
    losses.backward(np.ones(4))
    assert np.isnan(x.grad.numpy()).tolist() == [[True] * 2] * 3 + [[False] * 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_labels_of_any_integer_type(dtype, device):
    x, labels = Tensor(normal(0, 3, 4), device=device), np.array([3, 0, 2])
    expected = F.cross_entropy(x, labels).item()
    assert F.cross_entropy(x, labels.astype(dtype)).item() == expected
    assert F.cross_entropy(x, Tensor(labels.astype(dtype), device=device)).item() == expected
    assert F.cross_entropy(x, labels.tolist()).item() == expected


# -------------------------------------------------------------------- mistakes that must be caught


def plant(monkeypatch, change):
    backward = CrossEntropy.backward
    monkeypatch.setattr(CrossEntropy, "backward", lambda self, dy: change(backward(self, dy), self))


@pytest.mark.parametrize(
    "change",
    [
        lambda dx, self: dx * 3,  # the mean forgotten
        lambda dx, self: np.roll(dx, 1, axis=1),  # labels off by one
        lambda dx, self: np.where(dx < 0, 0, dx),  # the label's own -1 forgotten
    ],
)
def test_a_wrong_gradient_is_caught(monkeypatch, change):
    plant(monkeypatch, change)
    with pytest.raises(GradcheckError, match="cross_entropy: gradient of argument 0 at index"):
        gradcheck(lambda x: F.cross_entropy(x, [0, 1, 3]), [leaf(normal(0, 3, 4))])


def test_a_softmax_gradient_without_the_other_classes_is_caught(monkeypatch):
    def backward(self, dy):
        (y,) = self.saved
        return dy * y * (1 - y)

    monkeypatch.setattr(Softmax, "backward", backward)
    with pytest.raises(GradcheckError, match="softmax: gradient of argument 0 at index"):
        gradcheck(F.softmax, [leaf(normal(0, 2, 3))])


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("shape", "labels", "error", "message"),
    [
        ((2, 3), [0, 3], ValueError, "labels expects 0 to 2, got 0 to 3"),
        ((2, 3), [-1, 0], ValueError, "labels expects 0 to 2, got -1 to 0"),
        ((2, 3), np.array([2**32, 0]), ValueError, "labels expects 0 to 2"),
        ((2, 3), [0.0, 1.0], TypeError, "labels expects integers, got float64"),
        ((2, 3), [True, False], TypeError, "labels expects integers, got bool"),
        ((2, 3), ["a", "b"], TypeError, "labels expects integers, got <U1"),
        ((2, 3), Tensor([0.0, 1.0]), TypeError, "labels expects integers, got float32"),
        ((2, 3), Tensor([0, 1]), TypeError, "labels .*, dtype='int64'. makes integers"),
        ((2, 3), np.eye(3)[:2], ValueError, r"labels .* one-hot, labels.argmax\(1\) gives"),
        (
            (2, 3),
            np.eye(3, dtype=int)[:2],
            ValueError,
            r"labels .* got \(2, 3\): if they are one-hot",
        ),
        ((2, 3), [0], ValueError, r"labels expects shape \(2,\), got \(1,\)"),
        ((2, 3), 1, ValueError, r"labels expects shape \(2,\), got \(\)"),
        ((2, 3), [[0, 1]], ValueError, r"labels expects shape \(2,\), got \(1, 2\)"),
        ((3,), [0], ValueError, r"logits expects \(n, classes\), neither 0, got \(3,\)"),
        ((0, 3), [], ValueError, r"logits expects \(n, classes\), neither 0, got \(0, 3\)"),
        ((2, 3, 1), [0, 1], ValueError, r"logits expects \(n, classes\)"),
    ],
)
def test_cross_entropy_refuses(shape, labels, error, message):
    with pytest.raises(error, match=f"cross_entropy: {message}"):
        F.cross_entropy(Tensor(np.zeros(shape)), labels)


def test_cross_entropy_refuses_other_reductions():
    with pytest.raises(
        ValueError, match="cross_entropy: reduction expects 'mean', 'sum' or 'none'"
    ):
        F.cross_entropy(Tensor(np.zeros((2, 3))), [0, 1], "average")


@pytest.mark.parametrize("fn", [F.softmax, F.log_softmax])
def test_softmax_refuses(fn):
    x = Tensor(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=f"{fn.__name__}: axis expects ints from -2 to 1, got 2"):
        fn(x, 2)
    with pytest.raises(TypeError, match=f"{fn.__name__}: axis expects an int, got None"):
        fn(x, None)
    with pytest.raises(ValueError, match=rf"{fn.__name__}: x is empty along axis 1: \(2, 0\)"):
        fn(Tensor(np.zeros((2, 0))))
