"""The tape: order, memory, refusals, and gradients that belong to their Tensor alone."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds

import tinynet
import tinynet.functional as F
from tinynet import Tensor, tape
from tinynet.ops.elementwise import Add, Multiply
from tinynet.ops.function import Function
from tinynet.tensor import apply

CHAIN = 10_000  # Python's stack holds about 1,000 calls

# ------------------------------------------------------------------------------------------- order


def test_order_matters(monkeypatch, device):
    """b = a + a; c = b + b. Passed on before it is complete, the gradient of b would give a 2."""
    seen = []
    backward = Add.backward
    monkeypatch.setattr(
        Add, "backward", lambda self, dz: seen.append(float(dz)) or backward(self, dz)
    )
    a = leaf(3.0, device)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4
    assert seen == [1, 2]  # each operation once: that of c, then that of b, with both paths


def test_work_does_not_double_with_every_line():
    a = y = leaf(1.0)
    for _ in range(60):  # 2**60 paths
        y = y + y
    y.backward()
    assert a.grad.item() == 2.0**60


def test_a_long_and_a_short_way_to_the_same_tensor():
    x = leaf(2.0)
    h = x * 3
    long_way = h
    for _ in range(5):
        long_way = long_way * 2
    (h * long_way).backward()  # 32 h**2 = 288 x**2
    assert x.grad.item() == 2 * 288 * 2


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=25))
def test_any_graph_has_the_gradient_of_forward_differentiation(lines):
    """Line t is 1.5 * line i plus an earlier line j; ds/dx is carried forward beside the value."""
    x = leaf(0.7)
    values, slopes = [x], [1.0]
    for i, j in lines:
        i, j = i % len(values), j % len(values)
        values.append(values[i] * 1.5 + values[j])
        slopes.append(1.5 * slopes[i] + slopes[j])
    values[-1].backward()
    assert x.grad.item() == pytest.approx(slopes[-1], rel=1e-12)  # 25 roundings of 1e-16 each


def test_a_chain_longer_than_the_stack():
    x = leaf(1.0)
    y = x
    for _ in range(CHAIN):
        y = y + 1.0
    first = weakref.ref(y.creator.parents[0])
    y.backward()
    assert y.item() == CHAIN + 1
    assert x.grad.item() == 1
    del y
    gc.collect()
    assert first() is None


def test_a_long_chain_that_is_never_walked_is_freed():
    x = leaf(1.0)
    y = x * 1.0
    first = weakref.ref(y.creator)
    for _ in range(CHAIN):
        y = -y
    assert first() is not None
    del y
    gc.collect()
    assert first() is None


# ------------------------------------------------------------------------ memory, once and for all


def test_a_second_backward_is_refused():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward: what sum saved was freed by an earlier"):
        y.backward()
    assert np.array_equal(x.grad.numpy(), [2, 4])


def test_a_second_backward_through_a_shared_part_is_refused():
    x = leaf([1.0, 2.0])
    h = x.exp()
    one, two = h.sum(), h.mean()
    one.backward()
    with pytest.raises(RuntimeError, match="what exp saved was freed"):
        two.backward()


def test_what_was_saved_is_freed_by_backward():
    x = leaf(normal(0, 50))
    h = x.exp()
    array, tensor = weakref.ref(h.data), weakref.ref(h)
    y = (h * h).sum()
    del h
    assert array() is not None
    y.backward()
    assert array() is None
    assert tensor() is None
    assert y.item() > 0


def test_without_gradient_nothing_is_kept():
    x = Tensor(normal(0, 50))
    h = x.exp()
    array = weakref.ref(h.data)
    y = (h * h).sum()
    del h
    assert array() is None
    assert y.creator is None


def test_only_wanted_gradients_are_worked_out(monkeypatch):
    wanted = []
    backward = Multiply.backward
    monkeypatch.setattr(
        Multiply,
        "backward",
        lambda self, dz: wanted.append(self.needs_grad) or backward(self, dz),
    )
    x, constant = leaf(2.0), Tensor(np.float64(3))
    (x * constant).backward()
    assert wanted == [(True, False)]
    assert constant.grad is None


# ---------------------------------------------------------------------------------- whose gradient


def test_gradients_add_up_over_backward_calls(device):
    x = leaf([1.0, 2.0], device)
    (x * x).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert np.array_equal(x.grad.numpy(), [5, 7])
    assert np.array_equal(first.numpy(), [2, 4])  # what was read before does not change


def test_only_leaves_keep_a_gradient():
    x = leaf([1.0])
    h = x * 2
    h.sum().backward()
    assert h.grad is None
    assert x.grad is not None


class Twice(Function):
    """x + y, whose backward hands the same new array to both."""

    name = "twice"

    def forward(self, x, y):
        return x + y

    def backward(self, dz):
        shared = dz * 1
        return shared, shared


@pytest.mark.parametrize(
    "fn",
    [
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x + x + y,
        lambda x, y: apply(Twice, x, y),
        lambda x, y: apply(Twice, x * 1, y),
        lambda x, y: F.concatenate([x, y], axis=0)[:3] * 1,
        lambda x, y: x.reshape(3, 1).transpose(1, 0).reshape(3) + y.sum(),
        lambda x, y: F.where(np.array([True, False, True]), x, y),
        lambda x, y: F.maximum(x, y),
    ],
)
def test_gradients_never_share_memory(fn):
    x, y, dy = leaf([1.0, 2.0, 3.0]), leaf([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    fn(x, y).backward(dy)
    arrays = [x.grad.data, y.grad.data, dy, x.data, y.data]
    for i, one in enumerate(arrays):
        assert one.flags.writeable
        for other in arrays[i + 1 :]:
            assert not np.shares_memory(one, other)
    assert np.array_equal(dy, [1, 2, 3])  # and nobody wrote to the dy passed in


def test_backward_from_a_leaf_copies_its_argument():
    x, dy = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    x.backward(dy)
    assert np.array_equal(x.grad.numpy(), dy)
    assert not np.shares_memory(x.grad.data, dy)


# ------------------------------------------------------------------------------ the first gradient


def test_backward_takes_a_gradient_of_the_same_kind(device):
    x = leaf([1.0, 2.0], device)
    (x * 2).backward(np.array([1.0, 10.0]))
    (x * 2).backward(Tensor(np.array([1.0, 10.0]), device=device))
    assert np.array_equal(x.grad.numpy(), [4, 40])
    x.zero_grad()
    (x.sum() * 2).backward(5)
    assert np.array_equal(x.grad.numpy(), [10, 10])


def test_an_assigned_gradient_is_of_the_same_kind(device):
    x = leaf([1.0, 2.0], device)
    x.grad = Tensor(np.ones(2), device=device)
    for wrong in (np.ones(3), np.ones(2, np.float32), np.ones((2, 1))):
        with pytest.raises(ValueError, match=r"grad: the gradient expects float64 \(2,\), got"):
            x.grad = Tensor(wrong, device=device)
    with pytest.raises(TypeError, match="grad: the gradient expects a Tensor, got ndarray"):
        x.grad = np.ones(2)
    assert x.grad.numpy().tolist() == [1, 1]
    x.grad = None
    assert x.grad is None


def test_a_gradient_on_another_device_is_told(device):
    if device.name == "cpu":
        return
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=f"grad is on {device.name}, what it belongs to is on cpu"):
        (x * 2).backward(Tensor(np.ones(2), device=device))
    with pytest.raises(ValueError, match=f"the gradient is on {device.name}, what it belongs to"):
        x.grad = Tensor(np.ones(2), device=device)


def test_backward_refuses():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=r"backward: a Tensor of shape \(2,\) needs the argument"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"backward: grad expects float64 \(2,\), got float64 \(3"):
        (x * 2).backward(np.zeros(3))
    with pytest.raises(ValueError, match=r"backward: grad expects .* got float64 \(1, 2\)"):
        (x * 2).backward(np.zeros((1, 2)))  # it would broadcast
    with pytest.raises(ValueError, match=r"backward: grad expects float64 \(2,\), got float32"):
        (x * 2).backward(np.zeros(2, np.float32))
    with pytest.raises(
        TypeError, match="backward: expects a Tensor, an array or a number, got str"
    ):
        (x * 2).backward("1")
    with pytest.raises(RuntimeError, match="backward: this Tensor does not require a gradient"):
        Tensor([1.0]).backward()
    assert x.grad is None


# ------------------------------------------------------------------------- a Function of one's own


class Square(Function):
    """The example of tinynet/ops/function.py."""

    name = "square"

    def forward(self, x):
        self.saved = (x,)
        return x * x

    def backward(self, dy):
        (x,) = self.saved
        return 2 * x * dy


def test_a_function_of_ones_own(device):
    assert tinynet.gradcheck(lambda x: apply(Square, x), [leaf(normal(0, 3), device)]) < 1e-6


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda dy: dy[:1], r"square: the gradient of x is float64 \(1,\) where float64 \(3,\)"),
        (lambda dy: dy.sum(), r"square: the gradient of x is float64 \(\) where float64 \(3,\)"),
        (lambda dy: dy.astype("f4"), r"square: the gradient of x is float32 \(3,\) where float64"),
        (lambda dy: (dy, dy), "square: backward gave 2 gradients for 1 inputs"),
    ],
)
def test_a_wrong_gradient_is_refused_by_name(monkeypatch, gradient, message):
    monkeypatch.setattr(Square, "backward", lambda self, dy: gradient(dy))
    x = leaf(normal(0, 3))
    with pytest.raises(RuntimeError, match=message):
        apply(Square, x).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: (x, x), "square: forward gave tuple, and not one array"),
        (Tensor, "square: forward gave Tensor, and"),
        (lambda x: None, "square: forward gave NoneType, and"),
    ],
)
def test_a_result_that_is_no_array_is_refused_by_name(monkeypatch, result, message):
    monkeypatch.setattr(Square, "forward", lambda self, x: result(x))
    with pytest.raises(TypeError, match=message):
        apply(Square, leaf(normal(0, 3)))


def test_a_function_without_a_name_is_called_as_its_class():
    class Doubled(Function):
        def forward(self, x):
            return x + x

    class Tripled(Twice):
        pass

    assert (Doubled.name, Tripled.name) == ("Doubled", Twice.name)


def test_none_means_that_the_result_does_not_depend_on_it(monkeypatch):
    monkeypatch.setattr(Square, "backward", lambda self, dy: None)
    x = leaf(normal(0, 3))
    (apply(Square, x * 2) + x).backward(np.ones(3))
    assert np.array_equal(x.grad.numpy(), np.ones(3))


@given(seeds)
def test_topological_order_puts_makers_first(seed):
    rng = np.random.default_rng(seed)
    made = [leaf(1.0)]
    for _ in range(20):
        i, j = rng.integers(0, len(made), 2)
        made.append(made[i] * made[j])
    order = tape.topological_order(made[-1].creator)
    place = {function: i for i, function in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is made[-1].creator
    for function in order:
        for parent in function.parents:
            assert parent is made[0] or place[parent] < place[function]


def test_the_graph_holds_no_results_that_nobody_saved():
    x = leaf(normal(0, 50))
    h = x + 1.0  # neither Add nor Exp saves it
    array = weakref.ref(h.data)
    y = h.exp()
    del h
    assert array() is None
    y.backward(np.ones(50))
