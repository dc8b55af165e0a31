"""A run that was stopped goes on to the very bytes, however it ended; rates changed by hand."""

import math
import re
import signal

import pytest
from tiny_runs import (
    TINY,
    assert_same_end,
    last_checkpoint,
    read_log,
    read_steps,
    run,
    start,
    train,
    wait_for,
    without_times,
)

import tinynet


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
