"""Modules: what they hold, their names, and that each does what its function does."""

import copy

import numpy as np
import pytest
from inputs import distinct, leaf, normal

import tinynet.functional as F
from tinynet import Tensor, gradcheck, nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, dtype=np.float64)
        self.body = nn.Sequential(
            norm=nn.LocalResponseNorm(size=3, alpha=0.5),
            drop=nn.Dropout(0.5, seed=1),
            inner=nn.Sequential(nn.Flatten(), nn.Linear(36, 3, dtype=np.float64)),
        )
        self.count = 5  # neither module nor parameter

    def forward(self, x):
        return self.body(self.conv1(x))


NAMES = ["conv1.weight", "conv1.bias", "body.inner.1.weight", "body.inner.1.bias"]


def test_print_shows_each_module_in_a_line():
    net = Net()
    net.body.drop.eval()
    shown = """\
Net, count 5
  conv1  Conv2d, weight 4 x 2 x 3 x 3, bias 4, stride 1, padding 1, groups 1
  body   Sequential
    norm   LocalResponseNorm, size 3, alpha 0.5, beta 0.75, k 2, groups 1
    drop   Dropout, p 0.5, mode inverted, seed 1, counter 0
    inner  Sequential
      0  Flatten
      1  Linear, weight 3 x 36, bias 3"""
    assert str(net) == shown
    assert repr([nn.ReLU(), nn.Linear(2, 3, bias=False)]) == "[ReLU, Linear, weight 3 x 2]"


# ---------------------------------------------------------------------------- names and parameters


def test_named_parameters_in_order_of_assignment():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in net.parameters())


def test_an_attribute_assigned_anew_takes_the_place_of_the_old():
    net = Net()
    net.conv1 = nn.Conv2d(2, 4, 1, bias=False)
    assert [name for name, _ in net.named_parameters()] == ["conv1.weight", *NAMES[2:]]


def test_sequential_by_position_and_by_name():
    double, shift = nn.Linear(1, 1, dtype=np.float64), nn.Tanh()
    double.weight.data[...], double.bias.data[...] = 2, 0
    x = Tensor(np.array([[0.3]]))
    expected = np.tanh(0.6)
    assert nn.Sequential(double, shift)(x).item() == pytest.approx(expected)
    named = nn.Sequential(fc=double, act=shift)
    assert named(x).item() == pytest.approx(expected)
    assert [name for name, _ in named.named_parameters()] == ["fc.weight", "fc.bias"]
    assert named.fc is double
    assert nn.Sequential()(x) is x


def test_sequential_refuses_functions():
    with pytest.raises(TypeError, match="Sequential: act expects a Module, got function"):
        nn.Sequential(act=F.relu)
    with pytest.raises(TypeError, match="Sequential: 1 expects a Module, got Tensor"):
        nn.Sequential(nn.ReLU(), Tensor(1.0))


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(TypeError, match="Empty has no forward"):
        Empty()(1)


def test_zero_grad_forgets_all_gradients():
    net = Net()
    net(Tensor(normal(0, 2, 2, 3, 3))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_moves_all_parameters_and_gives_the_module_back(device):
    net = Net()
    assert net.to(device) is net
    assert net.to(device.name) is net
    assert all(p.device is device for p in net.parameters())
    assert net(Tensor(normal(0, 2, 2, 3, 3), device=device)).device is device


def test_deepcopy_is_a_module_of_its_own_on_the_same_device():
    net = Net()
    twin = copy.deepcopy(net)
    x = Tensor(normal(0, 2, 2, 3, 3))
    assert np.array_equal(twin.eval()(x).numpy(), net.eval()(x).numpy())
    assert all(p.device is q.device for p, q in zip(net.parameters(), twin.parameters()))
    twin.conv1.weight.data[...] = 0
    assert net.conv1.weight.numpy().any()


def test_gradients_through_a_whole_module(device):
    net = Net().to(device)
    net.train()
    x = Tensor(normal(0, 2, 2, 3, 3), device=device)

    def run(*_):
        net.body.drop.counter = 0  # the same mask each time
        return net(x)

    assert gradcheck(run, list(net.parameters())) < 1e-7


# ----------------------------------------------------------------------- each module, its function


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (nn.ReLU(), F.relu),
        (nn.Tanh(), F.tanh),
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


# ------------------------------------------------------------------------- dropout, train and eval


def test_train_and_eval_reach_everything():
    net = Net()
    modules = [module for _, module in net.named_modules()]
    assert all(module.training for module in modules)
    assert net.eval() is net
    assert not any(module.training for module in modules)
    assert net.train() is net
    assert all(module.training for module in modules)


def test_dropout_follows_train_and_eval():
    x = Tensor(np.ones((4, 25)))
    layer = nn.Dropout(0.5, seed=1)
    assert set(layer(x).numpy().ravel()) == {0, 2}
    layer.eval()
    assert np.array_equal(layer(x).numpy(), x.numpy())
    paper = nn.Dropout(0.2, mode="paper", seed=1)
    assert set(paper(x).numpy().ravel()) == {0, 1}
    paper.eval()
    assert set(paper(x).numpy().ravel()) == {0.8}


def test_call_number_i_of_a_seeded_dropout_can_be_repeated():
    x, layer = Tensor(np.ones(100)), nn.Dropout(0.5, seed=9)
    masks = [layer(x).numpy() for _ in range(3)]
    assert layer.counter == 3
    assert not np.array_equal(masks[0], masks[1])
    for i, mask in enumerate(masks):
        assert np.array_equal(mask, F.dropout(x, 0.5, seed=9, counter=i).numpy())
    layer.eval()(x)
    assert layer.counter == 3  # a test between two steps does not change the next mask
    again = nn.Dropout(0.5, seed=9)
    again.counter = 2
    assert np.array_equal(again(x).numpy(), masks[2])


# -------------------------------------------------------------------------------------- state_dict


def test_state_dict_is_a_copy_that_load_state_dict_takes_back():
    net, other = Net(), Net()
    state = net.state_dict()
    assert list(state) == NAMES
    assert all(type(array) is np.ndarray for array in state.values())
    before = {name: array.copy() for name, array in state.items()}
    net.conv1.weight.data[...] = 0
    assert np.array_equal(state["conv1.weight"], before["conv1.weight"])
    places = [p.data for p in other.parameters()]
    other.load_state_dict(state)
    assert all(np.array_equal(p.numpy(), before[name]) for name, p in other.named_parameters())
    assert all(p.data is place for p, place in zip(other.parameters(), places))
    state["conv1.weight"][...] = 7
    assert np.array_equal(other.conv1.weight.numpy(), before["conv1.weight"])


def test_load_state_dict_takes_tensors_too():
    net, other = Net(), Net()
    other.load_state_dict(dict(net.named_parameters()))
    assert np.array_equal(other.conv1.weight.numpy(), net.conv1.weight.numpy())
    assert not np.shares_memory(other.conv1.weight.numpy(), net.conv1.weight.numpy())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("conv1.bias"), ValueError, "Net: state lacks conv1.bias"),
        (lambda s: s.update(more=np.zeros(1)), ValueError, "Net: state has unknown more"),
        (
            lambda s: s.update({NAMES[3]: np.zeros(4)}),
            ValueError,
            r"Net: body.inner.1.bias expects float64 \(3,\), state has float64 \(4,\)",
        ),
        (
            lambda s: s.update({NAMES[3]: np.zeros(3, np.float32)}),
            ValueError,
            r"Net: body.inner.1.bias expects float64 \(3,\), state has float32 \(3,\)",
        ),
        (lambda s: s.update({NAMES[3]: "text"}), ValueError, "Net: body.inner.1.bias expects"),
        (lambda s: s.update({NAMES[3]: None}), ValueError, "Net: body.inner.1.bias expects"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    net = Net()
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(error, match=message):
        net.load_state_dict(state)
    assert all(np.array_equal(p.numpy(), before[name]) for name, p in net.named_parameters())


def test_a_state_is_a_dict():
    with pytest.raises(TypeError, match="Net: state expects a dict of arrays, got list"):
        Net().load_state_dict([np.zeros(3)])


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
    ],
)
def test_conv2d_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(*arguments)


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


@pytest.mark.parametrize(("sizes", "wrong"), [((0, 3), "inputs"), ((3, -1), "outputs")])
def test_linear_refuses(sizes, wrong):
    with pytest.raises(ValueError, match=f"Linear: {wrong} expects an int of at least 1"):
        nn.Linear(*sizes)
