"""Sum, mean and max over any axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import distinct, leaf, normal, seeds, shapes

from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.reduce import Max, Mean

DRAW = {"sum": normal, "mean": normal, "max": distinct}
every = pytest.mark.parametrize("name", DRAW)


@st.composite
def shape_and_axis(draw):
    """Any axis argument that NumPy takes: None, one axis or several, counted from the end too."""
    shape = draw(shapes)
    axes = st.integers(-len(shape), len(shape) - 1) if shape else st.nothing()
    several = st.lists(axes, unique_by=lambda axis: axis % len(shape)).map(tuple)
    return shape, draw(st.none() | axes | several)


@every
@given(drawn=shape_and_axis(), keepdims=st.booleans(), seed=seeds)
def test_any_axes(name, device, drawn, keepdims, seed):
    shape, axis = drawn
    x = DRAW[name](seed, *shape)

    def reduce(x):
        return getattr(x, name)(axis=axis, keepdims=keepdims)

    y, expected = reduce(leaf(x, device)).numpy(), reduce(x)
    assert y.shape == expected.shape
    # numpy may add in another order along other axes: some roundings of 1e-16
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-14)
    gradcheck(reduce, [leaf(x, device)])


def gradient(y, x):
    y.backward(np.arange(1.0, y.size + 1).reshape(y.shape))
    return x.grad.numpy().tolist()


def test_max_by_hand():
    # row maxima of   1 5 2      5  at column 1
    #                 7 0 3      7  at column 0
    x = leaf([[1.0, 5, 2], [7, 0, 3]])
    y = x.max(axis=1)
    assert y.numpy().tolist() == [5, 7]
    assert gradient(y, x) == [[0, 1, 0], [2, 0, 0]]


def test_ties_of_max_go_to_the_first():
    x = leaf([[2.0, 2, 2], [1, 3, 3]])
    assert gradient(x.max(axis=1), x) == [[1, 0, 0], [0, 2, 0]]
    x = leaf([[2.0, 3], [3, 3]])
    assert gradient(x.max(), x) == [[0, 1], [0, 0]]
    x = leaf([[3.0, 1], [3, 1]])
    assert gradient(x.max(axis=0), x) == [[1, 2], [0, 0]]


def test_max_of_a_nan_is_nan():
    assert np.isnan(leaf([1.0, np.nan, 2.0]).max().item())


def test_mean_by_hand():
    x = leaf([[1.0, 2, 3], [4, 5, 6]])
    y = x.mean(axis=0)
    assert y.numpy().tolist() == [2.5, 3.5, 4.5]
    assert gradient(y, x) == [[0.5, 1, 1.5], [0.5, 1, 1.5]]


def test_defaults_reduce_all_to_a_number(device):
    x = Tensor(normal(0, 2, 3), device=device)
    assert x.sum().shape == x.mean().shape == x.max().shape == ()


def test_empty_axes():
    empty = Tensor(np.zeros((0, 3)))
    assert empty.sum().item() == 0
    assert empty.sum(axis=1).shape == (0,)
    assert empty.max(axis=1).shape == (0,)
    with pytest.raises(ValueError, match=r"mean: x has nothing to average along axis 0: \(0, 3\)"):
        empty.mean(axis=0)
    with pytest.raises(ValueError, match=r"max: x has nothing to choose from along axis None"):
        empty.max()


# -------------------------------------------------------------------- mistakes that must be caught


def test_a_mean_that_does_not_divide_is_caught(monkeypatch):
    def backward(self, dy):
        shape, kept, _ = self.saved
        return np.broadcast_to(dy.reshape(kept), shape)

    monkeypatch.setattr(Mean, "backward", backward)
    with pytest.raises(GradcheckError, match="mean: gradient of argument 0 at index"):
        gradcheck(lambda x: x.mean(axis=0), [leaf(normal(0, 2, 3))])


def test_a_max_that_pays_every_element_is_caught(monkeypatch):
    monkeypatch.setattr(Max, "backward", lambda self, dy: np.broadcast_to(dy, self.saved[0]))
    with pytest.raises(GradcheckError, match="max: gradient of argument 0 at index"):
        gradcheck(lambda x: x.max(), [leaf(distinct(0, 3))])


# --------------------------------------------------------------------------------------- bad input


@every
@pytest.mark.parametrize("axis", [2, -3, (0, 2), 1.0, "0", True, [0]])
def test_axes_that_x_lacks(name, axis):
    with pytest.raises(ValueError, match=f"{name}: axis expects ints from -2 to 1, got"):
        getattr(leaf(normal(0, 2, 3)), name)(axis=axis)


@every
def test_an_axis_named_twice(name):
    with pytest.raises(ValueError, match=rf"{name}: axis names one axis twice: \(1, -1\)"):
        getattr(leaf(normal(0, 2, 3)), name)(axis=(1, -1))
