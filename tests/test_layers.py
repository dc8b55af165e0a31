"""Layers: each does what its function does, and refuses what it cannot be made of."""

import numpy as np
import pytest
from inputs import distinct, leaf, normal

import tinynet.functional as F
from tinynet import Tensor, nn

# ----------------------------------------------------------------------- each module, its function


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (nn.ReLU(), F.relu),
        (nn.Tanh(), F.tanh),
        (nn.Sigmoid(), F.sigmoid),
        (nn.MaxPool2d(3, 2, 1, True), lambda x: F.max_pool2d(x, 3, 2, 1, True)),
        (nn.MaxPool2d(2), lambda x: F.max_pool2d(x, 2)),
        (nn.AvgPool2d((3, 2), 2, 1, True), lambda x: F.avg_pool2d(x, (3, 2), 2, 1, True)),
        (nn.LocalResponseNorm(), F.local_response_norm),
        (
            nn.LocalResponseNorm(3, 0.5, 0.6, 1.0, 2),
            lambda x: F.local_response_norm(x, 3, 0.5, 0.6, 1.0, groups=2),
        ),
        (nn.Flatten(), lambda x: x.reshape(2, -1)),
    ],
)
def test_modules_without_parameters(module, function, device):
    x = Tensor(distinct(0, 2, 4, 5, 6), device=device)
    assert np.array_equal(module(x).numpy(), function(x).numpy())
    assert list(module.parameters()) == []


def test_conv2d(device):
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0, 0, 1), groups=2, dtype="float64")
    layer.to(device)
    x = Tensor(normal(0, 2, 4, 5, 6), device=device)
    expected = F.conv2d(x, layer.weight, layer.bias, 2, (1, 0, 0, 1), 2)
    assert layer.weight.shape == (6, 2, 3, 2)
    assert layer.bias.shape == (6,)
    assert np.array_equal(layer(x).numpy(), expected.numpy())


def test_linear(device):
    layer = nn.Linear(3, 2, dtype=np.float64, device=device)
    x = Tensor(normal(0, 4, 3), device=device)
    assert layer.weight.shape == (2, 3)
    assert np.array_equal(layer(x).numpy(), F.linear(x, layer.weight, layer.bias).numpy())


@pytest.mark.parametrize("layer", [nn.Linear(4, 2, bias=False), nn.Conv2d(4, 2, 1, bias=False)])
def test_without_bias(layer):
    assert layer.bias is None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    layer(Tensor(np.ones((1, 4, 4, 4)[: layer.weight.ndim], np.float32)))


@pytest.mark.parametrize(
    ("layer", "inputs"), [(nn.Linear(50, 40), 50), (nn.Conv2d(6, 40, 5, groups=2), 75)]
)
def test_layers_start_as_in_pytorch(layer, inputs):
    """Uniform within 1/sqrt(inputs), float32: filled to the edges, and not all on one side."""
    bound = inputs**-0.5
    for p in (layer.weight, layer.bias):
        assert p.dtype == np.float32
        assert np.abs(p.numpy()).max() <= bound
        assert p.numpy().max() > 0.8 * bound
        assert p.numpy().min() < -0.8 * bound


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_loss(reduction):
    x, labels = Tensor(normal(0, 3, 4)), [0, 3, 1]
    loss = nn.CrossEntropyLoss(reduction)(x, labels)
    assert np.array_equal(loss.numpy(), F.cross_entropy(x, labels, reduction).numpy())
    assert nn.CrossEntropyLoss()(x, labels).item() == F.cross_entropy(x, labels).item()


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 4, 3, 1, 0, 2), "Conv2d: groups=2 expects to divide in_channels=3 and out_channels=4"),
        ((4, 3, 3, 1, 0, 2), "Conv2d: groups=2 expects to divide in_channels=4 and out_channels=3"),
        ((4, 4, 3, 1, 0, 0), "Conv2d: groups expects an int of at least 1, got 0"),
        ((4, 4, 3, 1, 0, 2.0), "Conv2d: groups expects an int of at least 1, got 2.0"),
        ((-4, 4, 3), "Conv2d: in_channels expects an int of at least 1, got -4"),
        ((4, 0, 3), "Conv2d: out_channels expects an int of at least 1, got 0"),
        ((3, 4, 0), r"Conv2d: kernel_size expects an int or \(h, w\), each at least 1, got 0"),
        ((3, 4, (3, 3, 3)), r"Conv2d: kernel_size expects an int or \(h, w\)"),
        ((3, 4, 3, 0), r"Conv2d: stride expects an int or \(h, w\), each at least 1, got 0"),
        ((3, 4, 3, 1, -1), "Conv2d: padding expects an int, .* each at least 0, got -1"),
    ],
)
def test_conv2d_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(*arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Conv2d(3, 4, 3, padding="same"),
            "Conv2d: padding .*'same'; .*keeps the size",
        ),
        (lambda: nn.MaxPool2d(2, padding="same"), "MaxPool2d: padding expects .* got 'same'"),
        (lambda: nn.MaxPool2d(Tensor(np.zeros((1, 2)))), r"kernel_size .* got Tensor \(1, 2\)$"),
        (lambda: nn.AvgPool2d(2, padding=2), "AvgPool2d: padding expects less than the window 2x2"),
        (lambda: nn.LocalResponseNorm(5, alpha="x"), "LocalResponseNorm: alpha expects a finite"),
        (lambda: nn.LocalResponseNorm(groups=0), "LocalResponseNorm: groups expects an int of at"),
        (
            lambda: nn.LocalResponseNormWithin(0, 1, 1),
            "LocalResponseNormWithin: size expects an int",
        ),
        (
            lambda: nn.CrossEntropyLoss("avg"),
            "CrossEntropyLoss: reduction expects 'mean', 'sum' or",
        ),
    ],
)
def test_a_layer_refuses_wrong_arguments_when_it_is_made(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_layer_tells_what_it_expects():
    with pytest.raises(ValueError, match=r"linear: weight expects 3 inputs, x has shape \(2, 4\)"):
        nn.Linear(3, 2)(Tensor(np.ones((2, 4), np.float32)))
    with pytest.raises(TypeError, match="linear: x is float64, weight is float32"):
        nn.Linear(3, 2)(leaf(np.ones((2, 3))))
    with pytest.raises(
        ValueError, match="conv2d: weight expects 3 input channels per group, x has"
    ):
        nn.Conv2d(3, 2, 1)(Tensor(np.ones((1, 1, 4, 4), np.float32)))


def test_sizes_may_be_numpys_ints(device):
    two = np.int64(2)
    layer = nn.Conv2d(two * 2, two, 3, groups=two, device=device)
    assert layer(Tensor(np.ones((1, 4, 3, 3), np.float32), device=device)).shape == (1, 2, 1, 1)


@pytest.mark.parametrize(("sizes", "wrong"), [((0, 3), "in_features"), ((3, -1), "out_features")])
def test_linear_refuses(sizes, wrong):
    with pytest.raises(ValueError, match=f"Linear: {wrong} expects an int of at least 1"):
        nn.Linear(*sizes)


def test_flatten_refuses_an_array():
    with pytest.raises(TypeError, match="Flatten: x expects a Tensor, got ndarray"):
        nn.Flatten()(np.ones((2, 2)))


def test_a_dtype_that_is_none_is_refused():
    for make in (lambda: nn.Linear(3, 2, dtype="foo"), lambda: Tensor([1.0], dtype="foo")):
        with pytest.raises(TypeError, match="dtype expects a name such as 'float32', got 'foo'"):
            make()
