"""The fully connected layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import leaf, normal, seeds

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.matmul import Linear


@given(
    rows=hnp.array_shapes(min_dims=0, max_dims=2, max_side=3),
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 4),
    bias=st.booleans(),
    seed=seeds,
)
def test_against_the_formula(device, rows, inputs, outputs, bias, seed):
    arrays = [normal(seed, *rows, inputs), normal(seed + 1, outputs, inputs)]
    expected = np.einsum("...i,oi->...o", *arrays)
    if bias:
        arrays.append(normal(seed + 2, outputs))
        expected = expected + arrays[2]
    leaves = [leaf(array, device) for array in arrays]
    y = F.linear(*leaves)
    assert y.shape == (*rows, outputs)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-13, atol=1e-14)  # at most 5 terms
    gradcheck(F.linear, leaves)


def test_by_hand():
    x = leaf([[1.0, 2], [3, 4]])
    weight, bias = leaf([[1.0, 0], [0, 1], [1, -1]]), leaf([10.0, 20, 30])
    y = F.linear(x, weight, bias)
    # each row of x: first, second, difference; plus the bias
    assert y.numpy().tolist() == [[11, 22, 29], [13, 24, 29]]
    y.backward(np.array([[1.0, 0, 0], [0, 0, 2]]))
    assert x.grad.numpy().tolist() == [[1, 0], [2, -2]]
    assert weight.grad.numpy().tolist() == [[1, 2], [0, 0], [6, 8]]
    assert bias.grad.numpy().tolist() == [1, 0, 2]


def test_a_bias_gradient_without_its_sum_over_the_batch_is_caught(monkeypatch):
    backward = Linear.backward
    monkeypatch.setattr(Linear, "backward", lambda self, dy: (*backward(self, dy)[:2], dy[0]))
    leaves = [leaf(normal(0, 3, 4)), leaf(normal(1, 2, 4)), leaf(normal(2, 2))]
    with pytest.raises(GradcheckError, match=r"linear: gradient of argument 2 at index \(0,\)"):
        gradcheck(F.linear, leaves)


def test_an_empty_batch_gives_an_empty_result():
    weight = leaf(normal(0, 2, 3))
    y = F.linear(Tensor(np.zeros((0, 3))), weight, leaf(normal(1, 2)))
    assert y.shape == (0, 2)
    y.sum().backward()
    assert np.array_equal(weight.grad.numpy(), np.zeros((2, 3)))


def test_it_refuses():
    x, weight = leaf(normal(0, 2, 3)), leaf(normal(1, 4, 3))
    with pytest.raises(ValueError, match=r"linear: weight expects 5 inputs, x has shape \(2, 3\)"):
        F.linear(x, leaf(normal(1, 4, 5)))
    with pytest.raises(ValueError, match=r"linear: weight expects \(outputs, inputs\), got \(3,\)"):
        F.linear(x, leaf(normal(1, 3)))
    with pytest.raises(ValueError, match=r"linear: bias expects shape \(4,\), got \(3,\)"):
        F.linear(x, weight, leaf(normal(2, 3)))
    with pytest.raises(ValueError, match=r"linear: bias expects shape \(4,\), got \(\)"):
        F.linear(x, weight, leaf(1.0))
    with pytest.raises(ValueError, match=r"linear: weight expects 3 inputs, x has shape \(\)"):
        F.linear(leaf(1.0), weight)
