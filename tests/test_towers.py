"""AlexNet in two towers is AlexNet on one device: the same numbers and the same checkpoints."""

import copy

import numpy as np
import pytest
from tiny_runs import load_example

import tinynet
from tinynet import Tensor, init, nn, optim
from tinynet import functional as F
from tinynet.commands import gradient_cases
from tinynet.parallel import towers, traffic
from tinynet.parallel.wholes import halved, merged, saved_names

alexnet = load_example("alexnet")
SMALL = {"num_classes": 5, "image_size": 67, "width": 0.06}  # 6 to 24 maps, 246 units
LABELS = np.array([1, 4, 0])
# Relative to the largest element. The towers add the same numbers, some in another order: sums of
# some hundred terms then differ by a few roundings, of 6e-8 in float32 and 1e-16 in float64.
TOLERANCE = {"float32": 5e-6, "float64": 1e-12}


@pytest.fixture(params=["cpu,cpu", "sim:0,sim:1", "cpu,sim:1"])
def pair(request):
    """The devices of tower a and tower b."""
    devices = tuple(request.param.split(","))
    try:
        for name in devices:
            tinynet.device(name)
    except ValueError as reason:
        pytest.skip(str(reason))
    return devices


def build(devices, profile="source2012", dtype="float64", **options):
    """A small AlexNet, with weights that let signal and gradient through (He et al.)."""
    model = alexnet.AlexNet(profile=profile, devices=devices, dtype=dtype, **SMALL, **options)
    rng = np.random.default_rng(5)
    for name, layer in model.children():
        if name.startswith(("conv", "fc")):
            weight, bias = map(Tensor, layer.state_dict().values())
            init.he_normal_(weight, rng)
            init.normal_(bias, 0.3, rng=rng)
            layer.load_state_dict({"weight": weight.numpy(), "bias": bias.numpy()})
    return model


def images(dtype="float64", seed=0):
    side = SMALL["image_size"]
    # as large as pixels, so that the normalization has an effect
    return 30 * np.random.default_rng(seed).standard_normal((3, 3, side, side)).astype(dtype)


def results(model, x):
    """One forward and backward pass: logits, loss, the whole gradient of every parameter."""
    model.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits, LABELS)
    loss.backward()
    gradients: dict[str, list] = {}
    names = saved_names(model)
    for p in model.parameters():
        gradients.setdefault(names[id(p)], []).append(p.grad.numpy())
    wholes = {name: np.concatenate(halves) for name, halves in gradients.items()}
    return {"logits": logits.numpy(), "loss": loss.numpy(), **wholes}


def check_agree(found, wanted, tolerance):
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name].shape == wanted[name].shape
        difference = np.abs(found[name] - wanted[name]).max() / np.abs(wanted[name]).max()
        assert difference <= tolerance, f"{name}: {difference:.1e}"


# ---------------------------------------------------------------- the same network


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("profile", ["source2012", "paper", "modern", "no-crosstalk"])
def test_forward_and_gradients_agree(pair, profile, dtype):
    one, two = (build(devices, profile, dtype) for devices in (("cpu",), pair))
    x = images(dtype)
    check_agree(results(two, x), results(one, x), TOLERANCE[dtype])


def test_both_towers_on_one_gpu():
    try:
        two = build(("sim:0", "sim:0"))
    except ValueError as reason:
        pytest.skip(str(reason))
    x = images()
    check_agree(results(two, x), results(build(("cpu",)), x), TOLERANCE["float64"])


@pytest.mark.parametrize("mode", ["paper", "inverted"])
def test_dropout_of_two_towers_draws_the_same_bits(pair, mode):
    x = np.random.default_rng(0).standard_normal((4, 10))
    one, two = nn.Dropout(0.5, mode, seed=3), towers.TowerDropout(0.5, mode, seed=3)
    halves = towers.Halves(Tensor(x[:, :5], device=pair[0]), Tensor(x[:, 5:], device=pair[1]))
    for _ in range(3):
        assert np.array_equal(two(halves).numpy(), one(Tensor(x)).numpy())
    assert two.counter == 3
    one.eval(), two.eval()
    assert np.array_equal(two(halves).numpy(), one(Tensor(x)).numpy())


def trained(devices, dtype, steps=10):
    model = build(devices, dtype=dtype)
    optimizer = optim.SGD(alexnet.parameter_groups(model, 1e-3), lr=1e-3)
    losses = []
    for i in range(steps):
        loss = F.cross_entropy(model(images(dtype, seed=i)), LABELS)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    velocity = merged(optimizer.state_dict(), optimizer, model)["velocity"]
    return np.array(losses), model.state_dict(), velocity


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_ten_steps_with_dropout_agree(pair, dtype):
    losses, weights, velocity = trained(("cpu",), dtype)
    assert losses.std() > 0.01  # they do train
    two_losses, two_weights, two_velocity = trained(pair, dtype)
    # ten steps add up their roundings
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    check_agree({"": two_losses}, {"": losses}, tolerance)
    check_agree(two_weights, weights, tolerance)
    check_agree(two_velocity, velocity, tolerance)


def test_gradients_across_devices(pair):
    model = alexnet.EXAMPLE.build(
        5, "modern", devices=pair, **alexnet.EXAMPLE.small, dtype="float64"
    )
    assert gradient_cases.check_network(model, 64, samples=3, seed=1) <= gradient_cases.TOLERANCE


def test_logits_are_on_the_last_device(pair):
    assert build(pair)(images()).device.name == pair[1]


def test_a_copy_of_a_model_is_a_model_in_two_towers(pair):
    model = build(pair)
    other = copy.deepcopy(model)
    other.conv4.b.weight.zero_grad()
    assert np.array_equal(other.eval()(images()).numpy(), model.eval()(images()).numpy())
    assert other.conv4.b.weight.device is model.conv4.b.weight.device


# ---------------------------------------------------------------- the same checkpoints


@pytest.mark.parametrize("profile", ["source2012", "modern"])
def test_the_same_initial_weights(pair, profile):
    one, two = (
        alexnet.AlexNet(profile=profile, devices=devices, seed=4, **SMALL)
        for devices in (("cpu",), pair)
    )
    ones, twos = one.state_dict(), two.state_dict()
    assert list(twos) == list(ones)
    assert all(np.array_equal(twos[name], ones[name]) for name in ones)


def test_the_merged_layout_of_the_whole_network():
    state = alexnet.AlexNet(devices=("cpu", "cpu"), profile="paper").state_dict()
    assert {name: array.shape for name, array in state.items() if name.endswith("weight")} == {
        "conv1.weight": (96, 3, 11, 11),
        "conv2.weight": (256, 48, 5, 5),
        "conv3.weight": (384, 256, 3, 3),
        "conv4.weight": (384, 192, 3, 3),
        "conv5.weight": (256, 192, 3, 3),
        "fc6.weight": (4096, 9216),
        "fc7.weight": (4096, 4096),
        "fc8.weight": (1000, 4096),
    }


def test_weights_and_velocities_move_both_ways_bit_for_bit(pair):
    def begun(devices, seed):
        model = alexnet.AlexNet(devices=devices, seed=seed, **SMALL)
        return model, optim.SGD(alexnet.parameter_groups(model, 0.01), lr=0.01)

    def same(a, b):
        return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)

    rng = np.random.default_rng(0)
    one, one_optimizer = begun(("cpu",), 1)
    state = one_optimizer.state_dict()
    velocity = {name: rng.random(v.shape, np.float32) for name, v in state["velocity"].items()}
    one_optimizer.load_state_dict(state | {"velocity": velocity})
    two, two_optimizer = begun(pair, 2)
    two.load_state_dict(one.state_dict())
    state = merged(one_optimizer.state_dict(), one_optimizer, one)
    two_optimizer.load_state_dict(halved(state, two_optimizer, two))
    back, back_optimizer = begun(("cpu",), 3)
    back.load_state_dict(two.state_dict())
    state = merged(two_optimizer.state_dict(), two_optimizer, two)
    back_optimizer.load_state_dict(halved(state, back_optimizer, back))
    assert same(back.state_dict(), one.state_dict())
    assert same(back_optimizer.state_dict()["velocity"], velocity)
    # tower a has the first filters, and what belongs to them
    weight, name = one.conv3.weight.numpy(), "1.1"  # conv2, conv3: the second group
    assert np.array_equal(two.conv3.a.weight.numpy(), weight[: len(weight) // 2])
    of_b = [id(p) for p in two_optimizer.groups[1]["params"]].index(id(two.conv3.b.weight))
    device, array = two.conv3.b.weight.device, two_optimizer.velocity[1][of_b]
    assert device.owns(array)
    assert np.array_equal(device.to_numpy(array), velocity[name][len(weight) // 2 :])


def test_a_state_that_does_not_fit_changes_nothing(pair):
    model = build(pair)
    before, state = model.state_dict(), model.state_dict()
    state["conv1.weight"] = state["conv1.weight"] + 1
    state["fc7.weight"] = state["fc7.weight"][:-1]
    with pytest.raises(ValueError, match=r"fc7.weight expects float64 \(246, 246\), state has"):
        model.load_state_dict(state)
    assert np.array_equal(model.state_dict()["conv1.weight"], before["conv1.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("1.1"), "velocity expects .*'1.1'.*, has "),
        (lambda v: v.update({"9.0": v["1.1"]}), "velocity expects .*, has .*'9.0'"),
        (lambda v: v.update({"1.1": v["1.1"][:-1]}), "SGD: velocity 1.3 expects float32 .12, "),
        (lambda v: v.update({"1.1": np.float32(0)}), "SGD: velocity 1.2 expects float32 .12, "),
    ],
)
def test_velocities_that_do_not_fit_change_nothing(change, message):
    model = build(("cpu", "cpu"), dtype="float32")
    optimizer = optim.SGD(alexnet.parameter_groups(model, 0.01), lr=0.01)
    state = merged(optimizer.state_dict(), optimizer, model)
    state["velocity"] = {name: v + 1 for name, v in state["velocity"].items()}
    change(state["velocity"])
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(halved(state, optimizer, model))
    assert not any(v.any() for group in optimizer.velocity for v in group)


# ---------------------------------------------------------------- seeded mistakes


def across_the_towers(monkeypatch):
    forward = nn.LocalResponseNorm.forward

    def with_one_group(self, x):
        self.groups = 1
        return forward(self, x)

    monkeypatch.setattr(nn.LocalResponseNorm, "forward", with_one_group)


def without_gradient(monkeypatch):
    monkeypatch.setattr(traffic.Carry, "backward", lambda self, dy: 0 * dy)


def halves_swapped(monkeypatch):
    monkeypatch.setattr(
        towers.Join,
        "forward",
        lambda self, x: F.concatenate([x.b, x.a.to(x.b.device)], axis=1),
    )


def dropout_of_its_own(monkeypatch):
    def forward(self, x):
        a, b = (
            F.dropout(half, self.p, True, self.mode, self.seed, self.counter) for half in (x.a, x.b)
        )
        return towers.Halves(a, b)

    monkeypatch.setattr(towers.TowerDropout, "forward", forward)


@pytest.mark.parametrize(
    "mistake", [across_the_towers, without_gradient, halves_swapped, dropout_of_its_own]
)
def test_a_seeded_mistake_is_caught(mistake, monkeypatch):
    one, two = build(("cpu",)), build(("cpu", "cpu"))
    check_agree(results(two, images()), results(one, images()), TOLERANCE["float64"])
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        check_agree(results(two, images()), results(one, images()), TOLERANCE["float64"])


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("devices", "profile", "message"),
    [
        (("cpu",) * 3, "paper", "devices expects one device or two, got .'cpu', 'cpu', 'cpu'."),
        ((), "paper", "devices expects one device or two"),
        (("cpu", "sim:9"), "paper", "'sim:9'"),
        (("cpu", "gpu:0"), "paper", "expected 'cpu', 'cuda:N' or 'sim:N', got 'gpu:0'"),
        (("cpu", "cpu"), "caffe", "caffe normalizes over the maps of both towers"),
        (("cpu", "cpu"), "owt", "owt has one tower"),
        (("cpu", "cpu"), "one-tower", "one-tower has one tower"),
    ],
)
def test_devices_that_will_not_do(devices, profile, message):
    with pytest.raises(ValueError, match=message):
        alexnet.AlexNet(5, profile, devices, width=0.03, image_size=64)


def test_without_the_copy_the_message_names_both_devices(monkeypatch):
    devices = ("cpu", "sim:1")
    try:
        model = build(devices)
    except ValueError as reason:
        pytest.skip(str(reason))
    monkeypatch.setattr(towers, "carry", lambda x, device, link: x)
    with pytest.raises(ValueError, match="cpu.* on sim:1|sim:1.* on cpu"):
        model(images())


@pytest.mark.parametrize("devices", ["cpu", ("cpu", "cpu")])
def test_images_may_be_on_another_device(devices):
    try:
        there = tinynet.device("sim:0")
    except ValueError as reason:
        pytest.skip(str(reason))
    model, x = build(devices), images()
    model.eval()
    y = model(Tensor(x, device=there))
    assert y.device.name == "cpu"
    assert np.array_equal(y.numpy(), model(x).numpy())


def test_one_device_may_be_a_name():
    assert build("cpu").devices == ("cpu",)
    with pytest.raises(ValueError, match="device: expected 'cpu', .* got 'cpu,cpu'"):
        build("cpu,cpu")
