"""`train --resume` in folders that a kill, a full disk or a damage has left."""

import json
import os
import shutil

import pytest
from tiny_runs import (
    TINY,
    begin,
    last_checkpoint,
    leave_before_first_checkpoint,
    read_log,
    run,
    settings_of,
    train,
    without_times,
    write_photos,
)

import tinynet
from tinynet import serialization
from tinynet.training.checkpoint_writer import CheckpointWriter
from tinynet.training.errors import NonFiniteError
from tinynet.training.run_folder import RunFolder
from tinynet.training.trainer import Trainer


class Killed(BaseException):
    """As from outside: nothing in the program handles it."""


def test_log_starts_anew_where_no_checkpoint_came(photos, two_epochs, tmp_path):
    """Left by a kill after three steps, before the first checkpoint."""
    out = tmp_path / "run"
    begin(photos, out, 3)
    leave_before_first_checkpoint(out)
    parts = [out / ".config.json.1.part", out / ".log.jsonl.1.part"]
    parts.append(out / "checkpoints" / ".tmpSN9l9i")  # a file of safetensors' own
    for part in parts:
        part.write_text("half")
    told = train("--resume", "--out", out).out
    assert f"no checkpoint in {out} to resume from: this run begins at step 0\n" in told
    assert without_times(read_log(out)) == without_times(read_log(two_epochs))
    assert not any(part.exists() for part in parts)


def killed_at_once(monkeypatch, *argv):
    """`train` as far as its first step."""

    def killed(self):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Trainer, "run", killed)
        run("train", *argv)


def test_a_run_without_a_checkpoint_keeps_its_settings_on_other_data(tmp_path, monkeypatch):
    photos, others = (write_photos(tmp_path / name, 8, 3) for name in ("photos", "others"))
    chosen = ("--profile", "modern", "--epochs", 2, "--seed", 5, "--lr", 0.02)
    train(*chosen, "--data", others, "--out", tmp_path / "whole")
    out = tmp_path / "run"
    killed_at_once(monkeypatch, *TINY, *chosen, "--data", photos, "--out", out)
    killed_at_once(monkeypatch, "--resume", "--data", others, "--out", out)
    result = run("train", "--resume", "--out", out)
    assert result.status == 0, result.err
    assert (out / "config.json").read_bytes() == (tmp_path / "whole/config.json").read_bytes()
    assert last_checkpoint(out).read_bytes() == last_checkpoint(tmp_path / "whole").read_bytes()


def test_a_run_without_a_checkpoint_keeps_its_data_with_another_profile(
    photos, tmp_path, monkeypatch
):
    """Only what the first command left open follows the new profile: here, the schedule."""
    out = tmp_path / "run"
    first = (*TINY, "--profile", "modern", "--data", photos, "--epochs", 3, "--out", out)
    killed_at_once(monkeypatch, *first)
    assert settings_of(out, "schedule", "pixel_std") == ["drops", [64.0, 64.0, 64.0]]
    train("--resume", "--profile", "paper", "--steps", 1, "--out", out)
    names = ("data", "image_size", "width", "epochs", "profile", "schedule", "pixel_std")
    now = [str(photos), 64, 0.03, 3, "paper", "plateau", [1.0, 1.0, 1.0]]
    assert settings_of(out, *names) == now


def test_what_suited_the_first_data_is_chosen_again_for_others(photos, tmp_path, monkeypatch):
    out = tmp_path / "run"
    names = ("profile", "image_size", "epochs", "width", "batch_size")
    first = ("--width", 0.03, "--batch-size", 8, "--out", out)
    killed_at_once(monkeypatch, "--data", "shapes", *first)
    assert settings_of(out, *names) == ["modern", 72, 12, 0.03, 8]
    killed_at_once(monkeypatch, "--resume", "--data", photos, "--out", out)
    assert settings_of(out, *names) == ["source2012", 224, 90, 0.03, 8]
    killed_at_once(monkeypatch, "--resume", "--data", "shapes", "--out", out)
    assert settings_of(out, *names) == ["modern", 72, 12, 0.03, 8]


@pytest.mark.parametrize("best", [False, True], ids=["none", "only the best"])
def test_a_run_whose_checkpoints_are_gone_is_refused_and_kept(photos, two_epochs, tmp_path, best):
    out = tmp_path / "run"
    shutil.copytree(two_epochs, out)
    for path in (out / "checkpoints").iterdir():
        if not (best and path.name == "best.safetensors"):
            path.unlink()
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    result = run("train", "--resume", "--data", photos, "--epochs", 5, "--out", out)
    assert result.status == 2
    assert result.err == (
        f"error: {out / 'checkpoints'} holds no checkpoint to continue from, but "
        f"{out / 'log.jsonl'} goes as far as the validation of epoch 2: start again with another "
        f"--out, or remove that log to start again in {out}\n"
    )
    assert files == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "log.jsonl").unlink()
    train("--resume", "--out", out)
    assert without_times(read_log(out)) == without_times(read_log(two_epochs))


@pytest.mark.parametrize("steps", [3, 10], ids=["within an epoch", "after it"])
def test_the_first_validation_is_logged_after_a_checkpoint(photos, tmp_path, monkeypatch, steps):
    """Or else a kill between the two would look as if checkpoints had been removed."""
    out = tmp_path / "run"

    def full(path, state):
        raise OSError(28, "No space left on device")

    args = (*TINY, "--profile", "modern", "--data", photos, "--epochs", 2, "--steps", steps)
    with monkeypatch.context() as patch:
        patch.setattr(serialization, "save", full)
        result = run("train", *args, "--out", out)
    assert result.status == 1 and "there is no checkpoint yet; to start again: " in result.err
    assert read_log(out) and not any("val_loss" in line for line in read_log(out))
    train("--resume", "--steps", steps, "--out", out)
    train(*args, "--out", tmp_path / "whole")
    assert without_times(read_log(out)) == without_times(read_log(tmp_path / "whole"))


def test_best_is_marked_again_after_a_kill_before_it_was(photos, tmp_path):
    out = tmp_path / "run"
    begin(photos, out, 5)
    best = out / "checkpoints" / "best.safetensors"
    os.unlink(best)
    train("--resume", "--out", out, "--steps", 5)
    assert best.read_bytes() == last_checkpoint(out).read_bytes()


def cut(path):
    data = path.read_bytes()
    os.unlink(path)  # the best may be a hard link to the checkpoint of a step
    path.write_bytes(data[: len(data) // 2])


def test_a_damaged_best_checkpoint_is_mended(photos, two_epochs, tmp_path):
    """From the checkpoint of its step, if that is kept: here, after each epoch in turn."""
    out = tmp_path / "run"
    shutil.copytree(two_epochs, out)
    best = out / "checkpoints" / "best.safetensors"
    good = best.read_bytes()
    cut(best)
    for command in (("eval",), ("predict", "x.png")):
        result = run(command[0], "--checkpoint", out, *command[1:])
        assert result.status == 2 and result.err.count("\n") == 1
        assert f"; --checkpoint {last_checkpoint(out)} is another of the same run;" in result.err
    result = train("--resume", "--out", out)
    assert best.read_bytes() == good and "lost" not in result.err


def test_a_best_checkpoint_that_is_gone_gives_place_to_the_best_left(photos, tmp_path):
    """As after a long time without a better one: its step is no longer kept."""
    out = tmp_path / "run"
    begin(photos, out, 5)
    begin_again = ("--resume", "--out", out, "--steps")
    train(*begin_again, 7)
    lines = read_log(out)
    for line in lines:
        if line["step"] == 5 and "val_loss" in line:
            line["val_top1_error"] = 0.0  # the best, whatever comes
    (out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for path in (RunFolder(out).of_step(5), RunFolder(out).best_path):
        path.unlink(missing_ok=True)
    result = train(*begin_again, 7)
    best = RunFolder(out).best_path
    assert f"{best} is lost or damaged, and with it the best network, that of step 5:" in result.err
    assert tinynet.load(best)["step"] == 7
    result = train(*begin_again, 8)
    assert "lost" not in result.err
    errors = {line["step"]: line["val_top1_error"] for line in read_log(out) if "val_loss" in line}
    assert tinynet.load(best)["step"] == (8 if errors[8] < errors[7] else 7)
    assert f"top-1 error {min(errors[7], errors[8]):.2%}: {best}" in result.out


@pytest.fixture(scope="module")
def doubly_saved(photos, tmp_path_factory):
    """Three epochs, a checkpoint before each validation and one after it; a drop after step 11."""
    out = tmp_path_factory.mktemp("runs") / "doubly"
    train(*DOUBLY, "--data", photos, "--out", out)
    return out


DOUBLY = ("--profile", "modern", "--epochs", 3, "--checkpoint-every", 5)


@pytest.mark.parametrize("saves", range(6))
def test_a_kill_before_any_checkpoint_leaves_no_trace(
    photos, doubly_saved, tmp_path, monkeypatch, saves
):
    """Killed when the log is ahead of the checkpoint: by an interval's line, or a validation's."""
    write, done = CheckpointWriter.write, []

    def write_until_killed(self, step, *rest):
        if len(done) == saves:
            self.finish()
            raise Killed
        done.append(step)
        write(self, step, *rest)

    args = (*DOUBLY, "--data", photos, "--out", tmp_path / "run", "--resume")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(CheckpointWriter, "write", write_until_killed)
        train(*args)
    train(*args)
    assert without_times(read_log(tmp_path / "run")) == without_times(read_log(doubly_saved))
    one, other = (last_checkpoint(folder) for folder in (tmp_path / "run", doubly_saved))
    assert one.read_bytes() == other.read_bytes()


def test_nan_before_the_first_checkpoint_says_how_to_begin_again(photos, tmp_path, monkeypatch):
    def nan(self, batch):
        raise NonFiniteError("the loss of step 1 is nan: layer conv1")

    monkeypatch.setattr(Trainer, "_train_on", nan)
    out = tmp_path / "run"
    result = run("train", "--data", photos, "--width", 0.03, "--image-size", 64, "--out", out)
    assert result.status == 1
    assert "; there is no checkpoint yet; to start again: python " in result.err
    assert f"--resume --out {out} (with a lower --lr: it was 0.01)\n" in result.err
