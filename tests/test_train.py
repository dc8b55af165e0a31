"""The training loop: exact resume, however the run ended; logs; what goes wrong."""

import math
import re
import signal

import numpy as np
import pytest
from full_disk import full_disk
from tiny_runs import (
    TINY,
    last_checkpoint,
    load_example,
    percentages,
    read_log,
    run,
    start,
    train,
    wait_for,
    without_times,
    write_photos,
)

import tinynet
from tinynet import nn
from tinynet.training.non_finite import first_bad_layer
from tinynet.training.scores import Tally, ranks


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """Four epochs, never interrupted: 20 steps with crops, mirror images, dropout and a drop."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    return out


# ---------------------------------------------------------------- exact resume


def assert_same_end(run_folder, whole):
    """The very bytes: weights, velocities, dropout counters, schedule and place in the data."""
    assert last_checkpoint(run_folder).name == last_checkpoint(whole).name
    assert last_checkpoint(run_folder).read_bytes() == last_checkpoint(whole).read_bytes()


@pytest.mark.parametrize("stops", [[7], [5], [3, 16]], ids=["mid-epoch", "at its end", "twice"])
def test_resumed_is_as_never_interrupted(photos, whole, tmp_path, stops):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", tmp_path / "run")
    for stop in stops:
        train(*args, "--steps", stop, "--resume")
    train("--resume", "--out", tmp_path / "run")
    assert_same_end(tmp_path / "run", whole)
    # A run stopped in the middle of an epoch is validated there, with lines of its own.
    lines = without_times(read_log(tmp_path / "run"))
    extra = [line for line in lines if "val_loss" in line and line["step"] % 5]
    assert [line for line in lines if line not in extra] == without_times(read_log(whole))


def test_plateau_schedule_resumes_exactly(photos, tmp_path):
    # The 2012 start learns nothing here: the error stands still for 6 epochs, and the rate falls.
    args = ("--profile", "paper", "--data", photos, "--batch-size", 40, "--epochs", 9)
    train(*args, "--out", tmp_path / "whole")
    train(*args, "--out", tmp_path / "run", "--steps", 5)
    train(*args, "--out", tmp_path / "run", "--resume")
    assert_same_end(tmp_path / "run", tmp_path / "whole")
    rates = [line["lr"] for line in read_log(tmp_path / "run") if "val_loss" in line]
    assert rates[0] == 0.01 and math.isclose(rates[-1], 0.001)
    assert any("drop 1 of 3" in line.get("event", "") for line in read_log(tmp_path / "run"))


@pytest.mark.parametrize("workers", [1, 3])
def test_number_of_workers_changes_no_bit(photos, whole, tmp_path, workers):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4)
    train(*args, "--out", tmp_path / "run", "--workers", workers)
    assert_same_end(tmp_path / "run", whole)


def test_another_seed_is_another_run(photos, whole, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4)
    train(*args, "--out", tmp_path / "run", "--seed", 1)
    assert last_checkpoint(tmp_path / "run").read_bytes() != last_checkpoint(whole).read_bytes()


LONG = ("--profile", "modern", "--epochs", 14, "--checkpoint-every", 3)


@pytest.fixture(scope="module")
def long(photos, tmp_path_factory):
    """70 steps: more than a second, so that a signal in time for step 8 is well before the end."""
    out = tmp_path_factory.mktemp("runs") / "long"
    train(*LONG, "--data", photos, "--out", out)
    return out


def interrupt(photos, out, signal_number):
    """Train in a process of its own, and send it a signal once step 8 is reported."""
    args = (*LONG, "--data", photos)
    process = start("train", *TINY, *args, "--out", out)
    wait_for(process, "step 8/")
    process.send_signal(signal_number)
    return process.communicate(timeout=60), process.returncode


def test_killed_run_resumes_exactly(photos, long, tmp_path):
    out = tmp_path / "run"
    interrupt(photos, out, signal.SIGKILL)
    with open(out / "log.jsonl", "a") as log:
        log.write('{"epoch": 2, "st')  # as a kill may leave the last line
    (out / "checkpoints" / ".step-00000009.safetensors.1.part").write_bytes(b"half")
    assert read_steps(out) >= 5  # step 6's may still have been on its way to disk
    assert read_steps(out) < 70
    train("--resume", "--out", out)
    assert_same_end(out, long)
    assert not list((out / "checkpoints").glob(".*"))
    assert without_times(read_log(out)) == without_times(read_log(long))


def read_steps(out):
    return tinynet.load(last_checkpoint(out))["step"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_signal_saves_the_step_under_way_and_says_how_to_go_on(photos, long, tmp_path, number):
    out = tmp_path / "run"
    (_, errors), status = interrupt(photos, out, number)
    assert status == 130
    assert "Traceback" not in errors
    assert f"train --resume --out {out}" in errors
    assert f"stopped after step {read_steps(out)}." in errors
    assert read_steps(out) >= 8
    train("--resume", "--out", out)
    assert_same_end(out, long)


def test_resume_begins_where_there_is_nothing_yet(photos, whole, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4)
    train(*args, "--resume", "--out", tmp_path / "run")
    assert_same_end(tmp_path / "run", whole)


def test_resume_of_a_finished_run_says_so(whole):
    before = last_checkpoint(whole).read_bytes()
    told = train("--resume", "--out", whole).out
    assert "nothing left to do; epochs done: 4, steps: 20\n" in told
    assert last_checkpoint(whole).read_bytes() == before


def test_what_is_done_is_told_where_steps_end_a_run(photos, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--steps", 3, "--out", tmp_path / "run")
    train(*args)
    assert "nothing left to do; epochs done: 0, steps: 3\n" in train(*args, "--resume").out


def test_resume_without_the_settings_is_refused(photos, tmp_path):
    out = tmp_path / "run"
    train("--profile", "modern", "--data", photos, "--steps", 1, "--out", out)
    (out / "config.json").unlink()
    for command in ("train", "finetune"):
        result = run(command, "--resume", "--out", out)
        assert result.status == 2
        assert result.err.startswith(f"error: {out / 'config.json'} is missing")
        assert "Put it back" in result.err and result.err.count("\n") == 1


def test_rate_changed_by_hand(photos, tmp_path):
    args = ("--profile", "owt", "--data", photos, "--epochs", 2, "--out", tmp_path / "run")
    train(*args, "--steps", 3)
    train("--resume", "--out", tmp_path / "run", "--lr", 0.002)
    lines = read_log(tmp_path / "run")
    assert [line["lr"] for line in lines if "loss" in line] == [0.01] * 3 + [0.002] * 7
    change = {"lr": dict.fromkeys(("conv1", "weights", "biases"), 0.002)}
    assert lines[4]["changes"] == [{"epoch": 0.6, **change, "why": "changed by hand"}]
    assert "learning rate set to 0.002 from 0.01 - changed by hand" in lines[4]["event"]


@pytest.mark.parametrize("steps", [3, 6], ids=["in it", "after it"])
def test_a_rate_by_hand_is_multiplied_as_far_as_a_warm_up_has_come(photos, tmp_path, steps):
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--warm-up", 1)
    train(*args, "--lr", 0.02, "--out", tmp_path / "begun")
    train(*args, "--steps", steps, "--out", tmp_path / "run")
    train("--resume", "--lr", 0.02, "--out", tmp_path / "run")
    begun, run = (
        [line["lr"] for line in read_log(tmp_path / name) if "loss" in line]
        for name in ("begun", "run")
    )
    assert run[steps:] == begun[steps:] and run[:steps] != begun[:steps]


def test_a_rate_by_hand_is_set_once(photos, tmp_path):
    """Also by a run that is killed before it could save that."""
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--out", out)
    train(*args, "--steps", 8)  # after which the schedule's drop leaves 0.001
    kept = last_checkpoint(out), last_checkpoint(out).read_bytes()
    train("--resume", "--out", out, "--lr", 0.009, "--steps", 9)
    last_checkpoint(out).unlink()  # the kill
    train("--resume", "--out", out, "--steps", 9)
    line = read_log(out)[-2]
    assert line["lr"] == 0.009 and "set to 0.009 from 0.001 - changed by hand" in line["event"]
    state = tinynet.load(last_checkpoint(out))
    state["optimizer"]["groups"][1]["lr"] = 0.003  # as a schedule might have done since
    tinynet.save(last_checkpoint(out), state)
    train("--resume", "--out", out)
    assert read_log(out)[-1]["lr"] == 0.003
    assert kept[0].read_bytes() == kept[1]


def test_a_rate_for_no_step_is_not_kept(photos, tmp_path):
    out = tmp_path / "run"
    train("--profile", "owt", "--data", photos, "--epochs", 1, "--out", out)
    before = {path: path.read_bytes() for path in (out / "config.json", out / "log.jsonl")}
    assert "nothing left to do" in train("--resume", "--lr", 0.001, "--out", out).out
    assert before == {path: path.read_bytes() for path in before}
    assert "by hand" not in train("--resume", "--epochs", 2, "--out", out).out
    assert {line["lr"] for line in read_log(out)} == {0.01}


def test_the_first_command_once_more_is_no_change_by_hand(photos, tmp_path):
    """A loop that restarts a run repeats its --lr, also after the schedule has divided it."""
    args = ("--profile", "modern", "--data", photos, "--epochs", 3, "--lr", 0.02, "--resume")
    train(*args, "--out", tmp_path / "whole")
    train(*args, "--out", tmp_path / "run", "--steps", 13)  # the drop comes after step 11
    result = train(*args, "--out", tmp_path / "run")
    assert "--lr 0.02 is already this run's: its schedule continues\n" in result.err
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_a_line_of_the_log_has_the_rate_that_made_its_loss(photos, tmp_path):
    """The drop comes after step 11, which ends an interval at the old rate."""
    args = ("--profile", "modern", "--data", photos, "--epochs", 3, "--log-every", 11)
    result = train(*args, "--out", tmp_path / "run")
    lines = read_log(tmp_path / "run")
    rates = {line["step"]: line["lr"] for line in lines if "loss" in line}
    assert rates == {5: 0.01, 10: 0.01, 11: 0.01, 15: 0.001}
    (changed,) = [line for line in lines if line["step"] > 0 and "event" in line]
    assert changed["step"] == 11 and "set to 0.001 from 0.01" in changed["event"]
    assert re.findall(r"epoch \d/3 .* lr (\S+)", result.out) == ["0.01", "0.01", "0.001"]


def test_damaged_checkpoint_is_passed_over(photos, whole, tmp_path):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    train(*args, "--steps", 7)
    train(*args, "--steps", 9, "--resume")
    newest = last_checkpoint(out)
    newest.write_bytes(newest.read_bytes()[:1000])
    train("--resume", "--out", out)
    assert_same_end(out, whole)


def test_resume_with_nothing_but_damage_is_refused(photos, tmp_path):
    out = tmp_path / "run"
    train("--profile", "modern", "--data", photos, "--steps", 1, "--out", out)
    last_checkpoint(out).write_bytes(b"damaged")
    result = run("train", "--resume", "--out", out)
    assert result.status == 2
    assert "no checkpoint" in result.err and str(last_checkpoint(out)) in result.err
    assert result.err.endswith(": start again with another --out\n")


# ---------------------------------------------------------------- what a run leaves behind


def test_log_has_the_keys_of_the_contract(whole):
    lines = read_log(whole)
    training = [line for line in lines if "loss" in line]
    validation = [line for line in lines if "val_top1_error" in line]
    assert len(training) == 20 and len(validation) == 4
    always = {"epoch", "step", "lr", "seconds"}
    measured = {"loss", "top1_error", "top5_error", "images_per_s", "data_wait"}
    for line in training:
        assert line.keys() - {"event", "changes"} == always | measured
        assert 0 <= line["top5_error"] <= line["top1_error"] <= 1 and 0 <= line["data_wait"] <= 1
        assert line["loss"] > 0 and line["images_per_s"] > 0
    for line in validation:
        errors = {"val_loss", "val_top1_error", "val_top5_error"}
        assert line.keys() == always | errors | {"save_seconds"}
    waited = [line["save_seconds"] for line in validation]
    assert waited == sorted(waited) and 0 <= waited[0] <= waited[-1] < validation[-1]["seconds"]
    assert [line["step"] for line in training] == list(range(1, 21))
    assert [line["epoch"] for line in validation] == [1, 2, 3, 4]
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    # modern: the rate falls after three quarters of the run
    assert [line["lr"] for line in training[13:16]] == [0.01, 0.01, 0.001]
    assert "75% of the run is done" in training[14]["event"]


def test_run_learns_red_from_green(whole):
    losses = [line["loss"] for line in read_log(whole) if "loss" in line]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])


def test_loss_is_the_mean_of_the_interval(photos, whole, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--log-every", 4)
    train(*args, "--steps", 4, "--out", tmp_path / "run")
    each = read_log(whole)[:4]
    (line, _) = read_log(tmp_path / "run")
    assert math.isclose(line["loss"], np.mean([x["loss"] for x in each]), rel_tol=1e-12)
    assert math.isclose(line["top1_error"], np.mean([x["top1_error"] for x in each]))


def test_checkpoints_keep_the_last_three_and_the_best(whole):
    names = sorted(path.name for path in (whole / "checkpoints").iterdir())
    steps = [f"step-{step:08d}.safetensors" for step in (10, 15, 20)]
    assert names == ["best.safetensors", *steps]
    validations = [line for line in read_log(whole) if "val_loss" in line]
    best = min(validations, key=lambda line: line["val_top1_error"])
    state = tinynet.load(whole / "checkpoints" / "best.safetensors")
    assert state["step"] == best["step"]
    described = [state[key] for key in ("profile", "width", "image_size", "classes")]
    assert described == ["modern", 0.03, 64, ["green", "red"]]


def test_eval_is_exactly_the_validation(whole):
    validations = [line for line in read_log(whole) if "val_loss" in line]
    result = run("eval", "--checkpoint", last_checkpoint(whole))
    assert result.status == 0
    last = validations[-1]
    assert percentages(result.out) == [
        f"{last[key]:.2%}" for key in ("val_top1_error", "val_top5_error")
    ]
    assert f"loss {last['val_loss']:.4f}" in result.out


def test_partly_unreadable_data_train_and_are_told_of(tmp_path):
    photos = write_photos(tmp_path / "photos", train=9, val=3)
    bad = [photos / "train" / "red" / "0.png", photos / "val" / "green" / "1.png"]
    for path in bad:
        path.write_bytes(b"no image")
    result = train("--profile", "modern", "--data", photos, "--epochs", 3, "--out", tmp_path / "r")
    for path in bad:
        assert result.err.count(f"skipped {path}") == 1
    assert "skipped  2 files" in result.out


# ---------------------------------------------------------------- numbers gone bad, disk full


@pytest.mark.parametrize(
    ("steps", "rate", "told"),
    [
        (2, "1e30", "the loss of step 4 is nan"),
        (4, "1e30", "after step 5 the validation loss is nan or inf"),
        (4, "1e37", "after step 5 the validation loss is nan or inf"),
    ],
)
def test_nan_names_the_layer_and_keeps_the_last_good_checkpoint(
    photos, tmp_path, steps, rate, told
):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    train(*args, "--steps", steps)
    good = last_checkpoint(out).read_bytes()
    result = run("train", "--resume", "--out", out, "--lr", rate)
    assert result.status == 1
    *progress, error = result.err.splitlines()
    assert all("waiting for data" in line for line in progress)
    assert error.startswith("error: ") and told in error
    assert re.search(r"layer conv\d: its (weight|output) has (nan|inf) in", error)
    assert "lower --lr" in error and f"--resume --out {out}" in error
    assert str(last_checkpoint(out)) in error
    assert last_checkpoint(out).read_bytes() == good


def tiny_alexnet(**options) -> nn.Sequential:
    return load_example("alexnet").AlexNet(3, image_size=64, width=0.03, **options)


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda m: m.conv3.weight.data.__setitem__((0, 0, 0, 0), np.nan), "conv3: its weight has"),
        (lambda m: m.fc7.bias.data.__setitem__(1, np.inf), "fc7: its bias has inf in 1 of"),
        (lambda m: m.conv2.weight.data.__imul__(1e38), "conv2: its output has"),
    ],
)
def test_first_bad_layer(spoil, told):
    model = tiny_alexnet(profile="modern")
    x = tinynet.Tensor(np.random.default_rng(0).standard_normal((2, 3, 64, 64), np.float32))
    spoil(model)
    model(x)
    assert f"layer {told}" in first_bad_layer(model, x)


def test_a_nan_in_a_later_batch_of_the_validation_is_found(photos, tmp_path, monkeypatch):
    """The 12 validation images are two batches; in the second one conv3 gives a nan."""
    forward, lengths = nn.Conv2d.forward, []

    def spoiled(self, x):
        y = forward(self, x)
        if len(x) == 4 and self.weight.shape[2:] == (3, 3):  # the second batch has 4 images
            lengths.append(len(x))
            y.data[0, 0, 0, 0] = np.nan
        return y

    monkeypatch.setattr(nn.Conv2d, "forward", spoiled)
    args = ("--profile", "modern", "--data", photos, "--epochs", 1, "--out", tmp_path / "run")
    result = run("train", *TINY, *args)
    assert result.status == 1 and lengths
    assert "the validation loss is nan or inf: layer conv3: its output has nan" in result.err


def test_bad_weights_are_never_saved(photos, tmp_path, monkeypatch):
    """The loss of step 3 was finite, but its update was not: no checkpoint may hold that."""
    step, calls = tinynet.optim.SGD.step, []

    def spoil_the_third(self):
        step(self)
        calls.append(self)
        if len(calls) == 3:
            self.groups[2]["params"][3].data[0] = np.nan

    monkeypatch.setattr(tinynet.optim.SGD, "step", spoil_the_third)
    args = ("--profile", "modern", "--data", photos, "--checkpoint-every", 1)
    result = run("train", *TINY, *args, "--out", tmp_path / "run")
    assert result.status == 1
    assert "after step 3 the parameter conv4.bias has nan in 1 of" in result.err
    assert read_steps(tmp_path / "run") == 2


def test_full_disk_leaves_the_old_checkpoint(photos, whole, tmp_path):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    train(*args, "--steps", 7)
    good = last_checkpoint(out)
    with full_disk(good.stat().st_size // 2):
        result = run("train", "--resume", "--out", out)
    assert result.status == 1
    assert "error: " in result.err and str(good) in result.err
    assert last_checkpoint(out) == good
    assert not list((out / "checkpoints").glob(".*"))
    train("--resume", "--out", out)
    assert_same_end(out, whole)


# ---------------------------------------------------------------- the parts


def test_ranks_count_ties_and_nans_against_the_network():
    logits = np.array([[1, 5, 3], [2, 2, 2], [2, 2, 2], [np.nan, 1, 0], [0, np.nan, 1]])
    #  label 2: one before it; ties: 0 is first, 2 last; a nan stands before all; a nan is last
    assert ranks(logits, np.array([2, 0, 2, 1, 1])).tolist() == [1, 0, 2, 1, 3]


def test_tally_weighs_batches_by_their_size():
    tally = Tally()
    tally.add(3.0, np.eye(6)[[0, 1, 2]], np.array([0, 1, 5]))
    tally.add(1.0, np.eye(6)[[3]], np.array([3]))
    scores = tally.scores()
    # the label 5 is the last of the zeros, so that five others stand before it
    assert (scores.images, scores.loss) == (4, 1.0)
    assert (scores.top1_error, scores.top5_error) == (0.25, 0.25)
