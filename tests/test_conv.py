"""Convolution."""

import by_definition
import numpy as np
import pytest
from hypothesis import given, settings
from inputs import convolutions, leaf, normal

import tinynet.functional as F
from tinynet import GradcheckError, Tensor, gradcheck, nn
from tinynet.devices import threads
from tinynet.ops.conv import Conv2d

# ---------------------------------------------------------------------------- values and gradients


@given(convolutions())
def test_values(device, drawn):
    arrays, options = drawn
    y = F.conv2d(*(Tensor(a, device=device) for a in arrays), **options)
    expected = by_definition.conv2d(*arrays, *([None] if len(arrays) == 2 else []), **options)
    assert y.shape == expected.shape
    # some tens of products of values around 1, each rounded to 1e-16
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)


@given(convolutions())
def test_gradients(device, drawn):
    arrays, options = drawn
    gradcheck(lambda *inputs: F.conv2d(*inputs, **options), [leaf(a, device) for a in arrays])


def by_windows(x, weight, stride, groups):
    """x already padded -> y, by einsum over a view of all windows."""
    views = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    views = views[:, :, ::stride, ::stride]
    x_parts, w_parts = np.split(views, groups, axis=1), np.split(weight, groups)
    parts = [np.einsum("nchwij,ocij->nohw", a, b) for a, b in zip(x_parts, w_parts)]
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(
    ("n", "channels", "filters", "size", "kernel", "stride", "padding", "groups"),
    [
        (1, 3, 8, 47, 11, 4, 0, 1),  # the first layer, small
        (19, 6, 8, 13, 5, 1, 2, 2),  # the second; more images than shares of the batch
        (16, 8, 6, 13, 3, 1, 1, 1),
        (3, 4, 4, 9, 1, 1, 0, 2),  # 1x1: each pixel on its own
        (2, 4, 6, 6, 6, 1, 0, 1),  # a window as large as the image
    ],
)
def test_layers_of_some_size(n, channels, filters, size, kernel, stride, padding, groups, device):
    """Against einsum: y itself, and dx and dweight by <dy, conv(x)> being linear in each."""
    x, weight = (
        normal(0, n, channels, size, size),
        normal(1, filters, channels // groups, kernel, kernel),
    )
    leaves = leaf(x, device), leaf(weight, device)
    y = F.conv2d(*leaves, stride=stride, padding=padding, groups=groups)
    pad = [(0, 0)] * 2 + [(padding, padding)] * 2

    def reference(x, weight):
        return by_windows(np.pad(x, pad), weight, stride, groups)

    np.testing.assert_allclose(y.numpy(), reference(x, weight), rtol=1e-11, atol=1e-11)
    dy = normal(2, *y.shape)
    y.backward(dy)
    for seed in (3, 4):
        step_x, step_w = normal(seed, *x.shape), normal(seed + 9, *weight.shape)
        by_x, by_w = (dy * reference(step_x, weight)).sum(), (dy * reference(x, step_w)).sum()
        # sums of some 1e5 terms: their relative rounding error grows to about 1e-16 * 300
        assert (leaves[0].grad.numpy() * step_x).sum() == pytest.approx(by_x, rel=1e-10, abs=1e-8)
        assert (leaves[1].grad.numpy() * step_w).sum() == pytest.approx(by_w, rel=1e-10, abs=1e-8)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_same_bits_for_any_number_of_workers(workers, monkeypatch):
    """Sums over the batch are split the same way for any workers; 37 leaves uneven shares."""
    arrays = normal(0, 37, 8, 14, 13), normal(1, 12, 4, 3, 3), normal(2, 12)

    def bits():
        leaves = [Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
        y = F.conv2d(*leaves, padding=1, groups=2)
        y.backward(normal(3, *y.shape).astype(np.float32))
        return [array.numpy().view(np.int32) for array in (y, *(x.grad for x in leaves))]

    expected = bits()
    monkeypatch.setattr(threads, "workers", lambda: workers)
    assert all(np.array_equal(a, b) for a, b in zip(bits(), expected))


# ----------------------------------------------------------------------------------------- by hand

NINE = np.arange(1.0, 10).reshape(1, 1, 3, 3)


def test_it_is_a_cross_correlation(device):
    # 1 2 3    window   0 1      2 + 2*4  3 + 2*5     10 13
    # 4 5 6             2 0      5 + 2*7  6 + 2*8     19 22
    # 7 8 9
    x, weight = leaf(NINE, device), leaf([[[[0.0, 1], [2, 0]]]], device)
    y = F.conv2d(x, weight)
    assert y.numpy().tolist() == [[[[10, 13], [19, 22]]]]
    y.backward(np.ones(y.shape))
    # each pixel: 1 for every window whose top right it is, 2 for every bottom left
    assert x.grad.numpy().tolist() == [[[[0, 1, 1], [2, 3, 1], [2, 2, 0]]]]
    # each weight: the sum of the four pixels that it meets
    assert weight.grad.numpy().tolist() == [[[[12, 16], [24, 28]]]]


def test_a_stride_that_steps_over_the_whole_image(device):
    """The one window lies on padding: y is the bias, and no gradient reaches x."""
    shapes = [(1, 2, 6, 6), (3, 2, 1, 1), (3,)]
    x, weight, bias = (leaf(normal(i, *shape), device) for i, shape in enumerate(shapes))
    y = F.conv2d(x, weight, bias, stride=20, padding=(5, 0, 0, 0))
    assert np.array_equal(y.numpy(), bias.numpy().reshape(1, 3, 1, 1))
    y.sum().backward()
    assert not x.grad.numpy().any()
    assert not weight.grad.numpy().any()
    wide = F.conv2d(x, weight, bias, stride=20, padding=(0, 0, 5, 0))
    assert np.array_equal(wide.numpy(), y.numpy())


def test_more_padding_than_window(device):
    """The outermost windows see nothing of the image: their dy reaches no pixel."""
    arrays = normal(0, 2, 2, 4, 3), normal(1, 3, 2, 2, 2), normal(2, 3)
    options = {"stride": (1, 1), "padding": (3, 2, 4, 0), "groups": 1}
    x, weight, bias = (leaf(a, device) for a in arrays)
    y = F.conv2d(x, weight, bias, **options)
    # some tens of products of values around 1, each rounded to 1e-16
    expected = by_definition.conv2d(*arrays, **options)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)
    gradcheck(lambda *inputs: F.conv2d(*inputs, **options), [x, weight, bias])


def test_padding_names_top_bottom_left_right():
    weight = Tensor(np.ones((1, 1, 3, 3)))
    # top 2, right 1: columns 1..3 (and 2..3), rows up to 0, up to 1, then all three
    y = F.conv2d(Tensor(NINE), weight, padding=(2, 0, 0, 1))
    assert y.numpy().tolist() == [[[[6, 5], [21, 16], [45, 33]]]]
    assert F.conv2d(Tensor(NINE), weight, padding=(1, 0)).shape == (1, 1, 3, 1)
    assert F.conv2d(Tensor(NINE), weight, padding=1).shape == (1, 1, 3, 3)


def test_strides_are_h_then_w():
    x = Tensor(np.arange(20.0).reshape(1, 1, 4, 5))
    y = F.conv2d(x, Tensor(np.ones((1, 1, 1, 1))), stride=(3, 2))
    assert y.numpy().tolist() == [[[[0, 2, 4], [15, 17, 19]]]]


def test_groups_see_their_own_channels_only():
    # channels 1, 10, 100, 1000; the first filter sees the first two, the second the others
    x = Tensor(np.array([1.0, 10, 100, 1000]).reshape(1, 4, 1, 1))
    weight = Tensor(np.array([[2.0, 3], [4, 5]]).reshape(2, 2, 1, 1))
    y = F.conv2d(x, weight, Tensor(np.array([0.5, 0.25])), groups=2)
    assert y.numpy().ravel().tolist() == [32.5, 5400.25]


@pytest.mark.parametrize(
    ("size", "padding"), [(224, (0, 3, 0, 3)), (227, 0), (224, 2)], ids=["2012", "227", "pad 2"]
)
def test_three_ways_to_the_shapes_of_alexnet(size, padding):
    x = Tensor(np.zeros((1, 1, size, size), np.float32))
    h = F.conv2d(x, Tensor(np.zeros((1, 1, 11, 11), np.float32)), stride=4, padding=padding)
    shapes = [h.shape[2:]]
    for _ in range(3):
        h = F.max_pool2d(h, 3, 2)
        shapes.append(h.shape[2:])
    assert shapes == [(55, 55), (27, 27), (13, 13), (6, 6)]


# -------------------------------------------------------------------- mistakes that must be caught

INPUTS = [normal(0, 2, 2, 4, 4), normal(1, 4, 1, 3, 3), normal(2, 4)]


def check():
    gradcheck(lambda *inputs: F.conv2d(*inputs, groups=2), [leaf(array) for array in INPUTS])


def mistake(monkeypatch, wrong):
    """Let `wrong` change the gradients [dx, dweight, dbias] that backward gives for dy."""
    backward = Conv2d.backward

    def planted(self, dy):
        gradients = list(backward(self, dy))
        wrong(gradients, dy)
        return tuple(gradients)

    monkeypatch.setattr(Conv2d, "backward", planted)


def test_without_a_mistake():
    check()


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        (2, lambda g, dy: g.__setitem__(2, dy[0].sum((1, 2)))),  # no sum over the batch
        (2, lambda g, dy: g.__setitem__(2, dy.sum(0)[:, 0].sum(1))),  # over the first row alone
        (2, lambda g, dy: g.__setitem__(2, dy.mean((0, 2, 3)))),
        (1, lambda g, dy: g.__setitem__(1, g[1][:, :, ::-1, ::-1])),  # a flipped kernel
        (1, lambda g, dy: g.__setitem__(1, g[1][[2, 3, 0, 1]])),  # the groups swapped
        (0, lambda g, dy: g.__setitem__(0, g[0][:, ::-1])),
        (0, lambda g, dy: g.__setitem__(0, g[0][::-1])),  # the images swapped
        (0, lambda g, dy: g[0].__setitem__((0, 0, 0, 0), 0)),
    ],
)
def test_a_wrong_gradient_is_caught(monkeypatch, argument, wrong):
    mistake(monkeypatch, wrong)
    with pytest.raises(GradcheckError, match=f"conv2d: gradient of argument {argument} at index"):
        check()


def test_a_bias_gradient_of_the_wrong_shape_is_caught(monkeypatch):
    mistake(monkeypatch, lambda g, dy: g.__setitem__(2, dy.sum((2, 3))))
    with pytest.raises(RuntimeError, match=r"conv2d: the gradient of bias is float64 \(2, 4\)"):
        check()


# --------------------------------------------------------------------------------------- bad input


def zeros(*shape):
    return Tensor(np.zeros(shape))


@pytest.mark.parametrize(
    ("x", "weight", "options", "message"),
    [
        ((2, 3, 5, 5), (4, 2, 3, 3), {}, "weight expects 2 input channels per group, x has 3 chan"),
        ((2, 6, 5, 5), (4, 4, 3, 3), {"groups": 2}, "expects 4 input .* x has 6 channels in 2 gro"),
        ((2, 3, 5, 5), (4, 1, 3, 3), {"groups": 2}, "weight expects 1 input channels per group"),
        ((2, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, "3 filters do not divide into 2 groups"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"groups": 0}, "groups expects an int of at least 1, got 0"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"groups": 1.0}, "groups expects an int of at least 1"),
        ((2, 3, 5, 5), (4, 3, 3), {}, r"weight expects \(out_channels, in_channels/groups, kh, kw"),
        ((2, 3, 5, 5), (0, 3, 3, 3), {}, r"weight expects .* got \(0, 3, 3, 3\)"),
        ((3, 5, 5), (4, 3, 3, 3), {}, r"x expects \(n, channels, h, w\), got shape \(3, 5, 5\)"),
        ((0, 3, 5, 5), (4, 3, 3, 3), {}, r"x is empty: \(0, 3, 5, 5\)"),
        ((2, 3, 5, 5), (4, 3, 6, 3), {}, "the window 6x3 is larger than the padded image 5x5"),
        (
            (2, 3, 5, 5),
            (4, 3, 8, 8),
            {"padding": 1},
            "window 8x8 is larger than the padded image 7",
        ),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": -1}, "padding expects .* each at least 0, got -1"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": (0, 0, -1, 0)}, "padding expects .* at least 0"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"padding": (1, 1, 1)}, r"padding expects .* \(top, bottom"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"stride": 0}, "stride expects .* at least 1, got 0"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"stride": (1, 2, 3)}, r"stride expects an int or \(h, w\)"),
    ],
)
def test_it_refuses(x, weight, options, message):
    with pytest.raises(ValueError, match=f"conv2d: .*{message}"):
        F.conv2d(zeros(*x), zeros(*weight), **options)


@pytest.mark.parametrize("options", [{"stride": 1.5}, {"padding": "same"}, {"stride": True}])
def test_it_refuses_what_is_no_integer(options):
    with pytest.raises(TypeError, match=f"conv2d: {next(iter(options))} expects an int"):
        F.conv2d(zeros(1, 1, 3, 3), zeros(1, 1, 2, 2), **options)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            np.zeros((3, 8, 8), np.float32),
            ValueError,
            r"got shape \(3, 8, 8\); x\[None\] makes a ba",
        ),
        (
            np.zeros((1, 8, 8, 3), np.float32),
            ValueError,
            r"x has 8 channels in 1 group; if they stand last, x.transpose\(0, 3, 1, 2\) puts",
        ),
        (np.zeros((1, 3, 8, 8)), TypeError, r"x is float64, .*; Tensor\(x, dtype='float32'\) does"),
        (
            np.zeros((1, 3, 8, 8), np.uint8),
            TypeError,
            r"got uint8; Tensor\(x, dtype='float32'\) mak",
        ),
    ],
)
def test_images_as_they_often_come_are_refused_with_the_cure(x, error, message):
    with pytest.raises(error, match=f"conv2d: .*{message}"):
        nn.Conv2d(3, 4, 3)(Tensor(x))


def test_it_refuses_a_bias_of_another_length():
    for shape in ((3,), (4, 1), ()):
        with pytest.raises(ValueError, match=r"conv2d: bias expects shape \(4,\), got"):
            F.conv2d(zeros(1, 3, 3, 3), zeros(4, 3, 1, 1), zeros(*shape))


@settings(max_examples=10)
@given(convolutions())
def test_without_a_wanted_gradient_of_x_the_first_layer_agrees(drawn):
    """Images need no gradient: leaving dx out must not change dweight and dbias."""
    arrays, options = drawn
    both = [leaf(a) for a in arrays]
    weights = [Tensor(arrays[0]), *(leaf(a) for a in arrays[1:])]
    for inputs in (both, weights):
        y = F.conv2d(*inputs, **options)
        y.backward(normal(0, *y.shape))
    assert weights[0].grad is None
    assert all(
        np.array_equal(a.grad.numpy(), b.grad.numpy()) for a, b in zip(both[1:], weights[1:])
    )
