"""x.to(device): a copy to another device, whose gradient is copied back."""

import numpy as np
import pytest
from inputs import normal

import tinynet
from tinynet import Tensor, gradcheck, nn
from tinynet import functional as F
from tinynet.commands.gradient_cases import CASES


@pytest.fixture(params=[("cpu", "sim:0"), ("sim:0", "cpu"), ("sim:0", "sim:1")])
def two(request):
    """Two devices: where a Tensor is, and where it goes."""
    try:
        return [tinynet.device(name) for name in request.param]
    except ValueError as reason:
        pytest.skip(str(reason))


def test_values_and_devices(two):
    here, there = two
    x = Tensor(normal(0, 2, 3), device=here)
    y = x.to(there)
    assert y.device is there
    assert there.owns(y.data)
    assert np.array_equal(y.numpy(), x.numpy())
    assert not np.shares_memory(y.numpy(), x.numpy())


def test_gradients(two):
    here, there = two

    def there_and_back(x, weight):
        return (F.linear(x.to(there), weight).tanh().to(here) * x.sum()).to(there)

    x = Tensor(normal(0, 3, 4), requires_grad=True, device=here)
    weight = Tensor(normal(1, 2, 4), requires_grad=True, device=there)
    gradcheck(lambda x, w: there_and_back(x, w[:1].to(there)), [x, weight])
    there_and_back(x, weight[:1]).sum().backward()
    assert x.grad.device is here
    assert weight.grad.device is there


def test_to_where_it_is_already_is_itself(device):
    x = Tensor(normal(0, 3), device=device)
    assert x.to(device) is x
    assert x.to(device.name) is x


def test_labels_move_too(two):
    here, there = two
    labels = Tensor(np.array([2, 0, 1]), device=here).to(there)
    logits = Tensor(normal(0, 3, 4), device=there)
    assert labels.dtype == np.int64
    expected = F.cross_entropy(logits, np.array([2, 0, 1])).item()
    assert F.cross_entropy(logits, labels).item() == expected


def test_labels_masks_and_indices_may_be_elsewhere(two):
    here, there = two
    values = normal(0, 3, 4)
    logits = Tensor(values, device=there)
    labels = Tensor(np.array([2, 0, 1]), device=here)
    loss = F.cross_entropy(logits, labels)
    assert loss.device is there
    assert loss.item() == F.cross_entropy(logits, np.array([2, 0, 1])).item()
    assert np.array_equal(logits[labels].numpy(), values[[2, 0, 1]])
    positive = F.where(Tensor(values > 0, device=here), logits, 0.0)
    assert positive.device is there
    assert np.array_equal(positive.numpy(), np.maximum(values, 0))


def test_a_gradient_not_copied_back_is_caught(two, monkeypatch):
    from tinynet.ops.to import To

    monkeypatch.setattr(To, "backward", lambda self, dy: dy)
    here, there = two
    x = Tensor(normal(0, 3), requires_grad=True, device=here)
    with pytest.raises(RuntimeError, match=f"to: the gradient of x is .* not on {here.name}"):
        (x.to(there) * 2.0).backward(np.ones(3))


def test_mixing_devices_is_refused(two):
    here, there = two
    x, y = Tensor(normal(0, 3), device=here), Tensor(normal(0, 3), device=there)
    with pytest.raises(ValueError, match=f"add: x is on {here.name}, y is on {there.name}"):
        x + y


def test_a_module_moves_with_its_parameters(two):
    here, there = two
    layer = nn.Linear(3, 2, device=here)
    x = normal(0, 4, 3).astype(np.float32)
    before = layer(Tensor(x, device=here)).numpy()
    layer.to(there)
    assert all(there.owns(p.data) for p in layer.parameters())
    # float32, the same BLAS on the same numbers: the same bits
    assert np.array_equal(layer(Tensor(x, device=there)).numpy(), before)


def test_a_module_moves_with_its_gradients(two):
    here, there = two
    layer = nn.Linear(3, 2, device=here)
    layer(Tensor(np.ones((1, 3), np.float32), device=here)).sum().backward()
    weight, before = layer.weight, layer.weight.grad.numpy()
    for target in (here, there):
        assert layer.to(target).weight is weight
        assert weight.grad.device is target and np.array_equal(weight.grad.numpy(), before)


def test_a_tensor_made_of_one_that_is_elsewhere(two):
    here, there = two
    x = Tensor([1.0, 2.0], device=here)
    y = Tensor(x, device=there)
    assert y.device is there and y.numpy().tolist() == [1, 2]
    told = f"write: values is on {here.name}, what is written to on {there.name}"
    if here is not there:
        with pytest.raises(ValueError, match=told):
            y.write(x)


@pytest.mark.parametrize("name", CASES)
def test_a_device_that_is_not_the_current_one_computes_all_the_same(name):
    """CuPy copies and adds on the current device, whichever the arrays are on."""
    try:
        second = tinynet.device("sim:1")
    except ValueError as reason:
        pytest.skip(str(reason))
    fn, arrays = CASES[name].fn, CASES[name].arrays()
    leaves = [Tensor(array, requires_grad=True, device=second) for array in arrays]
    for _ in range(2):  # the second gradient is added to the first
        y = fn(*leaves)
        y.backward(np.ones(y.shape))
    turned = y.T  # a result that is not contiguous
    assert turned.device is second and turned.data.device.id == second.index
    assert all(x.grad is None or x.grad.data.device.id == second.index for x in leaves)
