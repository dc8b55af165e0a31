"""`train --replay` and `--schedule`: a run's log is its schedule."""

import json
import re
import shutil

import pytest
from tiny_runs import (
    TINY,
    last_checkpoint,
    leave_before_first_checkpoint,
    read_log,
    run,
    train,
)

import tinynet


@pytest.fixture(scope="module")
def args(photos):
    """`modern` drops its rate after three quarters; source2012 has colour noise."""
    return ("--profile", "modern", "--data", photos, "--epochs", 4)


@pytest.fixture(scope="module")
def original(args, tmp_path_factory):
    """20 steps: changed by hand after 3 and again after 10, by its own schedule after 15."""
    out = tmp_path_factory.mktemp("runs") / "original"
    train(*args, "--out", out, "--steps", 3, "--log-every", 2)
    train("--out", out, "--resume", "--lr", 0.004, "--steps", 10)
    train("--out", out, "--resume", "--lr", 0.007)
    return out


def changes(folder):
    return [change for line in read_log(folder) for change in line.get("changes", [])]


def test_every_change_is_in_the_log_with_its_place_and_reason(original):
    places = [(change["epoch"], change["why"]) for change in changes(original)]
    assert places == [
        (0.0, "the start"),
        (0.6, "changed by hand"),
        (2.0, "changed by hand"),
        (3.0, "75% of the run is done"),
    ]
    rates = [change["lr"]["weights"] for change in changes(original)]
    assert rates == pytest.approx([0.01, 0.004, 0.007, 0.0007])
    assert changes(original)[0]["lr"].keys() == {"conv1", "weights", "biases"}
    assert changes(original)[0]["colour_noise"] == 0.0
    (line,) = [line for line in read_log(original) if "after 3 epochs:" in line.get("event", "")]
    assert line["event"] == (
        "after 3 epochs: learning rate set to 0.0007 from 0.007 - 75% of the run is done"
    )


def test_replay_trains_to_the_same_weights(args, original, tmp_path):
    out = tmp_path / "again"
    result = train(*args, "--replay", original, "--out", out)
    assert "changes after epochs 0.6, 2 and 3" in result.out
    assert "after 0.6 epochs: learning rate set to 0.004 from 0.01 - changed by hand" in result.out
    assert changes(out) == changes(original)
    one, other = (tinynet.load(last_checkpoint(folder)) for folder in (out, original))
    for name, weight in one["model"].items():
        assert weight.tobytes() == other["model"][name].tobytes(), name
    for name, velocity in one["optimizer"]["velocity"].items():
        assert velocity.tobytes() == other["optimizer"]["velocity"][name].tobytes(), name


def test_replay_takes_the_epochs_of_the_other_run(args, original, photos, tmp_path):
    """From its config.json, or else its log; but --epochs comes first."""
    args = ("--profile", "modern", "--data", photos, "--steps", 1, "--replay")
    log_only, whole = tmp_path / "log only", "--replay: epochs: 4, as in "
    log_only.mkdir()
    lines = [line for line in read_log(original) if line["epoch"] < 4]
    (log_only / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for name, other, flags, epochs, told in (
        ("a", original, (), 4, f"{whole}{original}\n"),
        ("b", log_only, (), 3, f"--replay: epochs: 3, as in {log_only}\n"),
        ("c", original, ("--epochs", 2), 2, ""),
        ("d", original, ("--epochs", 4), 4, ""),
    ):
        result = train(*args, other, *flags, "--out", tmp_path / name)
        assert f"epoch 1/{epochs}  " in result.out
        assert "".join(re.findall(r"^--replay.*\n", result.err, re.MULTILINE)) == told
    leave_before_first_checkpoint(tmp_path / "a")
    shutil.rmtree(log_only)
    for name, epochs in (("a", 4), ("b", 3)):
        result = train("--resume", "--steps", 2, "--out", tmp_path / name)
        assert f"epoch 1/{epochs}  " in result.out


def test_replay_resumes_without_the_other_run(args, original, tmp_path):
    """What is to come was copied: the other run may have gone on, or been deleted."""
    other, whole, out = tmp_path / "other", tmp_path / "whole", tmp_path / "out"
    other.mkdir()
    (other / "log.jsonl").write_bytes((original / "log.jsonl").read_bytes())
    train(*args, "--replay", other, "--out", whole)
    train(*args, "--replay", other, "--out", out, "--steps", 4)
    (other / "log.jsonl").unlink()
    train("--resume", "--out", out)
    assert last_checkpoint(out).read_bytes() == last_checkpoint(whole).read_bytes()
    repeated = run("train", *TINY, *args, "--replay", f"{other}/", "--resume", "--out", out)
    assert repeated.status == 0 and "nothing left to do" in repeated.out


def test_replay_where_epochs_have_other_lengths(photos, original, tmp_path):
    """Batches of 4 instead of 8: 10 steps per epoch, and the same places in epochs."""
    args = ("--profile", "modern", "--data", photos, "--batch-size", 4, "--epochs", 3)
    result = train(*args, "--replay", original, "--out", tmp_path / "run")
    assert "after the end" not in result.out  # the last change comes after epoch 3, the very end
    places = {line["step"]: line["lr"] for line in read_log(tmp_path / "run") if "loss" in line}
    assert [places[step] for step in (6, 7, 20, 21, 30)] == [0.01, 0.004, 0.004, 0.007, 0.007]


def test_plateaus_are_replayed(photos, tmp_path):
    """The 2012 start learns nothing here, so the rate falls after the validation of epoch 7."""
    args = ("--profile", "paper", "--data", photos, "--batch-size", 40, "--epochs", 9)
    train(*args, "--out", tmp_path / "original")
    train(*args, "--out", tmp_path / "again", "--replay", tmp_path / "original")
    assert [change["epoch"] for change in changes(tmp_path / "again")] == [0.0, 7.0]
    assert changes(tmp_path / "again") == changes(tmp_path / "original")
    one, other = (tinynet.load(last_checkpoint(tmp_path / run)) for run in ("again", "original"))
    assert all((w == other["model"][name]).all() for name, w in one["model"].items())


def test_colour_noise_is_replayed_saved_and_restored(photos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    rates = {"conv1": 0.001, "weights": 0.002, "biases": 0.003}
    told = [
        {"epoch": 0.0, "lr": rates, "colour_noise": 0.25, "why": "the start"},
        {"epoch": 0.4, "lr": {"conv1": 0.0}, "colour_noise": 0.0, "why": "tired"},
    ]
    (other / "log.jsonl").write_text(json.dumps({"epoch": 1, "step": 1, "changes": told}) + "\n")
    args = ("--data", photos, "--epochs", 1, "--replay", other)
    out, whole = tmp_path / "run", tmp_path / "whole"
    train("--profile", "modern", *args, "--out", whole)  # which has no noise of its own
    train("--profile", "modern", *args, "--out", out, "--steps", 1)
    state = tinynet.load(last_checkpoint(out))
    assert state["colour_noise"] == 0.25 and state["components"].any()
    assert [group["lr"] for group in state["optimizer"]["groups"]] == [*rates.values()]
    train("--resume", "--out", out)
    assert last_checkpoint(out).read_bytes() == last_checkpoint(whole).read_bytes()
    assert tinynet.load(last_checkpoint(out))["colour_noise"] == 0.0
    assert changes(whole) == told
    (event,) = [line["event"] for line in read_log(whole) if "event" in line]
    assert event == (
        "after 0.4 epochs: learning rate of conv1 set to 0 from 0.001, colour noise set to 0 from "
        "0.25 - tired"
    )


def test_another_rate_before_a_replay_has_begun_is_refused(args, original, tmp_path):
    """The rates at the start are the other run's; once it is under way, --lr changes them."""
    out = tmp_path / "run"
    train(*args, "--replay", original, "--out", out, "--steps", 1)
    train("--resume", "--out", out, "--steps", 2, "--lr", 0.005)
    assert read_log(out)[-1]["lr"] == 0.005
    leave_before_first_checkpoint(out)
    result = run("train", "--resume", "--out", out, "--lr", 0.006)
    assert result.status == 2
    assert result.err == (
        f"error: {out} has no checkpoint yet, and its schedule, replay {original}, takes the rates "
        "at the start from the other run: leave --lr out\n"
    )


def test_another_rate_before_145_has_begun_scales_all_of_it(photos, tmp_path):
    out = tmp_path / "run"
    train("--data", photos, "--steps", 1, "--schedule", "145", "--out", out)
    leave_before_first_checkpoint(out)
    train("--resume", "--steps", 1, "--lr", 0.02, "--out", out)
    config = json.loads((out / "config.json").read_text())
    assert config["changes"][0]["lr"] == {"conv1": 0.002, "weights": 0.002}
    assert read_log(out)[-1]["lr"] == 0.02


# ---------------------------------------------------------------- the flags


def test_schedule_145_has_its_own_epochs_and_says_what_is_cut_off(photos, tmp_path):
    args = ("--data", photos, "--steps", 1, "--schedule", "145")
    result = train(*args, "--out", tmp_path / "long")
    assert "schedule 145: changes after epochs 25, 51, 67, 72 and 79\n" in result.out
    config = json.loads((tmp_path / "long" / "config.json").read_text())
    assert config["epochs"] == 91 and config["schedule"] == "145"
    assert config["changes"][0]["lr"] == {"conv1": 0.001, "weights": 0.001}
    result = train(*args, "--epochs", 30, "--out", tmp_path / "short")
    assert "; of these, 4 after the end of this run" in result.out


def test_a_schedule_by_name_takes_the_place_of_the_profiles_own(photos, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--schedule", "plateau")
    assert "schedule plateau: " in train(*args, "--out", tmp_path / "run").out
    assert [change["epoch"] for change in changes(tmp_path / "run")] == [0.0]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--schedule", "145", "--replay", "x"), "not allowed with argument"),
        (("--schedule", "146"), "invalid choice: '146'"),
        (("--replay", "x", "--lr", "0.1"), "leave --lr out"),
        (("--replay", "nowhere"), "nowhere/log.jsonl is missing: wanted the log of a run"),
    ],
)
def test_flags_that_make_no_sense(photos, tmp_path, flags, told):
    result = run("train", *TINY, "--data", photos, "--out", tmp_path / "run", *flags)
    assert result.status == 2
    assert told in result.err and "Traceback" not in result.err
    assert not (tmp_path / "run").exists()


def test_a_schedule_of_another_network_is_one_line(photos, original, tmp_path):
    args = ("--data", photos, "--out", tmp_path / "run", "--replay", original)
    result = run("train", *args, example="cifar10")
    assert result.status == 2
    assert result.err.splitlines()[-1] == (
        "error: a change to replay sets the rate of conv1 and weights, but this network's "
        "groups are conv, fc and biases: give --replay a run of the same network"
    )


def test_145_is_for_the_network_of_the_paper(photos):
    result = run("train", "--data", photos, "--schedule", "145", example="cifar10")
    assert result.status == 2
    assert "argument --schedule: invalid choice: '145' (choose from" in result.err
    assert "145" not in run("train", "--help", example="cifar10").out
    assert "run 145" in run("train", "--help").out


START = {"epoch": 0.0, "lr": {"weights": 0.01}, "colour_noise": 0.0, "why": "the start"}


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (b"", "does not say how its run began"),
        (b'{"epoch": 1, "step": 1, "lr": 2.3}\n', "does not say how its run began"),
        (
            json.dumps({"epoch": 1, "step": 1, "changes": [{**START, "epoch": 3}]}).encode()
            + b"\n",
            "began",
        ),
        (
            json.dumps({"epoch": 1, "step": 1, "changes": [{**START, "lr": {}}]}).encode() + b"\n",
            "began",
        ),
        (b'{"loss": 2.3}\n', "is damaged, or not a run's log: line 1 is"),
        (
            b'{"epoch": 1, "step": 1}\nnonsense\n{"epoch": 1, "step": 2}\n',
            "is damaged, or not a run's log: line 2 is b'nonsense'",
        ),
        (b'{"epoch": 1, "step": 1}\n\xff\xfe\x00\n', "is damaged, or not a run's log: line 2 is"),
        (b"[1, 2]\n", "is damaged, or not a run's log: line 1 is"),
        (
            b'{"epoch": 1, "step": 1, "changes": [{"epoch": 2, "lr": 0.1}]}\n',
            "is damaged, or not a run's log: line 1",
        ),
    ],
)
def test_logs_that_cannot_be_replayed(photos, tmp_path, log, told):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "log.jsonl").write_bytes(log)
    args = ("--data", photos, "--out", tmp_path / "run", "--replay", tmp_path / "other")
    result = run("train", *TINY, *args)
    assert result.status == 2
    assert result.err.startswith(f"error: {tmp_path / 'other' / 'log.jsonl'} {told}"[:60])
    assert told in result.err and result.err.count("\n") == 1
