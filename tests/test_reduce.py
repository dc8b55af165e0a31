"""Sum, mean and max over any axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import distinct, leaf, normal, seeds, shapes

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.kernels.sums import sum_over
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


MANY = 2**24 + 4096  # a float32 sum of ones, one after another, stands still at 2**24


def test_a_sum_along_the_first_axis_of_very_many_rows(device):
    x = Tensor(np.ones((MANY, 2), np.float32), device=device)
    assert x.sum(axis=0).numpy().tolist() == [MANY, MANY]
    assert x.mean(axis=0).numpy().tolist() == [1, 1]


def test_a_gradient_that_is_summed_over_very_many_rows():
    rows = 300_000
    third = np.full((rows, 2), 1 / 3, np.float32)
    wanted = pytest.approx(rows / 3, rel=1e-6)  # one after another they are off by 6e-4
    bias = Tensor(np.zeros(2, np.float32), requires_grad=True)
    (Tensor(third) + bias).backward(third)
    assert bias.grad.numpy()[0] == wanted
    bias.zero_grad()
    weight = Tensor(np.zeros((2, 2), np.float32))
    F.linear(Tensor(third), weight, bias).backward(third)
    assert bias.grad.numpy()[0] == wanted
    y = F.softmax(Tensor(np.zeros((rows, 2), np.float32)), axis=0).numpy()
    assert y[0, 0] == pytest.approx(1 / rows, rel=1e-6)


@given(
    shape=hnp.array_shapes(min_dims=1, max_dims=3, max_side=5),
    long=st.integers(1, 3000),
    data=st.data(),
)
def test_sums_over_any_axes_of_long_arrays_in_any_order_of_memory(shape, long, data):
    which = data.draw(st.integers(0, len(shape) - 1))
    shape = (*shape[:which], long, *shape[which + 1 :])
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1)))))
    order = data.draw(st.permutations(range(len(shape))))
    x = np.arange(np.prod(shape)).reshape(shape).transpose(order) % 7.0  # sums are exact
    for keepdims in (False, True):
        expected = x.sum(axis=axes, keepdims=keepdims)
        np.testing.assert_array_equal(sum_over(x, axes, keepdims), expected, strict=True)


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
