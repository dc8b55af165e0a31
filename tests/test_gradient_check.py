"""gradcheck passes every operation, and catches what can go wrong in one."""

import importlib
import pkgutil
import re

import numpy as np
import pytest
from inputs import leaf, normal

import tinynet
import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck, ops
from tinynet.commands.gradient_cases import CASES
from tinynet.devices.memory import Scratch
from tinynet.exact_gradient_check import exact_gradcheck
from tinynet.ops.elementwise import Exp, Multiply
from tinynet.ops.function import Function

every_operation = pytest.mark.parametrize("name", CASES)


def example(name: str) -> tuple:
    """The function of a case and its arrays."""
    return CASES[name].fn, CASES[name].arrays()


def operation_class(name: str) -> type[Function]:
    """The operation that a case is of: the last that it runs."""
    fn, arrays = example(name)
    return type(fn(*leaves(arrays)).creator)


def names_of(kind: type[Function]) -> set[str]:
    """The names of all operations in tinynet/ops that are of this kind."""
    below = [k for k in kind.__subclasses__() if k.__module__.startswith(f"{ops.__name__}.")]
    return {k.name for k in below}.union(*map(names_of, below))


def leaves(arrays, device="cpu"):
    return [leaf(array, device) for array in arrays]


def test_no_operation_is_forgotten():
    for file in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{file.name}")
    of_one_device = names_of(Function) - {"to"}  # test_to.py
    assert {name.split(",")[0] for name in CASES} == of_one_device
    assert all(operation_class(name).name == name.split(",")[0] for name in CASES)


@every_operation
def test_every_operation_passes(name, device):
    fn, arrays = example(name)
    # of values around 1: 1e-10 from the differences' eps**2, 1e-11 from rounding; 1e-7 leaves room
    assert gradcheck(fn, leaves(arrays, device)) < 1e-7


@every_operation
def test_a_gradient_that_is_a_little_wrong_is_caught_in_every_argument(name, monkeypatch):
    """One element of one gradient, a thousandth too large, is found, whichever it is."""
    fn, arrays = example(name)
    op = operation_class(name)
    backward = op.backward

    for position in range(len(arrays)):

        def wrong(self, dy, position=position):
            gradients = backward(self, dy)
            gradients = list(gradients) if isinstance(gradients, tuple) else [gradients]
            gradients[position] = np.array(gradients[position])
            gradients[position].flat[np.abs(gradients[position]).argmax()] *= 1.001
            return tuple(gradients)

        monkeypatch.setattr(op, "backward", wrong)
        with pytest.raises(GradcheckError, match=f"^{op.name}: gradient of argument {position} at"):
            gradcheck(fn, leaves(arrays))


@every_operation
def test_a_gradient_that_ignores_dy_is_caught(name, monkeypatch):
    """Its gradient for a dy of ones: a check by `fn(x).sum()` would pass it."""
    fn, arrays = example(name)
    op = operation_class(name)
    backward = op.backward
    monkeypatch.setattr(op, "backward", lambda self, dy: backward(self, np.ones_like(dy)))
    with pytest.raises(GradcheckError, match=f"^{op.name}: gradient of argument 0 at"):
        gradcheck(fn, leaves(arrays))


@every_operation
def test_operations_leave_their_arguments_as_they_are(name, device):
    fn, arrays = example(name)
    inputs = leaves(arrays, device)
    y = fn(*inputs)
    dy = normal(9, *y.shape)
    kept, result = dy.copy(), y.numpy().copy()
    y.backward(dy)
    assert all(np.array_equal(x.numpy(), array) for x, array in zip(inputs, arrays))
    assert np.array_equal(dy, kept)
    assert np.array_equal(y.numpy(), result)


@every_operation
def test_float32_stays_float32_and_agrees_with_float64(name, device):
    fn, arrays = example(name)
    single = [Tensor(a.astype(np.float32), requires_grad=True, device=device) for a in arrays]
    double = leaves([x.numpy() for x in single], device)
    y, y64 = fn(*single), fn(*double)
    dy = normal(9, *y.shape).astype(np.float32)
    y.backward(dy)
    y64.backward(dy.astype(np.float64))
    assert y.dtype == np.float32
    # float32 rounds to 6e-8 of values around 1; sums here have at most some tens of terms
    np.testing.assert_allclose(y.numpy(), y64.numpy(), rtol=2e-6, atol=2e-6)
    for x, x64 in zip(single, double):
        assert x.grad.dtype == np.float32
        np.testing.assert_allclose(x.grad.numpy(), x64.grad.numpy(), rtol=5e-6, atol=5e-6)


def outputs(name, last=lambda y: y, dy=None, device="cpu"):
    """y of an operation's example, and the gradients for a dy of `last(y)`."""
    fn, arrays = example(name)
    inputs = leaves(arrays, device)
    y = fn(*inputs)
    end = last(y)
    end.backward(normal(9, *end.shape) if dy is None else dy)
    return [y.numpy(), *(x.grad.numpy() for x in inputs)]


@every_operation
def test_every_element_is_written(name, monkeypatch):
    """Fresh memory and reused buffers may hold anything: here nan, none of which may show."""
    expected = outputs(name)
    empty, scratch = np.empty, Scratch.__call__

    def poisoned(make, *args, **named):
        array = make(*args, **named)
        if array.dtype.kind in "fiu":
            array[...] = np.nan if array.dtype.kind == "f" else 99
        return array

    monkeypatch.setattr(np, "empty", lambda *args, **named: poisoned(empty, *args, **named))
    monkeypatch.setattr(np, "empty_like", lambda a: poisoned(empty, a.shape, a.dtype))
    monkeypatch.setattr(Scratch, "__call__", lambda *args: poisoned(scratch, *args))
    assert all(map(np.array_equal, outputs(name), expected))


@every_operation
def test_a_dy_in_any_memory_order(name, device):
    """What comes after may hand back a transposed dy, or one number broadcast over all."""
    fn, arrays = example(name)
    shape = fn(*(Tensor(array) for array in arrays)).shape
    straight, ones = outputs(name, device=device), outputs(name, dy=np.ones(shape), device=device)
    turned = outputs(name, lambda y: y.T, normal(9, *shape).T, device)
    stretched = outputs(name, lambda y: y.sum(), 1.0, device)
    for ours, expected in zip(turned + stretched, straight + ones):
        # BLAS may add in another order for another layout: some roundings of 1e-16
        np.testing.assert_allclose(ours, expected, rtol=1e-13, atol=1e-14)


@every_operation
def test_gradients_belong_to_their_tensor_alone(name):
    fn, arrays = example(name)
    inputs = leaves(arrays)
    y = fn(*inputs)
    dy = normal(9, *y.shape)
    y.backward(dy)
    owned = [x.grad.data for x in inputs]
    others = [dy, y.data, *(x.data for x in inputs)]
    for i, gradient in enumerate(owned):
        assert gradient.flags.writeable
        assert gradient.flags.c_contiguous
        assert not any(np.shares_memory(gradient, other) for other in others + owned[:i])


@every_operation
def test_a_gradient_nobody_wants_is_not_asked_for(name):
    """Each argument alone: the backward work of the others, and only theirs, is left out."""
    fn, arrays = example(name)
    for position, array in enumerate(arrays):
        inputs = [Tensor(a) for a in arrays]
        inputs[position] = leaf(array)
        assert gradcheck(fn, inputs) < 1e-7
        assert all(x.grad is None for i, x in enumerate(inputs) if i != position)


# ------------------------------------------------------------------------------------ what it says


def test_the_message_names_operation_argument_index_and_both_values(monkeypatch):
    def backward(self, dz):
        x, y = self.saved
        dy = dz * x
        dy[1, 2] += 0.5
        return dz * y, dy

    monkeypatch.setattr(Multiply, "backward", backward)
    x, y = leaf(normal(0, 2, 3)), leaf(normal(1, 2, 3))
    cotangent = np.random.default_rng(5).standard_normal((2, 3))
    right = cotangent[1, 2] * x.numpy()[1, 2]
    with pytest.raises(GradcheckError) as error:
        gradcheck(lambda x, y: x * y, [x, y], seed=5)
    message = str(error.value)
    assert message.startswith("multiply: gradient of argument 1 at index (1, 2): backward gives ")
    analytic, numeric = re.search("gives ([^,]+), central difference ([^ ]+) ", message).groups()
    assert float(analytic) == pytest.approx(right + 0.5, abs=1e-9)  # as many digits as it prints
    assert float(numeric) == pytest.approx(right, abs=1e-9)
    assert message.endswith("(1 of 6 elements differ)")


def test_it_returns_the_largest_relative_error():
    assert 0 < gradcheck(lambda x: x.exp(), [leaf(normal(0, 5))]) < 1e-8
    assert gradcheck(lambda x: x * 0.0, [leaf(normal(0, 5))]) == 0


def test_a_coarse_step_is_seen_and_a_coarse_tolerance_hides_it():
    x = leaf([0.3, 0.7])
    with pytest.raises(GradcheckError, match="exp: gradient of argument 0 at index"):
        gradcheck(lambda x: x.exp(), [x], eps=0.1)
    gradcheck(lambda x: x.exp(), [x], eps=0.1, rtol=0.01)
    gradcheck(lambda x: x.exp(), [x], eps=0.1, atol=0.1)


def test_a_kink_is_seen():
    with pytest.raises(GradcheckError, match=r"relu: gradient of argument 0 at index \(1,\)"):
        gradcheck(lambda x: x.relu(), [leaf([1.0, 0.0, -1.0])])


def test_a_nan_is_never_right(monkeypatch):
    monkeypatch.setattr(Exp, "backward", lambda self, dy: dy * np.nan)
    with pytest.raises(GradcheckError, match="backward gives nan"):
        gradcheck(lambda x: x.exp(), [leaf([1.0])])


def test_the_inputs_are_given_back_unchanged():
    x = leaf(normal(0, 3))
    before = x.numpy().copy()
    gradcheck(lambda x: x * x, [x])
    assert np.array_equal(x.numpy(), before)


@pytest.mark.parametrize("check", [gradcheck, exact_gradcheck])
def test_gradients_are_as_before(check):
    x, weight, unused = (leaf(normal(i, 3)) for i in range(3))
    x.grad = before = Tensor(normal(3, 3))
    check(lambda x, weight, unused: x * x * weight, [x, weight, unused])
    assert x.grad is before and weight.grad is None and unused.grad is None


def test_gradients_of_what_else_a_function_computes_with_are_as_before():
    x, weight = leaf(normal(0, 3)), leaf(normal(1, 3))
    gradcheck(lambda x: x * x * weight, [x])
    assert weight.grad is None


def test_the_inputs_are_given_back_unchanged_by_a_function_that_fails():
    x = leaf(normal(0, 3))
    before, calls = x.numpy().copy(), []

    def fails_later(x):
        calls.append(x)
        if len(calls) == 4:
            raise ZeroDivisionError
        return x * x

    with pytest.raises(ZeroDivisionError):
        gradcheck(fails_later, [x])
    assert np.array_equal(x.numpy(), before)


def test_many_operations_at_once(device):
    """A small net: the gradient of each parameter through everything above it."""
    x = Tensor(normal(0, 2, 2, 7, 6), device=device)
    weight, bias = leaf(normal(1, 4, 2, 3, 3), device), leaf(normal(2, 4), device)
    head = leaf(normal(3, 3, 16) / 4, device)

    def net(weight, bias, head):
        h = F.conv2d(x, weight, bias, stride=1, padding=1).tanh()
        h = F.local_response_norm(h, size=3, alpha=0.5, groups=2)
        h = F.avg_pool2d(h, 3, 3, ceil_mode=False).flatten(1)
        return F.cross_entropy(F.linear(F.dropout(h, seed=3), head), np.array([0, 2]))

    assert gradcheck(net, [weight, bias, head]) < 1e-7


# --------------------------------------------------------------------------------- what it refuses


def test_it_refuses():
    with pytest.raises(TypeError, match="gradcheck: inputs expects a list of Tensors, got Tensor"):
        gradcheck(lambda x: x, leaf([1.0]))
    with pytest.raises(ValueError, match="gradcheck: inputs expects a Tensor with requires_grad"):
        gradcheck(lambda x: x, [Tensor(np.zeros(2))])
    with pytest.raises(TypeError, match="gradcheck: input 1 expects float64, got float32"):
        gradcheck(lambda x, y: x, [leaf([1.0]), Tensor([1.0], requires_grad=True)])
    with pytest.raises(ValueError, match="gradcheck: input 0 was made by multiply"):
        gradcheck(lambda x: x, [leaf([1.0]) * 2])
    assert issubclass(GradcheckError, AssertionError)
    assert tinynet.GradcheckError is GradcheckError


def test_a_function_that_gives_no_tensor_is_refused():
    x = leaf([1.0, 2.0])
    for fn, told in (
        (lambda x: x.numpy() ** 2, "fn expects to give a Tensor, gave ndarray"),
        (lambda x: 3.0, "fn expects to give a Tensor, gave float"),
        (x * x, "fn expects a function, got Tensor"),
    ):
        with pytest.raises(TypeError, match=f"gradcheck: {told}"):
            gradcheck(fn, [x])
