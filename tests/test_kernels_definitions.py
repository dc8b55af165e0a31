"""The definitions of the window kernels; other tests hold kernels, twins and F to them."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import normal, seeds
from kernel_shapes import blank, integers, windows

from tinynet.kernels import KERNELS, definitions

WINDOW_KERNELS = [
    kernel for kernel in KERNELS if {"kh", "beta"} & {p.name for p in KERNELS[kernel].parameters}
]


@pytest.mark.parametrize("kernel", WINDOW_KERNELS)
def test_kernels_with_a_window_have_a_definition_with_the_arguments_of_the_twin(kernel):
    definition = getattr(definitions, kernel)
    wanted = list(inspect.signature(KERNELS[kernel].twin).parameters)
    assert list(inspect.signature(definition).parameters) == wanted


def test_there_are_thirteen_of_them():
    assert len(WINDOW_KERNELS) == 13


@given(windows(), integers(2), integers(3), seeds)
def test_convolution_is_a_product_with_the_columns(sizes, groups, filters, seed):
    """W @ im2col(x), group by group, is what the definition of the convolution sums."""
    n, c, h, w, kh, kw, *strides_and_pads, oh, ow = sizes
    x = normal(seed, n, groups * c, h, w)
    weight = normal(seed + 1, groups * filters, c, kh, kw)
    y, col = blank((n, groups * filters, oh, ow), float), blank((c * kh * kw, n, oh * ow), float)
    definitions.conv(y, x, weight, None, groups, *strides_and_pads)
    for group in range(groups):
        definitions.im2col(col, np.ascontiguousarray(x[:, group * c : (group + 1) * c]), *sizes)
        its = slice(group * filters, (group + 1) * filters)
        product = weight[its].reshape(filters, -1) @ col.reshape(len(col), -1)
        # sums of at most 48 products of values around 1, each rounded to 1e-16
        expected = product.reshape(filters, n, oh, ow).swapaxes(0, 1)
        np.testing.assert_allclose(y[:, its], expected, rtol=1e-12, atol=1e-13)


@given(windows(), st.sampled_from(["im2col", "avg_pool"]), seeds)
def test_the_way_back_is_the_transposed_of_the_way_there(sizes, name, seed):
    """<dy, forward(x)> = <backward(dy), x>: as it must be where forward is linear."""
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    forward, backward, shape = {
        "im2col": (definitions.im2col, definitions.col2im, (c * kh * kw, n, oh * ow)),
        "avg_pool": (definitions.avg_pool_forward, definitions.avg_pool_backward, (n, c, oh, ow)),
    }[name]
    x, dy = normal(seed, n, c, h, w), normal(seed + 1, *shape)
    y, dx = blank(shape, float), blank(x.shape, float)
    forward(y, x, *sizes)
    backward(dx, dy, *sizes)
    np.testing.assert_allclose((dy * y).sum(), (dx * x).sum(), rtol=1e-9, atol=1e-9)
