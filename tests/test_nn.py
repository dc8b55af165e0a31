"""Modules: what they hold, their names, train and eval, and their state."""

import copy

import numpy as np
import pytest
from inputs import normal

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
    drop   Dropout, p 0.5, mode inverted, seed 1, counter 0, first 0
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


def test_a_sequential_is_counted_indexed_cut_and_walked():
    net = nn.Sequential(fc1=nn.Linear(2, 3), relu=nn.ReLU(), fc2=nn.Linear(3, 1))
    assert len(net) == 3
    assert [type(module) for module in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert net[-1] is net.fc2
    head = net[1:]
    assert isinstance(head, nn.Sequential)
    assert head.fc2 is net.fc2
    assert [name for name, _ in head.named_parameters()] == ["fc2.weight", "fc2.bias"]
    net[2] = nn.Linear(3, 7)
    assert net.fc2.weight.shape == (7, 3)
    with pytest.raises(IndexError, match="Sequential: index 3, of 3 modules"):
        net[3]
    with pytest.raises(IndexError, match="Sequential: index -4, of 3 modules"):
        net[-4] = nn.ReLU()
    with pytest.raises(TypeError, match="Sequential: index expects an int or a slice, got 'fc1'"):
        net["fc1"]


def test_modules_in_a_module_list_are_found():
    class Deep(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(2))
            self.layers.append(nn.Linear(2, 1))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Deep()
    assert len(net.layers) == 3
    assert len(net.layers[1:]) == 2
    names = [name for name, _ in net.named_parameters()]
    assert names == [f"layers.{i}.{name}" for i in range(3) for name in ("weight", "bias")]
    assert net(Tensor(np.ones((4, 2), np.float32))).shape == (4, 1)
    net.layers[0] = nn.Linear(2, 2, bias=False)
    assert "layers.0.bias" not in net.state_dict()
    with pytest.raises(TypeError, match="ModuleList: 3 expects a Module, got Tensor"):
        net.layers.append(Tensor([1.0]))


def test_what_is_appended_to_a_slice_takes_no_ones_place():
    """A slice keeps the names of its modules, which are then not those of their places."""
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    end = net[2:]
    end.append(nn.Tanh())
    assert [type(layer).__name__ for layer in end] == ["Linear", "ReLU", "Linear", "Tanh"]
    assert end[:-1].state_dict().keys() == net[2:].state_dict().keys()
    with pytest.raises(ValueError, match="Sequential: 0 expects a name that no other module has"):
        nn.Sequential(nn.ReLU(), **{"0": nn.Tanh()})


@pytest.mark.parametrize(
    "hidden",
    [
        lambda: [nn.Linear(1, 1)],
        lambda: {"a": nn.Linear(1, 1)},
        lambda: (1, [nn.Linear(1, 1)]),
        lambda: [nn.Parameter([1.0])],
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda net: list(net.parameters()),
        lambda net: net.state_dict(),
        lambda net: net.load_state_dict({}),
        lambda net: net.to("cpu"),
    ],
)
def test_modules_that_would_not_be_found_are_refused(hidden, use):
    net = nn.Sequential(inner=nn.Sequential())
    net.inner.layers = []  # filled later, as many do
    net.inner.layers = hidden()
    message = r"Sequential: inner.layers is a \w+, and the (Linear|Parameter) in it is not found"
    with pytest.raises(TypeError, match=message):
        use(net)


def test_a_list_of_modules_that_are_attributes_too_is_welcome():
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    net.order = [net[0], net[1], net[0]]
    assert len(list(net.parameters())) == 2


def test_a_parameter_is_not_replaced_by_a_tensor():
    layer = nn.Linear(2, 1)
    with pytest.raises(TypeError, match="Linear: weight expects a Parameter, got Tensor: nn.Para"):
        layer.weight = Tensor(np.zeros((1, 2), np.float32))
    with pytest.raises(TypeError, match="Linear: weight expects a Parameter, got ndarray"):
        layer.weight = np.zeros((1, 2), np.float32)
    layer.weight = nn.Parameter(np.ones((1, 2), np.float32))
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    layer.kept = Tensor([1.0])  # what never was a parameter may be anything
    layer.kept = Tensor([2.0])


class Tied(nn.Module):
    def __init__(self):
        self.a = nn.Linear(2, 2, bias=False)
        self.b = nn.Linear(2, 2)
        self.b.weight = self.a.weight


def test_a_shared_parameter_is_counted_and_saved_once():
    net = Tied()
    assert [name for name, _ in net.named_parameters()] == ["a.weight", "b.bias"]
    assert [*net.state_dict()] == ["a.weight", "b.bias"]
    other = Tied()
    other.load_state_dict(net.state_dict())
    assert np.array_equal(other.b.weight.numpy(), net.a.weight.numpy())
    assert other.b.weight is other.a.weight


def test_a_state_may_name_a_shared_parameter_by_all_its_names_with_one_value():
    net, weight = Tied(), np.arange(4, dtype=np.float32).reshape(2, 2)
    bias = np.zeros(2, np.float32)
    for names in (["a.weight"], ["b.weight"], ["a.weight", "b.weight"]):
        net.load_state_dict({"b.bias": bias} | dict.fromkeys(names, weight))
        assert np.array_equal(net.a.weight.numpy(), weight)
        net.a.weight.write(np.zeros((2, 2)))
    with pytest.raises(
        ValueError, match="Tied: a.weight and b.weight are one parameter, state has"
    ):
        net.load_state_dict({"b.bias": bias, "a.weight": weight, "b.weight": weight + 1})
    with pytest.raises(ValueError, match="Tied: state lacks a.weight"):
        net.load_state_dict({"b.bias": bias})


def test_forward_may_have_options():
    class Scaled(nn.Module):
        def forward(self, x, scale=1.0, *, shift=0.0):
            return x * scale + shift

    x = Tensor([1.0])
    assert Scaled()(x, 2.0, shift=3.0).item() == 5
    assert Scaled()(x=x, scale=2.0).item() == 2


def test_a_module_that_forgets_to_call_its_parents_init_works():
    class Net(nn.Module):
        def __init__(self):
            self.drop = nn.Dropout(0.5)
            self.fc = nn.Linear(1, 1)

    net = Net()
    assert net.training
    assert not net.eval().drop.training
    assert len(list(net.parameters())) == 2


@pytest.mark.parametrize("layer", [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Flatten])
def test_a_layer_without_arguments_that_is_given_the_input(layer):
    name = layer.__name__
    with pytest.raises(
        TypeError, match=rf"{name}: is made without .*: {name}\(\)\(x\), not {name}"
    ):
        layer(Tensor([1.0]))


@pytest.mark.parametrize("name", ["training", "forward", "parameters", "to"])
def test_the_names_of_what_a_module_does_are_taken(name):
    with pytest.raises(ValueError, match=f"Sequential: '{name}' means another thing in a Module"):
        nn.Sequential(**{name: nn.ReLU()})


def test_all_that_does_not_fit_in_a_state_is_told_at_once():
    net = Net()
    state = net.state_dict() | {"more": np.zeros(1), NAMES[1]: np.zeros(5)}
    del state[NAMES[2]], state[NAMES[3]]
    message = (
        r"Net: state lacks body.inner.1.weight, body.inner.1.bias; state has unknown more; "
        r"conv1.bias expects float64 \(4,\), state has float64 \(5,\)$"
    )
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)


def test_sequential_refuses_a_list():
    message = r"Sequential: 0 expects a Module, got list: Sequential\(\*modules\)"
    with pytest.raises(TypeError, match=message):
        nn.Sequential([nn.ReLU()])


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
