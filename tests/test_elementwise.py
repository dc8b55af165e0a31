"""Arithmetic element by element, with NumPy's broadcasting."""

import numpy as np
import pytest
from hypothesis import given
from inputs import away_from_zero, broadcastable, distinct, leaf, normal, positive, seeds, shapes

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.elementwise import Add, Subtract

BINARY = {
    "add": (lambda x, y: x + y, normal, normal),
    "subtract": (lambda x, y: x - y, normal, normal),
    "multiply": (lambda x, y: x * y, normal, normal),
    "divide": (lambda x, y: x / y, normal, away_from_zero),
    "power": (lambda x, y: x**y, positive, normal),
}
UNARY = {
    "negate": (lambda x: -x, normal, np.negative),
    "exp": (lambda x: x.exp(), normal, np.exp),
    "log": (lambda x: x.log(), positive, np.log),
    "sqrt": (lambda x: x.sqrt(), positive, np.sqrt),
    "abs": (lambda x: x.abs(), away_from_zero, np.abs),
    "clip": (lambda x: x.clip(-0.2, 0.3), distinct, lambda x: np.clip(x, -0.2, 0.3)),
    "clip below": (lambda x: x.clip(-0.2, None), distinct, lambda x: np.clip(x, -0.2, None)),
    "clip above": (lambda x: x.clip(None, 0.3), distinct, lambda x: np.clip(x, None, 0.3)),
}
# CUDA computes these to 2 units in the last place (2.2e-16), NumPy to 4; all else is exact.
LAST_BITS = {"exp": 2e-15, "log": 2e-15, "power": 2e-15}
binary = pytest.mark.parametrize("name", BINARY)
unary = pytest.mark.parametrize("name", UNARY)

# ---------------------------------------------------------------------------- values and gradients


@binary
@given(two=broadcastable(2), seed=seeds)
def test_two_operands(name, device, two, seed):
    fn, draw_x, draw_y = BINARY[name]
    x, y = draw_x(seed, *two[0]), draw_y(seed + 1, *two[1])
    tensors = leaf(x, device), leaf(y, device)
    rtol = LAST_BITS.get(name, 0)
    np.testing.assert_allclose(fn(*tensors).numpy(), fn(x, y), rtol=rtol, strict=True)
    gradcheck(fn, tensors)


@unary
@given(shape=shapes, seed=seeds)
def test_one_operand(name, device, shape, seed):
    fn, draw, reference = UNARY[name]
    x = draw(seed, *shape)
    rtol = LAST_BITS.get(name, 0)
    np.testing.assert_allclose(fn(leaf(x, device)).numpy(), reference(x), rtol=rtol, strict=True)
    gradcheck(fn, [leaf(x, device)])


@binary
def test_numbers_on_either_side(name):
    fn, draw_x, draw_y = BINARY[name]
    x, y = draw_x(0, 3), draw_y(1, 3)
    gradcheck(lambda x: fn(x, 1.5), [leaf(x)])
    gradcheck(lambda y: fn(1.5, y), [leaf(y)])
    assert np.array_equal(fn(1.5, leaf(y)).numpy(), fn(1.5, y))


@given(two=broadcastable(2), seed=seeds)
def test_maximum(device, two, seed):
    sizes = [int(np.prod(shape)) for shape in two]
    values = distinct(seed, sum(sizes))
    x, y = values[: sizes[0]].reshape(two[0]), values[sizes[0] :].reshape(two[1])
    tensors = leaf(x, device), leaf(y, device)
    assert np.array_equal(F.maximum(*tensors).numpy(), np.maximum(x, y))
    gradcheck(F.maximum, tensors)


@given(three=broadcastable(3), seed=seeds)
def test_where(device, three, seed):
    condition = normal(seed, *three[0]) > 0
    x, y = normal(seed + 1, *three[1]), normal(seed + 2, *three[2])
    tensors = leaf(x, device), leaf(y, device)
    assert np.array_equal(F.where(condition, *tensors).numpy(), np.where(condition, x, y))
    gradcheck(lambda x, y: F.where(condition, x, y), tensors)
    gradcheck(lambda x, y: F.where(Tensor(condition, device=device), x, y), tensors)


# ------------------------------------------------------------------------------ at kinks and edges


def gradients(fn, *values):
    leaves = [leaf(np.array(value)) for value in values]
    y = fn(*leaves)
    y.backward(np.ones(y.shape))
    return [x.grad.numpy().tolist() for x in leaves]


def test_ties_of_maximum_go_to_the_first():
    # maximum([1, 2, 3], [1, 5, 2]) = [1, 5, 3]
    assert gradients(F.maximum, [1.0, 2, 3], [1.0, 5, 2]) == [[1, 0, 1], [0, 1, 0]]


def test_abs_has_no_slope_at_zero():
    assert gradients(lambda x: x.abs(), [-2.0, 0, 3]) == [[-1, 0, 1]]


def test_clip_passes_the_gradient_between_and_at_its_edges():
    assert gradients(lambda x: x.clip(-1, 1), [-2.0, -1, 0, 1, 2]) == [[0, 1, 1, 1, 0]]
    assert gradients(lambda x: x.clip(1, 1), [0.0, 1, 2]) == [[0, 1, 0]]


def test_power_at_zero_is_finite():
    # d x**y / dx = y * x**(y-1): 0 for y = 0, 1 for y = 1, 0 for y = 2
    assert gradients(lambda x: x**0, [0.0, 2.0]) == [[0, 0]]
    assert gradients(lambda x: x**1, [0.0, 2.0]) == [[1, 1]]
    assert gradients(lambda x: x**2, [0.0, -3.0]) == [[0, -6]]
    assert gradients(lambda y: 0.0**y, [2.0, 3.0]) == [[0, 0]]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_exponent_of_zero_has_slope_zero_even_where_the_power_is_infinite():
    assert gradients(lambda y: 0.0**y, [-1.0, -0.5, 0.0, 2.0]) == [[0, 0, 0, 0]]
    # d x**y / dx = y * x**(y-1): -inf at (0, -1), inf at (0, 0.5)
    assert gradients(lambda x, y: x**y, [0.0, 0.0], [-1.0, 0.5]) == [[-np.inf, np.inf], [0, 0]]


def test_a_nan_of_maximum_and_clip_is_traced_to_where_it_came_from():
    nan = np.nan
    # maximum([nan, 1, nan], [0, nan, nan]): the nan is that of x, of y, of x as the first
    assert gradients(F.maximum, [nan, 1.0, nan], [0.0, nan, nan]) == [[1, 0, 1], [0, 1, 0]]
    assert gradients(lambda x: x.clip(-1, 1), [nan, 2.0]) == [[1, 0]]


def test_an_infinite_gradient_does_not_spoil_what_was_not_chosen():
    """A mask that is multiplied with would make 0 * inf = nan of it."""
    x, y = leaf([1.0, 5.0]), leaf([2.0, 3.0])
    for z in (F.maximum(x, y), x.clip(2, 3)):
        z.backward(np.full(2, np.inf))
    assert x.grad.numpy().tolist() == [0, np.inf]
    assert y.grad.numpy().tolist() == [np.inf, 0]
    x.max().backward(np.inf)
    assert x.grad.numpy().tolist() == [0, np.inf]


def test_sigmoid_keeps_both_tails_of_a_log_loss(device):
    x = Tensor(np.array([-60, -20, 20, 80], np.float32), requires_grad=True, device=device)
    y = F.sigmoid(x)
    assert y.numpy().tolist() == pytest.approx([8.7565e-27, 2.0611537e-09, 1, 1], rel=1e-4)
    y.log().sum().backward()  # the slope of log(sigmoid(x)) is sigmoid(-x)
    assert x.grad.numpy().tolist() == pytest.approx([1, 1, 2.0611537e-09, 1.8049e-35], rel=1e-4)


def test_a_quotient_has_its_slope_where_the_square_of_the_divisor_is_no_number(device):
    x = Tensor(np.array([1e-25, 1e30], np.float32), device=device)
    y = Tensor(np.array([1e-25, 1e25], np.float32), requires_grad=True, device=device)
    (x / y).sum().backward()
    assert y.grad.numpy().tolist() == pytest.approx([-1e25, -1e-20])


def test_broadcasting_sums_the_gradient_where_the_operand_was_stretched():
    # x (2, 1) against y (3,): each x meets three y, each y meets two x
    assert gradients(lambda x, y: x * y, [[1.0], [2.0]], [10.0, 20, 30]) == [
        [[60], [60]],
        [3, 3, 3],
    ]
    assert gradients(lambda x, y: x + y, 1.0, [[1.0, 2], [3, 4]]) == [4, [[1, 1], [1, 1]]]


def test_one_tensor_on_both_sides():
    assert gradients(lambda x: x * x, [3.0]) == [[6]]
    assert gradients(lambda x: x / x, [3.0]) == [[0]]
    assert gradients(lambda x: x - x, [3.0]) == [[0]]


# -------------------------------------------------------------------- mistakes that must be caught


def test_a_subtraction_that_forgets_its_sign_is_caught(monkeypatch):
    monkeypatch.setattr(Subtract, "backward", Add.backward)
    with pytest.raises(GradcheckError, match=r"subtract: gradient of argument 1 at index \(0,\)"):
        gradcheck(lambda x, y: x - y, [leaf(normal(0, 3)), leaf(normal(1, 3))])


def test_a_broadcast_that_is_not_summed_is_caught(monkeypatch):
    monkeypatch.setattr(Add, "backward", lambda self, dz: (dz, dz))
    with pytest.raises(RuntimeError, match=r"add: the gradient of y is float64 \(2, 3\) where"):
        gradcheck(lambda x, y: x + y, [leaf(normal(0, 2, 3)), leaf(normal(1, 3))])


def test_a_broadcast_that_is_cut_instead_of_summed_is_caught(monkeypatch):
    monkeypatch.setattr(Add, "backward", lambda self, dz: (dz, dz[0]))
    with pytest.raises(GradcheckError, match="add: gradient of argument 1"):
        gradcheck(lambda x, y: x + y, [leaf(normal(0, 2, 3)), leaf(normal(1, 3))])


# --------------------------------------------------------------------------------------- bad input


@binary
def test_shapes_that_do_not_broadcast(name):
    fn, draw_x, draw_y = BINARY[name]
    with pytest.raises(ValueError, match=rf"{name}: shapes \(2, 3\) and \(2,\) do not broadcast"):
        fn(leaf(draw_x(0, 2, 3)), leaf(draw_y(1, 2)))


def test_maximum_and_where_refuse():
    x, y = leaf(normal(0, 2, 3)), leaf(normal(1, 2))
    with pytest.raises(ValueError, match=r"maximum: shapes \(2, 3\) and \(2,\) do not broadcast"):
        F.maximum(x, y)
    with pytest.raises(ValueError, match=r"where: shapes \(2,\) and \(2, 3\) and \(2, 3\)"):
        F.where(np.array([True, False]), x, x)
    with pytest.raises(TypeError, match="where: condition expects bools, got float64"):
        F.where(x.numpy(), x, x)
    with pytest.raises(TypeError, match="where: x or y expects a Tensor, got float and int"):
        F.where(np.array([True]), 1.0, 2)


def test_clip_refuses_an_empty_range():
    with pytest.raises(ValueError, match=r"clip: expects lo <= hi, got lo=1, hi=0"):
        leaf([1.0]).clip(1, 0)
    with pytest.raises(ValueError, match="clip"):
        leaf([1.0]).clip(float("nan"), 0)
    with pytest.raises(ValueError, match="clip: expects lo <= hi, got lo=None, hi=None"):
        leaf([1.0]).clip(None, None)


def test_bounds_of_clip_leave_the_dtype_alone(device):
    x = Tensor(np.array([-2, 0.25, 2], np.float32), requires_grad=True, device=device)
    y = x.clip(np.float64(-0.5), np.float64(0.5))
    assert y.dtype == np.float32
    assert y.numpy().tolist() == [-0.5, 0.25, 0.5]
    y.sum().backward()
    assert x.grad.numpy().tolist() == [0, 1, 0]
