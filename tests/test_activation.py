"""ReLU, tanh and sigmoid."""

import numpy as np
import pytest
from hypothesis import given
from inputs import away_from_zero, leaf, normal, seeds, shapes

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.activation import ReLU, Tanh
from tinynet.ops.elementwise import Sigmoid

ACTIVATIONS = {
    "relu": (away_from_zero, lambda x: np.maximum(x, 0)),
    "tanh": (normal, np.tanh),
    "sigmoid": (normal, lambda x: 1 / (1 + np.exp(-x))),
}
every = pytest.mark.parametrize("name", ACTIVATIONS)


@every
@given(shape=shapes, seed=seeds)
def test_values_and_gradients(name, device, shape, seed):
    draw, reference = ACTIVATIONS[name]
    x = draw(seed, *shape)
    y = getattr(F, name)(leaf(x, device))
    assert y.shape == x.shape
    # another library's tanh and exp may differ in the last bits
    np.testing.assert_allclose(y.numpy(), reference(x), rtol=1e-14, atol=1e-15)
    assert np.array_equal(y.numpy(), getattr(leaf(x, device), name)().numpy())
    gradcheck(getattr(F, name), [leaf(x, device)])


@every
def test_more_elements_than_one_worker_takes(name, device):
    """Blocks of work must meet without a gap: y, and dy times the slope that y gives."""
    slopes = {
        "relu": lambda y: y > 0,
        "tanh": lambda y: 1 - y * y,
        "sigmoid": lambda y: y * (1 - y),
    }
    draw, reference = ACTIVATIONS[name]
    x = leaf(draw(0, 200_003), device)
    y = getattr(F, name)(x)
    np.testing.assert_allclose(y.numpy(), reference(x.numpy()), rtol=1e-13, atol=1e-15)
    dy = normal(1, 200_003)
    y.backward(dy)
    # sigmoid's y carries a rounding error of 1e-16, which stays as large in 1 - y
    np.testing.assert_allclose(x.grad.numpy(), dy * slopes[name](y.numpy()), rtol=1e-12, atol=1e-15)


def test_relu_by_hand():
    x = leaf([-2.0, -0.0, 0.0, 3.0])
    y = F.relu(x)
    assert y.numpy().tolist() == [0, 0, 0, 3]
    y.backward(np.array([1.0, 10, 100, 1000]))
    assert x.grad.numpy().tolist() == [0, 0, 0, 1000]  # no gradient at 0 itself


def test_relu_lets_nothing_through_where_it_is_closed(device):
    """Not even an infinity, which a product with 0 would make NaN."""
    x = leaf([-2.0, 0.0, 3.0, -1.0], device)
    F.relu(x).backward(np.array([np.inf, -np.inf, np.inf, np.nan]))
    assert x.grad.numpy().tolist() == [0, 0, np.inf, 0]


@every
def test_a_nan_stays(name, device):
    y = getattr(F, name)(Tensor(np.array([np.nan, 1.0]), device=device)).numpy()
    assert np.isnan(y[0])
    assert not np.isnan(y[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows(dtype, device):
    """Warnings are errors here, so neither end may overflow on the way."""
    x = Tensor(np.array([-1e4, -100, 100, 1e4], dtype), requires_grad=True, device=device)
    y = F.sigmoid(x)
    assert y.numpy()[0] == 0
    assert y.numpy().tolist()[2:] == [1, 1]
    assert y.numpy()[1] < 1e-30
    y.backward(np.ones(4, dtype))
    F.tanh(x).backward(np.ones(4, dtype))
    # at 100 the slope is 4e-44: 0 next to 1
    np.testing.assert_allclose(x.grad.numpy(), np.zeros(4), atol=1e-30)


@pytest.mark.parametrize(
    ("op", "wrong"),
    [
        (ReLU, lambda y, dy: dy),
        (ReLU, lambda y, dy: dy * (y <= 0)),
        (Tanh, lambda y, dy: dy * (1 - y)),
        (Sigmoid, lambda y, dy: dy * y),
    ],
)
def test_a_wrong_slope_is_caught(monkeypatch, op, wrong):
    monkeypatch.setattr(op, "backward", lambda self, dy: wrong(self.saved[0], dy))
    with pytest.raises(GradcheckError, match=f"{op.name}: gradient of argument 0 at index"):
        gradcheck(getattr(F, op.name), [leaf([-1.2, -0.4, 0.5, 1.1])])
