"""What changes before backward needs it, and parameters that are updated in place."""

import re

import numpy as np
import pytest
from inputs import leaf

import tinynet
import tinynet.functional as F
from tinynet import Tensor
from tinynet.commands.gradient_cases import CASES

# -------------------------------------------------------------------- what changes before backward


def test_a_mask_that_is_changed_before_backward(device):
    mask, x = np.array([True, False]), leaf([1.0, 2.0], device)
    for condition in (mask, Tensor(mask, device=device)):
        mask[:] = [True, False]
        y = F.where(condition, x, 0.0)
        mask[:] = False
        if device.name != "cpu" and isinstance(condition, Tensor):
            condition.write(mask)
        x.zero_grad()
        y.sum().backward()
        assert x.grad.numpy().tolist() == [1, 0]


def test_indices_that_are_changed_before_backward(device):
    x, index = leaf([1.0, 2.0, 3.0], device), np.array([0, 0])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    assert x.grad.numpy().tolist() == [2, 0, 0]


def test_labels_that_are_changed_before_backward(device):
    logits, labels = leaf([[0.0, 0.0]], device), np.array([0], np.int32)
    loss = F.cross_entropy(logits, labels)
    labels[:] = 1
    loss.backward()
    assert logits.grad.numpy().tolist() == [[-0.5, 0.5]]


CHANGES = {
    "an optimizer's step": lambda w: tinynet.optim.SGD([w], lr=0.1).step(),
    "new initial values": lambda w: tinynet.init.constant_(w, 3.0),
    "write": lambda w: w.write(np.ones(2)),
    "a change through what shares the array": lambda w: w.detach().write(np.ones(2)),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "view", [lambda w: w, lambda w: w.reshape(1, 2).reshape(2), lambda w: w[:]]
)
def test_a_weight_that_is_changed_before_backward_is_told(name, view, device):
    w, x = leaf([1.0, 2.0], device), leaf([3.0, 4.0], device)
    w.grad = Tensor(np.ones(2), device=device)
    y = (view(w) * x).sum()
    CHANGES[name](w)
    with pytest.raises(RuntimeError, match="backward: multiply needs x as it was, and it has been"):
        y.backward()


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_an_argument_or_of_the_result_is_told_or_changes_nothing(name, device):
    def gradients(changed=None):
        inputs = [leaf(array, device) for array in CASES[name].arrays()]
        y = CASES[name].fn(*inputs)
        if changed is not None:
            with tinynet.no_grad():
                [*inputs, y][changed].write(7.0)
        y.backward(np.random.default_rng(0).standard_normal(y.shape))
        return [x.grad.numpy() for x in inputs if x.grad is not None]

    right = gradients()
    for changed in range(len(CASES[name].arrays()) + 1):
        try:
            found = gradients(changed)
        except RuntimeError as told:
            assert "as it was, and it has been changed in place since" in str(told)
        else:
            assert all(np.array_equal(x, y) for x, y in zip(right, found, strict=True)), changed


@pytest.mark.parametrize("name", ["relu", "exp", "tanh", "sqrt"])
def test_a_result_that_is_changed_before_backward_is_told(name, device):
    x = leaf([[1.0, 2.0]], device)
    y = getattr(x, name)()
    loss = y[:, :1].sum()
    y.reshape(2, 1).detach().write(0.0)
    with pytest.raises(RuntimeError, match=f"backward: {name} needs its result as it was, and it"):
        loss.backward()


def test_what_an_operation_made_is_not_written_to(device):
    """Its gradient would go to what it was made of, which the new values do not depend on."""
    x = leaf([1.0, 2.0], device)
    y = x + 1
    with pytest.raises(RuntimeError, match="write: gradients would reach what add made this Tens"):
        y.write(7.0)
    assert y.numpy().tolist() == [2, 3]
    (y * y).sum().backward()
    assert x.grad.numpy().tolist() == [4, 6]


def test_a_change_of_what_backward_does_not_need_is_nobodys_business(device):
    w, x = leaf([1.0, 2.0], device), leaf([3.0, 4.0], device)
    y = (w + x).sum()
    w.write(np.zeros(2))
    y.backward()
    assert w.grad.numpy().tolist() == [1, 1]
    (w * x).sum().backward()  # and after the change as ever
    assert w.grad.numpy().tolist() == [4, 5]


# ------------------------------------------------------------------------------- updates in place


def test_the_textbooks_update_keeps_the_parameter(device):
    layer = tinynet.nn.Linear(2, 1, device=device)
    before, weight, array = layer.weight.numpy().copy(), layer.weight, layer.weight.data
    layer(Tensor(np.array([[1, 2]], np.float32), device=device)).sum().backward()
    with tinynet.no_grad():
        layer.weight -= 0.5 * layer.weight.grad
    assert layer.weight is weight
    assert layer.weight.data is array
    assert [*layer.state_dict()] == ["weight", "bias"]
    assert np.array_equal(weight.numpy(), before - np.array([[0.5, 1]], np.float32))


@pytest.mark.parametrize(
    ("sign", "expected"), [("+", 8), ("-", 4), ("*", 12), ("/", 3), ("**", 36)]
)
def test_operators_in_place(sign, expected):
    w = leaf([6.0])
    names = {"w": w, "tinynet": tinynet}
    with pytest.raises(RuntimeError, match=rf"x {re.escape(sign)}= y would overwrite a leaf"):
        exec(f"w {sign}= 2", names)
    exec(f"with tinynet.no_grad(): w {sign}= 2", names)
    assert names["w"] is w
    assert w.numpy().tolist() == [expected]
    assert w.requires_grad


def test_a_sum_of_losses_is_a_new_tensor():
    x = leaf([1.0, 2.0])
    total = first = (x * 2).sum()
    total += (x * 3).sum()
    total.backward()
    assert first.item() == 6
    assert x.grad.numpy().tolist() == [5, 5]
    constant = kept = Tensor([1.0])
    constant += 1
    assert kept.item() == 1


def test_an_update_in_place_keeps_shape_dtype_and_tape():
    w = leaf([1.0, 2.0])
    y = (w * w).sum()
    with tinynet.no_grad():
        with pytest.raises(
            ValueError, match=r"add: the result of x \+= y expects float64 \(2,\), g"
        ):
            w += np.zeros((3, 2))
        w += 1
    with pytest.raises(RuntimeError, match="backward: multiply needs x as it was"):
        y.backward()
