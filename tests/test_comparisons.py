"""== != < <= > >= on Tensors: bools, element by element, as NumPy has them."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inputs import broadcastable, leaf, seeds

import tinynet.functional as F
from tinynet import Tensor

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
every = pytest.mark.parametrize("compare", COMPARISONS)
DTYPES = st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_])


@every
@given(two=broadcastable(2), dtypes=st.tuples(DTYPES, DTYPES), seed=seeds)
def test_against_numpy(compare, device, two, dtypes, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 3, shape).astype(dtype) for shape, dtype in zip(two, dtypes))
    expected = compare(x, y)
    t, u = Tensor(x, device=device), Tensor(y, device=device)
    for result in (compare(t, u), compare(t, y), compare(x, u)):
        assert isinstance(result, Tensor)
        assert result.device is device
        np.testing.assert_array_equal(result.numpy(), expected, strict=True)


@every
@given(
    x=hnp.arrays(st.sampled_from([np.float32, np.int64, np.uint8]), 3, elements=st.integers(0, 9)),
    number=st.integers(-3, 300) | st.floats(-1, 10) | st.sampled_from([np.nan, np.inf]),
)
def test_numbers_are_not_rounded_to_the_dtype(compare, device, x, number):
    t = Tensor(x, device=device)
    for n in (number, np.float64(number)):  # integers too: 2 is not 2.5
        assert np.array_equal(compare(t, n).numpy(), compare(x, number))
        assert np.array_equal(compare(n, t).numpy(), compare(number, x))


def test_masks_are_joined(device):
    x = Tensor([1.0, 2.0, 3.0], device=device)
    assert x[(x > 1) & (x < 3)].numpy().tolist() == [2]
    assert ((x > 2) | (x < 2)).numpy().tolist() == [True, False, True]
    assert (~(x > 1)).numpy().tolist() == [True, False, False]
    assert ((x > 1) & np.array([True, True, False])).numpy().tolist() == [False, True, False]
    for join in (lambda: x & (x > 1), lambda: (x > 1) | x, lambda: ~x, lambda: (x > 1) & 1):
        with pytest.raises(TypeError, match=r"^[&|~]: expects bools, such as those of \(x > 0\)"):
            join()


def test_a_mask_from_a_comparison():
    x = leaf([0.0, 2.0, 0.0])
    assert F.where(x == 0, -1.0, x).numpy().tolist() == [-1, 2, -1]
    assert x[x > 0].numpy().tolist() == [2]


def test_the_share_of_right_answers():
    predicted, labels = Tensor(np.array([2, 0, 1, 1])), Tensor(np.array([2, 0, 1, 2]))
    assert np.mean(predicted == labels) == 0.75
    assert np.mean(predicted.numpy() == labels) == 0.75


def test_the_least_of_a_list_of_losses():
    losses = [Tensor(3.0), Tensor(1.0), Tensor(2.0)]
    assert min(losses) is losses[1]
    assert sorted(losses)[2] is losses[0]
    assert losses[2] in losses


def test_a_comparison_has_no_gradient():
    assert not (leaf([1.0]) < 2).requires_grad


def test_keys_and_members_of_sets_are_told_apart_by_identity():
    x, y = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
    assert {x: 1, y: 2}[y] == 2
    assert len({x, y, x}) == 2


def test_what_is_no_number_is_never_equal():
    x = Tensor([1.0, 2.0])
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError, match="'<' not supported between instances of 'Tensor' and"):
        x < None  # noqa: B015


def test_operands_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"eq: shapes \(2,\) and \(3,\) do not broadcast"):
        Tensor([1.0, 2.0]) == Tensor([1.0, 2.0, 3.0])  # noqa: B015
    with pytest.raises(TypeError, match="lt: expects a Tensor, an array or a number, got list"):
        Tensor([1.0, 2.0]) < [1.0, 2.0]  # noqa: B015


def test_operands_on_two_devices_are_refused(device):
    if device.name == "cpu":
        return
    with pytest.raises(ValueError, match=f"ge: x is on cpu, y is on {device.name}"):
        Tensor([1.0]) >= Tensor([1.0], device=device)  # noqa: B015
