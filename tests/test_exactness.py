"""Every element-wise operation is right to a few ulps, denormals and both ends included."""

import pytest

pytest.importorskip("mpmath", reason="mpmath is not installed (extra test)")
import exactness  # noqa: E402


@pytest.mark.parametrize("dtype", exactness.DTYPES)
@pytest.mark.parametrize("name", exactness.CASES)
def test_every_value_and_slope_to_a_few_ulps(name, dtype, device):
    errors = exactness.measured(name, dtype, device.name, count=100)
    limits = exactness.CASES[name].limits
    assert all(error <= limit for error, limit in zip(errors, limits, strict=True)), errors
