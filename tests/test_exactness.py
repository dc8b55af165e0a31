"""Every element-wise operation is right to a few ulps, denormals and both ends included."""

import pytest
from hypothesis import strategies as st
from inputs import seeds

from tinynet.ops import activation, elementwise

pytest.importorskip("mpmath", reason="mpmath is not installed (extra test)")
import exactness  # noqa: E402


def test_no_element_wise_operation_is_forgotten():
    classes = [*vars(elementwise).values(), *vars(activation).values()]
    names = {c.name for c in classes if isinstance(c, type) and hasattr(c, "name")}
    names -= {"where"}  # which computes nothing
    assert names == exactness.CASES.keys() - {"log_softmax", "cross_entropy"}


def check(name, dtype, device, count, seed):
    errors = exactness.measured(name, dtype, device.name, count, seed)
    limits = exactness.CASES[name].limits
    assert all(error <= limit for error, limit in zip(errors, limits, strict=True)), errors


@pytest.mark.parametrize("dtype", exactness.DTYPES)
@pytest.mark.parametrize("name", exactness.CASES)
def test_every_value_and_slope_to_a_few_ulps(name, dtype, device):
    check(name, dtype, device, count=100, seed=0)


def test_other_points_of_every_operation(device, fuzz):
    some = st.tuples(st.sampled_from([*exactness.CASES]), st.sampled_from(exactness.DTYPES), seeds)
    fuzz(lambda drawn: check(*drawn[:2], device, count=3, seed=drawn[2]), some)
