"""The paper's momentum rule, its groups and its state, and the schedules of its rate."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import leaf, normal, seeds

import tinynet
from tinynet import Tensor, kernels, nn
from tinynet.optim import SGD, ReduceLROnPlateau, StepLR


def loops(weight, gradients, rates, momentum, weight_decay):
    """The rule as the paper prints it (section 5), one number at a time."""
    weight = weight.copy()
    for index in np.ndindex(weight.shape):
        w, v = weight[index], 0.0
        for gradient, lr in zip(gradients, rates):
            v = momentum * v - weight_decay * lr * w - lr * gradient[index]
            w = w + v
        weight[index] = w
    return weight


def trained(weight, gradients, rates, momentum, weight_decay, device="cpu"):
    p = leaf(weight, device)
    optimizer = SGD([p], lr=1.0, momentum=momentum, weight_decay=weight_decay)
    for gradient, lr in zip(gradients, rates):
        optimizer.groups[0]["lr"] = lr
        p.grad = Tensor(gradient, device=device)
        optimizer.step()
    return p.numpy()


def agrees_with_loops(seed, rates, momentum, weight_decay, device="cpu"):
    weight = normal(seed, 3, 2)
    gradients = [normal(seed + i, 3, 2) for i in range(1, len(rates) + 1)]
    case = weight, gradients, rates, momentum, weight_decay
    # eight steps of five roundings each
    np.testing.assert_allclose(trained(*case, device), loops(*case), rtol=1e-13, atol=1e-14)


# ---------------------------------------------------------------------------------------- the rule


@given(
    seed=seeds,
    rates=st.lists(st.sampled_from([1.0, 0.1, 0.01]), min_size=1, max_size=8),
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    weight_decay=st.sampled_from([0.0, 5e-4, 0.1]),
)
def test_the_papers_rule(device, seed, rates, momentum, weight_decay):
    agrees_with_loops(seed, rates, momentum, weight_decay, device)


def test_a_falling_rate_leaves_the_steps_under_way_alone():
    # w = 1, gradient 1, momentum .5:      lr .1:   v = -.1            w = .9
    #                                      lr .01:  v = -.05 - .01     w = .84
    # (PyTorch scales the whole step: .01 * (1 + .5) = .015, w = .885)
    one = np.ones(1)
    w = trained(one, [one, one], [0.1, 0.01], momentum=0.5, weight_decay=0)
    assert w[0] == pytest.approx(0.84)


def test_decay_goes_through_the_velocity():
    # w = 2, no gradient, lr .1, decay .5, momentum .5:   v = -.1          w = 1.9
    #                                                     v = -.05 - .095  w = 1.755
    zero = np.zeros(1)
    w = trained(np.array([2.0]), [zero, zero], [0.1, 0.1], momentum=0.5, weight_decay=0.5)
    assert w[0] == pytest.approx(1.755)


def test_more_elements_than_one_worker_takes(device):
    size = 200_003
    weight, gradients = normal(0, size), [normal(i, size) for i in (1, 2)]
    v = -0.1 * gradients[0] - 0.01 * 0.1 * weight
    w = weight + v
    v = 0.9 * v - 0.1 * gradients[1] - 0.01 * 0.1 * w
    result = trained(weight, gradients, [0.1, 0.1], 0.9, 0.01, device)
    np.testing.assert_allclose(result, w + v, rtol=1e-12, atol=1e-14)


def pytorchs_rule(weight, velocity, grad, size, lr, momentum, weight_decay):
    velocity *= momentum
    velocity += grad + weight_decay * weight
    weight -= lr * velocity


def decay_without_the_rate(weight, velocity, grad, size, lr, momentum, weight_decay):
    velocity *= momentum
    velocity -= weight_decay * weight + lr * grad
    weight += velocity


def decay_after_the_step(weight, velocity, grad, size, lr, momentum, weight_decay):
    velocity *= momentum
    velocity -= lr * grad
    weight += velocity - weight_decay * lr * weight


@pytest.mark.parametrize("wrong", [pytorchs_rule, decay_without_the_rate, decay_after_the_step])
def test_another_rule_is_caught(monkeypatch, wrong):
    monkeypatch.setattr(kernels.KERNELS["sgd_update"], "twin", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees_with_loops(0, [0.1, 0.1, 0.01, 0.01], 0.9, 0.1)


# -------------------------------------------------------------------------------------- the groups


def test_groups_have_their_own_options():
    """Biases at twice the rate and without decay, as in the 2012 source."""
    weight, bias = leaf([1.0]), leaf([1.0])
    groups = [{"params": [weight]}, {"params": [bias], "lr": 0.2, "weight_decay": 0, "momentum": 0}]
    optimizer = SGD(groups, lr=0.1, weight_decay=0.5)
    for _ in range(2):
        (weight * 3 + bias * 3).backward(np.ones(1))
        optimizer.step()
        optimizer.zero_grad()
    # weight: v = -.05 - .3 = -.35, w = .65;  v = -.315 - .0325 - .3, w = .0025
    assert weight.item() == pytest.approx(0.0025)
    assert bias.item() == pytest.approx(1 - 2 * 0.2 * 3)
    assert weight.grad is None
    assert bias.grad is None
    assert [group["lr"] for group in optimizer.groups] == [0.1, 0.2]
    optimizer.scale_lr(0.1)
    assert [group["lr"] for group in optimizer.groups] == pytest.approx([0.01, 0.02])


def test_a_rate_set_by_hand_is_checked_too():
    weight = Tensor([1.0], requires_grad=True)
    optimizer = SGD([weight], lr=0.1)
    weight.grad = Tensor([1.0])
    for lr in (-3, float("nan"), "0.1"):
        optimizer.groups[0]["lr"] = lr
        with pytest.raises(ValueError, match=f"SGD: lr expects a finite .* got {lr!r}"):
            optimizer.step()
    assert weight.numpy() == 1


def test_an_optimizer_shows_its_options():
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    assert repr(SGD([leaf([1.0])], lr=0.1)) == f"SGD of 1 Tensors: [{options}]"


def test_the_defaults_are_the_contracts():
    (group,) = SGD([leaf([1.0])], lr=0.01).groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.01, 0.9, 0)


def test_a_generator_of_parameters():
    layer = tinynet.nn.Linear(2, 2)
    optimizer = SGD(layer.parameters(), lr=0.1)
    assert [id(p) for p in optimizer.groups[0]["params"]] == [id(layer.weight), id(layer.bias)]
    SGD([{"params": layer.parameters()}], lr=0.1)


def test_a_parameter_without_gradient_stays():
    """Neither decay nor the velocity from earlier steps moves it."""
    p, other = leaf([1.0]), leaf([1.0])
    optimizer = SGD([p, other], lr=0.1, weight_decay=0.1)
    p.grad = other.grad = Tensor(np.ones(1))
    optimizer.step()
    kept = p.item()
    p.grad = None
    optimizer.step()
    assert p.item() == kept
    assert other.item() != kept


def test_a_step_leaves_the_gradient_alone():
    p = leaf(normal(0, 3))
    p.grad = Tensor(normal(1, 3))
    SGD([p], lr=0.1).step()
    assert np.array_equal(p.grad.numpy(), normal(1, 3))


# --------------------------------------------------------------------------------------- its state


def make(seed=0):
    params = [leaf(normal(seed, 2, 3)), leaf(normal(seed + 1, 3)), leaf(normal(seed + 2, 2))]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02, "weight_decay": 0}]
    return params, SGD(groups, lr=0.01, weight_decay=5e-4)


def steps(params, optimizer, first, last):
    for i in range(first, last):
        for j, p in enumerate(params):
            p.grad = Tensor(normal(10 * i + j, *p.shape))
        optimizer.step()


def test_a_run_goes_on_to_the_bit(tmp_path):
    params, optimizer = make()
    steps(params, optimizer, 0, 3)
    optimizer.scale_lr(0.1)
    tinynet.save(tmp_path / "state", {"optim": optimizer.state_dict()})
    arrays = [p.numpy().copy() for p in params]
    steps(params, optimizer, 3, 6)

    resumed, other = make(seed=50)
    for p, array in zip(resumed, arrays):
        p.data[...] = array
    other.load_state_dict(tinynet.load(tmp_path / "state")["optim"])
    steps(resumed, other, 3, 6)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(params, resumed))


def test_state_dict_is_a_copy():
    params, optimizer = make()
    steps(params, optimizer, 0, 1)
    state = optimizer.state_dict()
    kept = {name: v.copy() for name, v in state["velocity"].items()}
    steps(params, optimizer, 1, 2)
    assert all(np.array_equal(state["velocity"][name], v) for name, v in kept.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["groups"].pop(), "SGD: state expects 2 groups, has 1"),
        (lambda s: s["velocity"].pop("1.1"), "SGD: state expects 3 velocities, has 2"),
        (
            lambda s: s["velocity"].update({"1.1": np.zeros(3)}),
            r"SGD: velocity 1.1 expects float64 \(2,\), has float64 \(3,\)",
        ),
        (
            lambda s: s["velocity"].update({"1.1": np.zeros(2, np.float32)}),
            r"SGD: velocity 1.1 expects float64 \(2,\), has float32 \(2,\)",
        ),
        (lambda s: s["groups"][1].pop("lr"), "SGD: group 1 of state: lr expects a finite number"),
        (lambda s: s["groups"][1].update(lr="fast"), "SGD: group 1 of state: lr expects"),
        (lambda s: s.pop("velocity"), "SGD: state expects a dict with groups and velocity"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    params, optimizer = make()
    steps(params, optimizer, 0, 2)
    before = optimizer.state_dict()
    state = make()[1].state_dict()
    state["groups"][0]["lr"] = 7.0
    change(state)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["groups"] == before["groups"]
    assert all(np.array_equal(after["velocity"][k], v) for k, v in before["velocity"].items())


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "SGD: params expects at least one Tensor, got none"),
        (leaf([1.0, 2.0]), TypeError, "SGD: params expects a list of Tensors, got one Tensor"),
        ([Tensor([1.0])], TypeError, "SGD: params expects Tensors that require a gradient"),
        ([np.zeros(3)], TypeError, "SGD: params expects Tensors that require a gradient"),
        ([leaf([1.0]) * 2], TypeError, "SGD: params expects .* that no operation made"),
        ([{"lr": 0.1}], ValueError, "SGD: a group expects params, name, lr, momentum"),
        (
            [{"params": [leaf([1.0])]}, leaf([2.0])],
            TypeError,
            "SGD: params .* not both in one list",
        ),
        (
            [leaf([2.0]), {"params": [leaf([1.0])]}],
            TypeError,
            "SGD: params .* not both in one list",
        ),
        ([{"params": [leaf([1.0])], "rate": 1}], ValueError, "SGD: a group expects .* 'rate'"),
        ([{"params": [leaf([1.0])], "lr": -1}], ValueError, "SGD: lr expects a finite number of"),
        ([{"params": [leaf([1.0])], "name": 1}], TypeError, "SGD: the name of a group expects a s"),
        (
            [{"params": [leaf([x])], "name": "biases"} for x in (1.0, 2.0)],
            ValueError,
            "SGD: each group expects a name of its own, got .'biases', 'biases'.",
        ),
    ],
)
def test_params_refused(params, error, message):
    with pytest.raises(error, match=message):
        SGD(params, lr=0.1)


def test_groups_keep_their_names_which_are_not_saved():
    groups = [{"params": [leaf([1.0])], "name": "weights"}, {"params": [leaf([2.0])]}]
    optimizer = SGD(groups, lr=0.1)
    assert [group.get("name") for group in optimizer.groups] == ["weights", None]
    assert [*optimizer.state_dict()["groups"][0]] == ["lr", "momentum", "weight_decay"]


def test_options_may_be_numpys_numbers():
    optimizer = SGD([leaf([1.0])], lr=np.float32(0.5), momentum=np.float64(0.25), weight_decay=0)
    options = optimizer.state_dict()["groups"][0]
    assert options == {"lr": 0.5, "momentum": 0.25, "weight_decay": 0.0}
    assert {type(value) for value in options.values()} == {float}


def test_a_tensor_named_twice():
    p = leaf([1.0])
    message = r"SGD: params names a Tensor twice: params\[1\] of group 0 is params\[0\] of group 0"
    with pytest.raises(ValueError, match=message):
        SGD([p, p], lr=0.1)
    message = r"params\[0\] of group 1 is params\[0\] of group 0 again; list a parameter once"
    with pytest.raises(ValueError, match=message):
        SGD([{"params": [p]}, {"params": [p]}], lr=0.1)


def test_a_frozen_parameter_is_named():
    net = nn.Sequential(one=nn.Linear(2, 2), two=nn.Linear(2, 2))
    net.two.weight.requires_grad = False
    message = (
        r"SGD: .*: params\[2\] \(two.weight\) is a Parameter that requires none: leave it out$"
    )
    with pytest.raises(TypeError, match=message):
        SGD(net.parameters(), lr=0.1)
    SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)


def test_a_result_among_the_params_is_told_by_what_made_it():
    with pytest.raises(TypeError, match=r"params\[1\] is a Tensor that multiply made"):
        SGD([leaf([1.0]), leaf([1.0]) * 2], lr=0.1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (nn.Sequential(nn.Linear(1, 1)), "got Sequential: hand in its parameters()"),
        ({leaf([1.0])}, "got set, which has no order"),
        ({"params": [leaf([1.0])]}, "a list of Tensors, or of dicts of them, got dict"),
        ([{"params": {leaf([1.0])}}], "got set, which has no order"),
        ([{"params": nn.Linear(1, 1)}], "got Linear: hand in its parameters()"),
        (5, "got int"),
    ],
)
def test_what_is_no_list_is_refused_with_the_cure(params, message):
    with pytest.raises(TypeError, match=f"SGD: params expects .*{re.escape(message)}"):
        SGD(params, lr=0.1)


def test_a_gradient_that_no_longer_fits_its_parameter(device):
    for other in (np.ones(4), np.ones(3, np.float32)):
        p = leaf([1.0, 2.0, 3.0], device)
        optimizer = SGD([p], lr=0.1)
        p.grad = Tensor(np.ones(3), device=device)
        p.data = Tensor(other, device=device).data
        with pytest.raises(ValueError, match=r"SGD: the gradient expects .*, got float64 \(3,\)"):
            optimizer.step()


def test_a_shared_parameter_is_updated_once():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    before = net[0].weight.numpy().copy()
    optimizer = SGD(net.parameters(), lr=0.5, momentum=0)
    net[0].weight.grad = Tensor(np.ones((2, 2), np.float32))
    optimizer.step()
    assert np.array_equal(net[1].weight.numpy(), before - 0.5)


@pytest.mark.parametrize("gamma", [-1, 0, float("nan"), float("inf"), "0.1", True])
def test_step_lr_refuses_what_is_no_factor(gamma):
    with pytest.raises(ValueError, match="StepLR: gamma expects a finite number above 0, got"):
        StepLR(None, 1, gamma)


@pytest.mark.parametrize(
    ("option", "value"),
    [("patience", -1), ("patience", 1.5), ("max_drops", -1), ("threshold", -1), ("factor", "x")],
)
def test_reduce_on_plateau_refuses(option, value):
    with pytest.raises(ValueError, match=f"ReduceLROnPlateau: {option} expects .*, got {value!r}"):
        ReduceLROnPlateau(None, **{option: value})


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.1", None, True])
@pytest.mark.parametrize("option", ["lr", "momentum", "weight_decay"])
def test_options_refused(option, value):
    with pytest.raises(ValueError, match=f"SGD: {option} expects a finite number of at least 0"):
        SGD([leaf([1.0])], **{"lr": 0.1, option: value})


# ----------------------------------------------------------------------------------- the schedules


def rates(optimizer):
    return [group["lr"] for group in optimizer.groups]


def test_step_lr():
    _, optimizer = make()
    schedule = StepLR(optimizer, step_size=2, gamma=0.1)
    changed = [schedule.step() for _ in range(5)]
    assert changed == [False, True, False, True, False]
    assert rates(optimizer) == pytest.approx([0.0001, 0.0002])
    with pytest.raises(ValueError, match="StepLR: step_size expects an int of at least 1, got 0"):
        StepLR(optimizer, 0)


def test_reduce_on_plateau():
    _, optimizer = make()
    schedule = ReduceLROnPlateau(optimizer, factor=0.1, patience=1, threshold=0.01)
    #           better  better  a hair  that is 2: drop    better  worse
    measures = [1.0, 0.9, 0.895, 0.9, 0.5, 0.6]
    assert [schedule.step(m) for m in measures] == [False, False, False, True, False, False]
    assert rates(optimizer) == pytest.approx([0.001, 0.002])
    assert schedule.step(0.6)
    schedule.step(leaf([0.25]))
    assert schedule.state_dict() == {"best": 0.25, "bad": 0, "drops": 2}  # no Tensor is kept


def test_reduce_on_plateau_stops_at_its_last_drop_and_counts_a_nan_as_no_better():
    _, optimizer = make()
    schedule = ReduceLROnPlateau(optimizer, patience=0, max_drops=2)
    assert [schedule.step(m) for m in (1, 1, float("nan"), 1, 1)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert rates(optimizer) == pytest.approx([0.0001, 0.0002])
    with pytest.raises(ValueError, match="ReduceLROnPlateau: factor expects 0 < factor < 1, got 1"):
        ReduceLROnPlateau(optimizer, factor=1)


@pytest.mark.parametrize("seen", [0, 1, 3, 4])
def test_schedules_go_on_from_their_state(seen, tmp_path):
    measures = [1.0, 0.9, 0.95, 0.93, 0.92, 0.91, 0.5, 0.5, 0.5]
    for kind, arguments in ((StepLR, {"step_size": 2}), (ReduceLROnPlateau, {"patience": 1})):
        _, optimizer = make()
        schedule = kind(optimizer, **arguments)

        def step(schedule, measure, kind=kind):
            return schedule.step() if kind is StepLR else schedule.step(measure)

        for m in measures[:seen]:
            step(schedule, m)
        tinynet.save(tmp_path / "state", schedule.state_dict())
        rest = [step(schedule, m) for m in measures[seen:]]
        resumed = kind(make()[1], **arguments)
        resumed.load_state_dict(tinynet.load(tmp_path / "state"))
        assert [step(resumed, m) for m in measures[seen:]] == rest
        assert any(rest)
