"""NumPy's own functions on Tensors: run, or refused where a gradient would be lost."""

import numpy as np
import pytest
from inputs import leaf, normal

import tinynet
import tinynet.functional as F
from tinynet import Tensor

LOSING = {
    "abs": (np.abs, r"x\.abs\(\)"),
    "clip": (lambda x: np.clip(x, 0, 4), r"x\.clip\(\.\.\.\)"),
    "concatenate": (lambda x: np.concatenate([x, x]), "tinynet.functional.concatenate"),
    "exp": (np.exp, r"x\.exp\(\.\.\.\)"),
    "add.reduce": (np.add.reduce, "the operations of tinynet.functional"),
    "max": (np.max, r"x\.max\(\.\.\.\)"),
    "maximum": (lambda x: np.maximum(0, x), "tinynet.functional.maximum"),
    "mean": (np.mean, r"x\.mean\(\.\.\.\)"),
    "split": (lambda x: np.split(x, 2), "the operations of tinynet.functional"),
    "stack": (lambda x: np.stack([x, x]), r"tinynet.functional.concatenate of each x\[None\]"),
    "sum": (lambda x: np.sum(x, axis=0), r"x\.sum\(\.\.\.\)"),
    "where": (lambda x: np.where(np.array(True), x, 0), "tinynet.functional.where"),
}


@pytest.mark.parametrize("name", LOSING)
def test_a_function_that_would_cut_the_gradient_names_what_to_use(name, device):
    function, instead = LOSING[name]
    x = leaf(normal(0, 2, 3), device)
    with pytest.raises(TypeError, match=rf"cuts off the gradient of the Tensor: use {instead};"):
        function(x * 3)


@pytest.mark.parametrize("name", LOSING)
def test_without_a_gradient_the_elements_are_computed_with(name, device):
    function, _ = LOSING[name]
    array = normal(0, 2, 3)
    x = leaf(array, device)
    with tinynet.no_grad():
        result = function(x)
    for y in (result, function(x.detach())):
        assert np.array_equal(y, function(array))


def test_what_has_no_gradient_anyway_is_given(device):
    x = leaf([[3.0, np.nan, 1.0]], device)
    assert np.shape(x) == (1, 3)
    assert np.isnan(x).tolist() == [[False, True, False]]
    assert np.argsort(x.detach()[0, ::2]).tolist() == [1, 0]
    assert np.array_equal(x, x.numpy(), equal_nan=True)
    assert np.asarray(x).dtype == np.float64


def test_numpys_operators_stay_on_the_tape(device):
    x, array = leaf([1.0, 2.0], device), np.array([3.0, 5.0])
    y = np.add(array, x) * np.negative(np.multiply(x, array))  # -(a + x) * x * a
    y.backward(np.ones(2))
    assert y.numpy().tolist() == [-12, -70]
    assert x.grad.numpy().tolist() == [-15, -45]  # -(a + 2 x) * a


def test_a_tensor_added_to_an_array_in_place():
    total, x = np.zeros(2), leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"np.add: .*use .*array = array \+ x, not array \+= x"):
        total += x
    assert total.tolist() == [0, 0]
    total += x.detach()
    assert isinstance(total, np.ndarray)
    assert total.tolist() == [1, 2]


def test_a_list_of_tensors_with_a_gradient_is_refused_as_data():
    losses = [leaf(1.0), leaf(2.0)]
    with pytest.raises(TypeError, match="Tensor: data holds a Tensor whose gradient would be cut"):
        Tensor(losses)
    assert Tensor([loss.detach() for loss in losses]).numpy().tolist() == [1, 2]
    joined = F.concatenate([loss.reshape(1) for loss in losses])
    joined.sum().backward()
    assert losses[0].grad.item() == 1
