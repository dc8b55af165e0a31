"""When rates fall, and what the log says: plateaus, fixed places, the authors' run 145."""

import math

import numpy as np
import pytest

import tinynet
from tinynet.training.controls import Controls, changed, in_words
from tinynet.training.errors import UserError
from tinynet.training.formats import check_line
from tinynet.training.inputs import Inputs
from tinynet.training.schedule import EPOCHS_145, Drops, Plateau, Replay, WarmUp, changes_145


def controls(**rates: float) -> Controls:
    """Groups of these names and rates; without any, one with a rate of 1."""
    groups = [
        {"name": name, "params": [tinynet.Tensor([1.0], requires_grad=True)], "lr": rate}
        for name, rate in (rates or {"weights": 1.0}).items()
    ]
    inputs = Inputs(np.zeros((3, 4, 4)), np.ones(3), colour_noise=0.1)
    return Controls(tinynet.optim.SGD(groups, lr=1.0), inputs)


def alexnet() -> Controls:
    return controls(conv1=0.01, weights=0.01, biases=0.02)


# ---------------------------------------------------------------- plateaus and fixed places


def test_drops_at_fractions_of_the_run_once():
    knobs = controls()
    schedule = Drops(knobs, (0.5, 0.75), steps=8)
    reasons = [schedule.after_step(step) for step in range(1, 9)]
    assert reasons == [
        [],
        [],
        [],
        ["50% of the run is done"],
        [],
        ["75% of the run is done"],
        [],
        [],
    ]
    assert math.isclose(knobs.lr, 0.01)
    longer = Drops(knobs, (0.5, 0.75), steps=16)
    longer.load_state_dict(schedule.state_dict())
    assert not any(longer.after_step(step) for step in range(9, 17))


def test_plateau_waits_six_epochs_and_drops_three_times():
    knobs = controls(conv=1.0, biases=2.0)
    schedule = Plateau(knobs)
    reasons = [schedule.after_epoch(error) for error in (0.5, 0.4, *[0.4] * 40)]
    assert [i for i, texts in enumerate(reasons) if texts] == [7, 13, 19]
    (first,), (last,) = reasons[7], reasons[19]
    assert "has not fallen below 40.00% for 6 epochs" in first and "drop 3 of 3" in last
    assert knobs.values()["lr"] == pytest.approx({"conv": 1e-3, "biases": 2e-3})


# ---------------------------------------------------------------- changes as data


def test_the_authors_run_145():
    """Facts, section 2.3: epoch 25, 51, 67, 72, 79, and the biases stay as they were."""
    knobs, steps_per_epoch = alexnet(), 7
    schedule = Replay(knobs, changes_145(0.01), steps_per_epoch)
    seen = {}
    for step in range(EPOCHS_145 * steps_per_epoch + 1):
        if schedule.after_step(step):
            values = knobs.values()
            seen[step] = (*values["lr"].values(), values["colour_noise"])
    assert seen == {
        25 * 7: (1e-3, 1e-3, 0.02, 0.1),
        51 * 7: (1e-4, 1e-4, 0.02, 0.1),
        67 * 7: (1e-5, 1e-4, 0.02, 0.0),
        72 * 7: (0.0, 1e-4, 0.02, 0.0),
        79 * 7: (0.0, 1e-5, 0.02, 0.0),
    }
    check_line({"step": 0, "epoch": 1, "changes": changes_145(0.01)})


def test_145_begins_at_the_rate_of_the_run():
    rates = [change["lr"] for change in changes_145(0.02)]
    assert rates[0] == pytest.approx({"conv1": 2e-3, "weights": 2e-3})
    assert rates[-1] == pytest.approx({"weights": 2e-5})


def test_a_schedule_for_another_network_is_refused():
    with pytest.raises(UserError, match="rate of conv1 and weights, .* groups are conv, fc and b"):
        Replay(controls(conv=1.0, fc=1.0, biases=2.0), changes_145(0.01), 10)


def test_replay_goes_on_where_it_was():
    changes = [
        {"epoch": 0.5, "lr": {"weights": 0.5}, "why": "a"},
        {"epoch": 0.5, "lr": {"weights": 0.25}, "why": "b"},
        {"epoch": 2.0, "colour_noise": 0.0, "why": "c"},
    ]
    knobs = controls()
    first = Replay(knobs, changes, 4)
    assert [first.after_step(step) for step in range(4)] == [[], [], ["a", "b"], []]
    again = Replay(knobs, [], 4)
    again.load_state_dict(first.state_dict())
    assert again.after_step(8) == ["c"]
    assert knobs.values() == {"lr": {"weights": 0.25}, "colour_noise": 0.0}


@pytest.mark.parametrize("steps_per_epoch", [1, 3, 7, 49, 10_009])
def test_every_step_is_found_again_from_its_place_in_epochs(steps_per_epoch):
    """The log has places in epochs, which must mean the same step if epochs are as long."""
    for step in [*range(300), 99_999, 900_810]:
        change = {"epoch": step / steps_per_epoch, "lr": {"weights": 0.5}, "why": ""}
        schedule = Replay(controls(), [change], steps_per_epoch)
        assert step == 0 or not schedule.after_step(step - 1)
        assert schedule.after_step(step)


def test_what_comes_after_the_end_is_told():
    schedule = Replay(alexnet(), changes_145(0.01), 10)
    assert schedule.describe(91) == "changes after epochs 25, 51, 67, 72 and 79"
    assert schedule.describe(60).endswith("; of these, 3 after the end of this run")


# ---------------------------------------------------------------- the controls


def test_rate_by_hand_is_as_the_profile_begins_at_it():
    """Even after a schedule has changed the groups' rates one by one, or to 0."""
    knobs = alexnet()
    knobs.set_lr(0.003)
    assert knobs.lr == 0.003
    assert knobs.values()["lr"] == pytest.approx({"conv1": 0.003, "weights": 0.003, "biases": 6e-3})
    knobs.apply({"lr": {"conv1": 0.0, "weights": 0.0}})
    knobs.set_lr(0.5)
    assert [*knobs.values()["lr"].values()] == pytest.approx([0.5, 0.5, 1.0])


def test_a_change_is_what_differs_and_has_words():
    knobs = alexnet()
    before = knobs.values()
    assert changed(before, knobs.values()) == {}
    knobs.apply({"lr": {"conv1": 1e-5, "weights": 0.01}, "colour_noise": 0})
    change = changed(before, knobs.values())
    assert change == {"lr": {"conv1": 1e-5}, "colour_noise": 0.0}
    assert in_words(change, before) == (
        "learning rate of conv1 set to 1e-05 from 0.01, colour noise set to 0 from 0.1"
    )
    knobs.apply({"lr": {"conv1": 1e-4, "weights": 1e-4}})
    change = changed(before, knobs.values())
    del change["colour_noise"]
    assert in_words(change, before) == (
        "learning rate of conv1 and the other weights set to 0.0001 from 0.01"
    )
    all_alike = {"lr": {"a": 0.1, "b": 0.1}}, {"lr": {"a": 1.0, "b": 1.0}}
    assert in_words(*all_alike) == "learning rate set to 0.1 from 1"


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"epoch": 1.0},
        {"why": "no place"},
        {"epoch": -1, "why": ""},
        {"epoch": "1", "why": ""},
        {"epoch": True, "why": ""},
        {"epoch": 1, "why": "", "lr": 0.1},
        {"epoch": 1, "why": "", "lr": [0.1]},
        {"epoch": 1, "why": "", "lr": {"weights": None}},
        {"epoch": 1, "why": "", "lr": {"weights": math.nan}},
        {"epoch": 1, "why": "", "lr": {"weights": 10**400}},
        {"epoch": 1, "why": "", "colour_noise": math.inf},
        {"epoch": 1, "why": "", "momentum": 0.5},
    ],
)
def test_what_is_no_change(data):
    line = {"step": 0, "epoch": 1}
    with pytest.raises(ValueError, match=r"changes|it changes what it has not, momentum"):
        check_line({**line, "changes": [data]})
    good = {"epoch": 1, "why": "", "lr": {"weights": 0}, "colour_noise": 0.5}
    check_line({**line, "changes": [good]})


# ---------------------------------------------------------------- warm-up


def test_a_warm_up_climbs_stairs_to_the_linear_rule_and_then_hands_over():
    knobs = controls(weights=0.1, biases=0.2)
    schedule = WarmUp(Drops(knobs, (0.5,), steps=60), knobs, lr=0.1, factor=4, steps=20)
    rates = []
    for step in range(61):
        schedule.after_step(step)
        rates.append(knobs.rates["weights"])
    assert np.allclose(rates[:4], [0.1, 0.1, 0.13, 0.13])  # a stair in two steps: 3 x 0.1 / 10
    assert np.allclose(rates[20:30], 0.4) and np.allclose(rates[30:], 0.04)
    assert np.isclose(knobs.rates["biases"], 0.08)
    assert "rates x 4 by the linear rule, after a warm-up of 20 steps; then rates / 10" in (
        schedule.describe(3)
    )


def test_a_warm_up_goes_on_where_it_stopped():
    first, second = controls(), controls()
    schedule = WarmUp(Plateau(first), first, lr=1.0, factor=2, steps=20)
    for step in range(8):
        schedule.after_step(step)
    again = WarmUp(Plateau(second), second, lr=1.0, factor=2, steps=20)
    again.load_state_dict(schedule.state_dict())
    second.set_lr(1.0 * again.multiple)
    assert again.after_step(7) == [] and second.lr == first.lr == 1.3
    assert again.after_step(8) == ["warm-up, 4 of 10"] and np.isclose(second.lr, 1.4)


def test_no_plateau_is_seen_in_a_warm_up():
    knobs = controls()
    schedule = WarmUp(Plateau(knobs), knobs, lr=1.0, factor=2, steps=20)
    assert all(schedule.after_epoch(0.5) == [] for _ in range(20)) and knobs.lr == 1.0
