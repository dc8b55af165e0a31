"""The NumPy twins of both local response normalizations against their definitions in float64.

Alpha is near 1: with the paper's 1e-4 the sum over the window would hardly show.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, integers

from tinynet.kernels import definitions
from tinynet.kernels.lrn import lrn_backward, lrn_forward
from tinynet.kernels.lrn_within import lrn_within_backward, lrn_within_forward

SEEDS = st.integers(0, 2**32 - 1)
BETAS = st.sampled_from([0.75, 0.6])  # 0.75 is computed by square roots
ALPHA, K = 0.9, 2.0
# float32: about ten roundings of 6e-8 each, in values of size up to 5, and pow's own few ulp.
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


def test_kernels_lrn_by_hand():
    x = np.array([1, 2, 3, 4], np.float64).reshape(1, 4, 1)
    y, scale = blank(x.shape, np.float64), blank(x.shape, np.float64)
    lrn_forward(y, scale, x, 1, 4, 1, 1, 3, 1.0, 0.75, 2.0)
    # 2 + the squares of the channel and its neighbours
    np.testing.assert_array_equal(scale.ravel(), [2 + 5, 2 + 14, 2 + 29, 2 + 25])
    np.testing.assert_allclose(y[0, 1, 0], 2 / 16**0.75, rtol=1e-15)
    lrn_forward(y, scale, x, 1, 4, 1, 2, 3, 1.0, 0.75, 2.0)
    # two towers of two channels: no window crosses the line between them
    np.testing.assert_array_equal(scale.ravel(), [2 + 5, 2 + 5, 2 + 25, 2 + 25])
    lrn_forward(y, scale, x, 1, 4, 1, 1, 2, 1.0, 0.75, 2.0)
    # an even window reaches down, not up
    np.testing.assert_array_equal(scale.ravel(), [2 + 1, 2 + 5, 2 + 13, 2 + 25])


def compare(forward, backward, shape, arguments, dtype, seed):
    """A twin, forward and backward, with the definition, which works in float64."""
    x, dy = np.random.default_rng(seed).standard_normal((2, *shape)).astype(dtype)
    results = []
    for module, real in ((None, dtype), (definitions, np.float64)):
        forth, back = (getattr(module, f.__name__) if module else f for f in (forward, backward))
        y, scale, dx = (blank(shape, real) for _ in range(3))
        forth(y, scale, x.astype(real), *arguments, K)
        back(dx, dy.astype(real), x.astype(real), scale, *arguments)
        results.append((scale, y, dx))
    for ours, expected in zip(*results):
        np.testing.assert_allclose(ours, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@given(
    integers(2), integers(3), integers(6), integers(40), integers(9), BETAS, DTYPES, SEEDS
)  # sizes up to 9 channels: windows larger than the group are among them
def test_kernels_lrn(n, groups, per_group, plane, size, beta, dtype, seed):
    sizes = n, groups * per_group, plane, groups
    compare(lrn_forward, lrn_backward, sizes[:3], (*sizes, size, ALPHA, beta), dtype, seed)


@given(integers(2), integers(3), integers(7), integers(6), integers(8), BETAS, DTYPES, SEEDS)
def test_kernels_lrn_within(n, c, h, w, size, beta, dtype, seed):
    kernels = lrn_within_forward, lrn_within_backward
    compare(*kernels, (n, c, h, w), (n, c, h, w, size, ALPHA, beta), dtype, seed)


@pytest.mark.parametrize("loud", [1e4, 1e6])
def test_kernels_lrn_keeps_quiet_channels_beside_a_loud_one(loud):
    """A running sum that adds and subtracts would keep the loud channel's rounding error."""
    x = np.full((1, 12, 1), 1e-2, np.float32)
    x[0, 2] = loud
    y, scale = np.empty_like(x), np.empty_like(x)
    lrn_forward(y, scale, x, 1, 12, 1, 1, 5, 1.0, 0.75, 0.0)
    np.testing.assert_allclose(scale[0, 7:10, 0], 5e-4, rtol=1e-6)  # five squares of 1e-2
