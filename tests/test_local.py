"""Locally connected layers: F.local2d, its kernels' twins, nn.LocallyConnected2d."""

import numpy as np
import pytest
from by_definition import conv2d, local2d
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds, sliding_windows
from kernel_shapes import DTYPES, blank, integers, windows

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck, nn
from tinynet.kernels import definitions
from tinynet.kernels.local import local_backward, local_backward_weight, local_forward
from tinynet.ops.local import Local2d
from tinynet.ops.window import Window


@st.composite
def layers(draw):
    """x, weight and bias, and the options."""
    (h, w), window = draw(sliding_windows(pooling=False))
    n, c, filters = (draw(st.integers(1, 2)) for _ in range(3))
    kernel, options = window.pop("kernel_size"), window
    out = Window.of("test", kernel, **options).output_size("test", h, w)
    shapes = (n, c, h, w), (filters, c, *kernel, *out), (filters, *out)
    seed = draw(seeds)
    return [normal(seed + i, *shape) for i, shape in enumerate(shapes)], options


@given(layers())
def test_values_and_gradients(device, drawn):
    arrays, options = drawn
    y = F.local2d(*(Tensor(a, device=device) for a in arrays), **options).numpy()
    # sums of at most 19 products of values around 1, each rounded to 1e-16
    np.testing.assert_allclose(y, local2d(*arrays, **options), rtol=1e-12, atol=1e-13)
    gradcheck(lambda *a: F.local2d(*a, **options), [leaf(a, device) for a in arrays])


def test_by_hand(device):
    # a window of two pixels, at three places with filters of their own:
    # 1 2 3 4  x  (1 10), (2 20), (3 30)  =  21  64  129, and the biases of the places
    x = Tensor(np.array([[[[1.0, 2, 3, 4]]]]), device=device)
    weight = np.array([[1.0, 2, 3], [10, 20, 30]]).reshape(1, 1, 1, 2, 1, 3)
    bias = Tensor(np.array([[[0.5, 0, -0.5]]]), device=device)
    y = F.local2d(x, Tensor(weight, device=device), bias)
    assert y.numpy().tolist() == [[[[21.5, 64, 128.5]]]]


def test_with_the_same_filters_everywhere_it_is_a_convolution(device):
    x, filters = normal(0, 2, 3, 6, 5), normal(1, 4, 3, 3, 2)
    options = {"stride": (2, 1), "padding": (1, 0, 0, 1)}
    expected = conv2d(x, filters, None, groups=1, **options)
    oh, ow = expected.shape[2:]
    weight = np.tile(filters[..., None, None], (1, 1, 1, 1, oh, ow))
    y = F.local2d(Tensor(x, device=device), Tensor(weight, device=device), **options)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)


@given(windows(), integers(3), DTYPES, seeds)
def test_kernels_local(sizes, filters, dtype, seed):
    n, c, h, w, kh, kw, *_, oh, ow = sizes
    sizes = *sizes[:4], filters, *sizes[4:]
    x, dy = normal(seed, n, c, h, w), normal(seed + 1, n, filters, oh, ow)
    weight = normal(seed + 2, filters, c, kh, kw, oh, ow)
    x, dy, weight = (a.astype(dtype) for a in (x, dy, weight))
    for twin, definition, shape, inputs in (
        (local_forward, definitions.local_forward, dy.shape, (x, weight)),
        (local_backward, definitions.local_backward, x.shape, (dy, weight)),
        (local_backward_weight, definitions.local_backward_weight, weight.shape, (dy, x)),
    ):
        ours, expected = blank(shape, dtype), blank(shape, np.float64)
        twin(ours, *inputs, *sizes)
        definition(expected, *(a.astype(float) for a in inputs), *sizes)
        # at most 48 terms of about 1, each rounded
        np.testing.assert_allclose(ours, expected, rtol=0, atol=48 * 4 * np.finfo(dtype).eps)


def test_the_layer(device):
    layer = nn.LocallyConnected2d(3, 4, (6, 5), (3, 2), (2, 1), (1, 0), device=device)
    assert (layer.weight.shape, layer.bias.shape) == ((4, 3, 3, 2, 3, 4), (4, 3, 4))
    bound = 1 / np.sqrt(3 * 3 * 2)  # that of a convolution with these filters
    for p in layer.parameters():
        assert bound * 0.8 < np.abs(p.numpy()).max() <= bound
    x = Tensor(normal(0, 2, 3, 6, 5).astype(np.float32), device=device)
    expected = F.local2d(x, layer.weight, layer.bias, (2, 1), (1, 0))
    assert np.array_equal(layer(x).numpy(), expected.numpy())
    assert nn.LocallyConnected2d(3, 4, 6, 3, bias=False).bias is None


# -------------------------------------------------------------------- mistakes that must be caught


@pytest.mark.parametrize("argument", [0, 1, 2])
def test_a_wrong_gradient_is_caught(monkeypatch, argument):
    right = Local2d.backward

    def backward(self, dy):
        """The last place has lost the share of one image, filter or window."""
        wrong = right(self, dy.copy())
        wrong[argument][..., -1, -1] *= 0.5
        return wrong

    arrays = normal(0, 2, 2, 3, 3), normal(1, 2, 2, 2, 2, 2, 2), normal(2, 2, 2, 2)
    monkeypatch.setattr(Local2d, "backward", backward)
    with pytest.raises(GradcheckError, match=f"local2d: gradient of argument {argument}"):
        gradcheck(F.local2d, [leaf(a) for a in arrays])


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("weight", "bias", "options", "message"),
    [
        ((4, 3, 2, 2), None, {}, r"weight expects \(out_channels, in_channels, kh, kw, oh, ow\)"),
        ((4, 2, 2, 2, 4, 4), None, {}, "weight expects 2 input channels, x has 3 channels"),
        ((4, 3, 2, 2, 4, 3), None, {}, "weight has filters for 4x3 places, but an image of 5x5"),
        ((4, 3, 2, 2, 4, 4), None, {"padding": 1}, "4x4 places, but an image of 5x5 gives 6x6"),
        ((4, 3, 6, 6, 1, 1), None, {}, "the window 6x6 is larger than the padded image 5x5"),
        ((4, 3, 2, 2, 4, 4), (4,), {}, r"bias expects shape \(4, 4, 4\), got \(4,\)"),
        ((4, 3, 2, 2, 4, 4), None, {"stride": 0}, "stride expects an int"),
    ],
)
def test_it_refuses(weight, bias, options, message):
    bias = None if bias is None else Tensor(np.ones(bias))
    with pytest.raises(ValueError, match=f"local2d: .*{message}"):
        F.local2d(Tensor(np.ones((1, 3, 5, 5))), Tensor(np.ones(weight)), bias, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 4, 6, 3), "in_channels expects an int of at least 1, got 0"),
        ((3, 4, (6, 0), 3), r"image expects an int or \(h, w\), each at least 1, got \(6, 0\)"),
        ((3, 4, 2, 3), "the window 3x3 is larger than the padded image 2x2"),
    ],
)
def test_the_layer_refuses(arguments, message):
    with pytest.raises(ValueError, match=f"LocallyConnected2d: {message}"):
        nn.LocallyConnected2d(*arguments)
