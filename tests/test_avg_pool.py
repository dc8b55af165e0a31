"""Average-pooling: the mean of those pixels of the window that lie in the image.

test_max_pool.py checks what both refuse.
"""

import by_definition
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds, sliding_windows

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck
from tinynet.ops.avg_pool import AvgPool2d


@st.composite
def poolings(draw):
    size, options = draw(sliding_windows(pooling=True))
    options["ceil_mode"] = draw(st.booleans())
    return normal(draw(seeds), draw(st.integers(1, 2)), draw(st.integers(1, 2)), *size), options


def agrees_with_definition(x, options, device="cpu"):
    y = F.avg_pool2d(Tensor(x, device=device), **options).numpy()
    expected = by_definition.avg_pool2d(x, **options)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-14)  # means of at most 9 pixels


@given(poolings())
def test_values_and_gradients(device, drawn):
    x, options = drawn
    agrees_with_definition(x, options, device)
    gradcheck(lambda x: F.avg_pool2d(x, **options), [leaf(x, device)])


def test_the_divisor_counts_pixels_of_the_image_only():
    x = leaf([[[[1.0, 2, 3], [4, 5, 6]]]])
    y = F.avg_pool2d(x, 2, 2, padding=(1, 0, 1, 0), ceil_mode=True)
    # windows: 1 | 2 3          1/1  5/2
    #          4 | 5 6          4/1  11/2
    assert y.numpy().tolist() == [[[[1, 2.5], [4, 5.5]]]]
    y.backward(np.array([[[[1.0, 10], [100, 1000]]]]))
    assert x.grad.numpy().tolist() == [[[[1, 5, 5], [100, 500, 500]]]]


def test_ceil_mode():
    rows = leaf([[[[2.0, 4, 6, 8, 10]]]])
    assert F.avg_pool2d(rows, (1, 2), 2).numpy().ravel().tolist() == [3, 7]
    assert F.avg_pool2d(rows, (1, 2), 2, ceil_mode=True).numpy().ravel().tolist() == [3, 7, 10]


def test_overlapping_windows_by_hand():
    x = leaf([[[[1.0, 2, 6, 3, 9]]]])
    y = F.avg_pool2d(x, (1, 3), 2)
    assert y.numpy().ravel().tolist() == [3, 6]
    y.backward(np.array([[[[3.0, 30]]]]))
    assert x.grad.numpy().ravel().tolist() == [1, 1, 11, 10, 10]


# -------------------------------------------------------------------- mistakes that must be caught

OPTIONS = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1, 1, 0), "ceil_mode": False}


def test_dividing_by_the_whole_window_is_caught(monkeypatch):
    """Equally wrong both ways, it passes gradcheck: only the definition can tell."""
    whole, x = 6, normal(0, 2, 2, 5, 4)
    inside = _counts(x.shape)
    forward, backward = AvgPool2d.forward, AvgPool2d.backward
    monkeypatch.setattr(
        AvgPool2d, "forward", lambda self, x, **o: forward(self, x, **o) * inside / whole
    )
    monkeypatch.setattr(AvgPool2d, "backward", lambda self, dy: backward(self, dy * inside / whole))
    gradcheck(lambda x: F.avg_pool2d(x, **OPTIONS), [leaf(x)])
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees_with_definition(x, OPTIONS)


def _counts(shape):
    """How many pixels of each window of OPTIONS lie in the image."""
    h, w = shape[2:]
    rows = [min(r + 3, h) - max(r, 0) for r in range(-1, h - 1, 2)]
    columns = [min(s + 2, w) - max(s, 0) for s in range(-1, w - 1)]
    return np.outer(rows, columns)


def test_a_gradient_that_is_not_shared_out_is_caught(monkeypatch):
    backward = AvgPool2d.backward
    monkeypatch.setattr(AvgPool2d, "backward", lambda self, dy: backward(self, dy) * 6)
    with pytest.raises(GradcheckError, match="avg_pool2d: gradient of argument 0 at index"):
        gradcheck(lambda x: F.avg_pool2d(x, **OPTIONS), [leaf(normal(0, 1, 1, 5, 4))])
