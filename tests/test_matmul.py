"""The matrix product, with NumPy's rules for vectors and for stacks of matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import leaf, normal, seeds

from tinynet import GradcheckError, gradcheck
from tinynet.ops.matmul import MatMul

two_shapes = hnp.mutually_broadcastable_shapes(
    signature="(m?,k),(k,n?)->(m?,n?)", max_dims=2, max_side=3
).map(lambda drawn: drawn.input_shapes)


@given(two=two_shapes, seed=seeds)
def test_as_numpy_does(device, two, seed):
    x, y = normal(seed, *two[0]), normal(seed + 1, *two[1])
    z = (leaf(x, device) @ leaf(y, device)).numpy()
    assert z.shape == (x @ y).shape
    np.testing.assert_allclose(z, x @ y, rtol=1e-13, atol=1e-14)  # sums of at most 3 products
    gradcheck(lambda x, y: x @ y, [leaf(x, device), leaf(y, device)])


def test_by_hand():
    x, y = leaf([[1.0, 2], [3, 4]]), leaf([[5.0, 6], [7, 8]])
    z = x @ y
    # 1*5+2*7  1*6+2*8      19 22
    # 3*5+4*7  3*6+4*8      43 50
    assert z.numpy().tolist() == [[19, 22], [43, 50]]
    z.backward(np.array([[1.0, 0], [0, 0]]))
    assert x.grad.numpy().tolist() == [[5, 7], [0, 0]]
    assert y.grad.numpy().tolist() == [[1, 0], [2, 0]]


def test_vectors_by_hand():
    x, y = leaf([1.0, 2]), leaf([3.0, 4])
    assert (x @ y).shape == ()
    assert (x @ y).item() == 11
    assert (leaf([[1.0, 2], [3, 4]]) @ x).numpy().tolist() == [5, 11]
    assert (x @ leaf([[1.0, 2], [3, 4]])).numpy().tolist() == [7, 10]


@given(st.integers(1, 3), seeds)
def test_one_matrix_against_a_stack_gets_the_sum_of_its_gradients(stack, seed):
    x, y = leaf(normal(seed, stack, 2, 3)), leaf(normal(seed + 1, 3, 2))
    dz = normal(seed + 2, stack, 2, 2)
    (x @ y).backward(dz)
    expected = sum(x.numpy()[i].T @ dz[i] for i in range(stack))
    np.testing.assert_allclose(y.grad.numpy(), expected, rtol=1e-13, atol=1e-14)


def test_a_product_the_wrong_way_round_is_caught(monkeypatch):
    def backward(self, dz):
        rows, columns = self.saved[:2]
        return columns @ dz, dz @ rows

    monkeypatch.setattr(MatMul, "backward", backward)
    with pytest.raises(GradcheckError, match="matmul: gradient of argument 0"):
        gradcheck(lambda x, y: x @ y, [leaf(normal(0, 3, 3)), leaf(normal(1, 3, 3))])


@pytest.mark.parametrize(
    "two", [((2, 3), (2, 3)), ((3,), (2,)), ((2, 3), (2,)), ((), (2,)), ((2, 2), ())]
)
def test_shapes_that_do_not_fit(two):
    with pytest.raises(ValueError, match="matmul: shapes .* do not fit: the last axis of x must"):
        leaf(normal(0, *two[0])) @ leaf(normal(1, *two[1]))


def test_stacks_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"matmul, axes before the last two: shapes \(3,\) and"):
        leaf(normal(0, 3, 2, 2)) @ leaf(normal(1, 2, 2, 2))


def test_a_number_is_no_matrix():
    with pytest.raises(ValueError, match="matmul: shapes"):
        leaf(normal(0, 2, 2)) @ 3.0
