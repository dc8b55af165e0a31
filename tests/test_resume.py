"""`train --resume`: what it keeps, and folders that a clean stop would not leave."""

import errno
import fcntl
import json
import os
import re
import shutil
from datetime import datetime

import numpy as np
import pytest
from tiny_runs import (
    TINY,
    last_checkpoint,
    leave_before_first_checkpoint,
    read_log,
    run,
    train,
    without_times,
    write_photos,
)

import tinynet
from tinynet import serialization
from tinynet.commands import run as run_command
from tinynet.commands import train as train_command
from tinynet.training.checkpoint_writer import CheckpointWriter
from tinynet.training.errors import NonFiniteError
from tinynet.training.run_folder import RunFolder
from tinynet.training.trainer import Trainer


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """Two epochs, never interrupted: 10 steps."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train("--profile", "modern", "--data", photos, "--epochs", 2, "--out", out)
    return out


class Killed(BaseException):
    """As from outside: nothing in the program handles it."""


def begin(photos, out, steps):
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--out", out)
    return train(*args, "--steps", steps)


def without_one(state):
    model = dict(state["model"])
    del model["conv3.bias"]
    return state | {"model": model}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda state: {"weights": np.ones(3)}, "it lacks 'step'"),
        (
            lambda state: state | {"mean": "none"},
            "Expected `numpy.ndarray`, got `str` - at `$.mean`",
        ),
        (without_one, "state lacks conv3.bias"),
        (lambda state: state | {"model": state["model"] | {"extra": np.ones(2)}}, "unknown extra"),
        (lambda state: state | {"model": 3}, "Expected `object`, got `int` - at `$.model`"),
    ],
)
def test_checkpoint_that_does_not_fit_is_one_line(photos, tmp_path, spoil, told):
    out = tmp_path / "run"
    begin(photos, out, 2)
    path = last_checkpoint(out)
    tinynet.save(path, spoil(tinynet.load(path)))
    result = run("train", "--resume", "--out", out)
    assert result.status == 2
    assert f"{path} does not fit: " in result.err and result.err.count("\n") == 1
    assert told in result.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--width", "0.05"), "width 0.03, now 0.05"),
        (("--seed", "7", "--batch-size", "4"), "seed 0, now 7; batch_size 8, now 4"),
        (("--image-size", "67"), "image_size 64, now 67"),
        (("--profile", "paper"), "profile modern, now paper"),
        (("--profile", "paper"), "the profiles modern and paper differ in\n    dropout: x 2 in tr"),
        (("--schedule", "plateau"), "schedule drops, now plateau"),
        (("--data", "shapes"), "in 2 classes, now shapes"),
    ],
)
def test_resume_with_other_settings_is_refused(whole, flags, told):
    before = last_checkpoint(whole).read_bytes()
    result = run("train", *flags, "--resume", "--out", whole)
    assert result.status == 2
    assert told in result.err
    assert last_checkpoint(whole).read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--profile", "paper"), "profile modern, now paper. Resume"),
        (("--data", "shapes", "--seed", "7"), "seed 0, now 7; data "),
    ],
)
def test_only_what_is_asked_for_otherwise_is_told(whole, flags, told):
    result = run("train", *flags, "--resume", "--out", whole)
    assert result.err.startswith(f"error: {whole} was started with other settings: {told}")


def train_losses(result):
    return re.findall(r"^epoch (\d)/\d  train loss (\S+)", result.out, re.MULTILINE)


def test_the_train_loss_is_the_whole_epochs_also_after_a_resume(photos, tmp_path):
    """Of intervals of 2 steps and of 1."""
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--log-every", 2)
    (first, second) = train_losses(train(*args, "--out", tmp_path / "whole"))
    out = tmp_path / "run"
    assert train_losses(train(*args, "--steps", 3, "--out", out)) != [first]
    assert train_losses(train("--resume", "--steps", 8, "--out", out))[0] == first
    assert train_losses(train("--resume", "--out", out)) == [second]
    losses = [line["loss"] for line in read_log(tmp_path / "whole") if "loss" in line]
    assert first == ("1", f"{(2 * losses[0] + 2 * losses[1] + losses[2]) / 5:.4f}")


@pytest.mark.parametrize("epochs", [1, 2], ids=["the last epoch", "an epoch"])
def test_epoch_is_kept_when_validation_cannot_run(tmp_path, epochs):
    photos = write_photos(tmp_path / "photos")
    args = ("--profile", "modern", "--data", photos, "--epochs", epochs)
    result = train(*args, "--out", tmp_path / "whole")
    trained = result.out.split("epoch 1/")[1].split("  val ")[0]
    pictures = {path: path.read_bytes() for path in (photos / "val").rglob("*.png")}
    for path in pictures:
        path.write_bytes(b"no image")
    out = tmp_path / "run"
    result = run("train", "--resume", *TINY, *args, "--out", out)
    assert result.status == 2
    (error,) = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert "not one of the 12 images of val" in error and f"--resume --out {out}" in error
    assert tinynet.load(last_checkpoint(out))["step"] == 5
    for path, content in pictures.items():
        path.write_bytes(content)
    assert f"epoch 1/{trained}  val " in train("--resume", "--out", out).out
    assert last_checkpoint(out).read_bytes() == last_checkpoint(tmp_path / "whole").read_bytes()
    errors = [
        [line["val_loss"] for line in read_log(folder) if "val_loss" in line]
        for folder in (out, tmp_path / "whole")
    ]
    assert errors[0] == errors[1] and len(errors[0]) == epochs


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_under_way_is_left_alone(photos, tmp_path, resume):
    """Even if both begin at once, and neither finds a folder."""
    out = tmp_path / "run"
    if resume:
        begin(photos, out, 2)
    under_way, is_empty = RunFolder(out), RunFolder.is_empty
    under_way.claim()
    under_way.create()
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "is_empty", lambda self: self.path == out or is_empty(self))
        result = run("train", *TINY, "--data", photos, *["--resume"] * resume, "--out", out)
    assert result.status == 2
    assert result.err.startswith(f"error: {out}: another process is training in this folder: wait")
    assert files == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    under_way.close()
    train("--resume", "--data", photos, "--steps", 3, "--out", out)


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_came_and_went_meanwhile_is_left_alone(photos, tmp_path, monkeypatch, resume):
    """Two begin at once, and find no folder; one has ended when the other makes its own."""
    out, build = tmp_path / "run", run_command.build
    flags = (*TINY, "--data", photos, "--steps", 1, "--out", out)

    def build_after_another_run(*args):
        monkeypatch.undo()
        train(*flags, "--seed", 1)
        return build(*args)

    monkeypatch.setattr(run_command, "build", build_after_another_run)
    result = run("train", *flags, *["--resume"] * resume)
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith(f"error: {out} is no longer empty, another proc")
    assert tinynet.load(last_checkpoint(out))["seed"] == 1
    assert settings_of(out, "seed") == [1]
    assert len(read_log(out)) == 2


def test_two_runs_without_out_in_one_second_have_two_folders(photos, tmp_path, monkeypatch):
    class StoppedClock(datetime):
        @classmethod
        def now(cls):
            return cls(2012, 9, 30, 12, 0, 0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_command, "datetime", StoppedClock)
    flags = ("--data", photos, "--profile", "modern", "--steps", 1)
    first, second = train(*flags), train(*flags, "--seed", 1)
    name = f"runs/{photos.name}-modern-20120930-120000"
    assert f"run      {name}\n" in first.out
    assert f"run      {name}-2\n" in second.out and f"--checkpoint {name}-2\n" in second.out
    seeds = [tinynet.load(last_checkpoint(tmp_path / n))["seed"] for n in (name, f"{name}-2")]
    assert seeds == [0, 1]


def test_file_systems_without_locks_train(photos, tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    out = tmp_path / "run"
    for steps in (1, 2):
        result = train("--resume", "--data", photos, "--steps", steps, "--out", out)
        assert result.err.count(f"warning: {out / '.lock'} cannot be locked") == 1


def test_log_starts_anew_where_no_checkpoint_came(photos, whole, tmp_path):
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
    assert without_times(read_log(out)) == without_times(read_log(whole))
    assert not any(part.exists() for part in parts)


def killed_at_once(monkeypatch, *argv):
    """`train` as far as its first step."""

    def killed(self):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Trainer, "run", killed)
        run("train", *argv)


def settings_of(out, *names):
    config = json.loads((out / "config.json").read_text())
    return [config[name] for name in names]


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
def test_a_run_whose_checkpoints_are_gone_is_refused_and_kept(photos, whole, tmp_path, best):
    out = tmp_path / "run"
    shutil.copytree(whole, out)
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
    assert without_times(read_log(out)) == without_times(read_log(whole))


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


def test_a_damaged_best_checkpoint_is_mended(photos, whole, tmp_path):
    """From the checkpoint of its step, if that is kept: here, after each epoch in turn."""
    out = tmp_path / "run"
    shutil.copytree(whole, out)
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


def test_a_foreign_log_is_refused_and_kept(photos, tmp_path):
    out = tmp_path / "run"
    begin(photos, out, 2)
    (out / "log.jsonl").write_text('{"loss": 2.3}\n')
    result = run("train", "--resume", "--out", out)
    assert result.status == 2
    assert result.err.startswith(f"error: {out / 'log.jsonl'} is damaged, or not a run's log: line")
    assert result.err.count("\n") == 1
    assert (out / "log.jsonl").read_text() == '{"loss": 2.3}\n'


def test_nan_before_the_first_checkpoint_says_how_to_begin_again(photos, tmp_path, monkeypatch):
    def nan(self, batch):
        raise NonFiniteError("the loss of step 1 is nan: layer conv1")

    monkeypatch.setattr(Trainer, "_train_on", nan)
    out = tmp_path / "run"
    result = run("train", "--data", photos, "--width", 0.03, "--image-size", 64, "--out", out)
    assert result.status == 1
    assert "; there is no checkpoint yet; to start again: python " in result.err
    assert f"--resume --out {out} (with a lower --lr: it was 0.01)\n" in result.err


@pytest.mark.parametrize("spelling", ["{}/", "relative"])
def test_data_may_be_spelled_otherwise(photos, tmp_path, monkeypatch, spelling):
    out = tmp_path / "run"
    begin(photos, out, 2)
    monkeypatch.chdir(photos.parent)
    data = photos.name if spelling == "relative" else spelling.format(photos)
    result = run("train", "--resume", "--out", out, "--data", data, "--steps", 3)
    assert result.status == 0, result.err
    assert tinynet.load(last_checkpoint(out))["step"] == 3


def test_data_may_move_where_they_are_the_same(tmp_path):
    photos, out = write_photos(tmp_path / "photos", train=8, val=3), tmp_path / "run"
    begin(photos, out, 1)
    photos = photos.rename(tmp_path / "moved, again")
    train("--resume", "--out", out, "--data", photos, "--steps", 2)
    train("--resume", "--out", out, "--steps", 3)
    assert tinynet.load(last_checkpoint(out))["step"] == 3
    for split in ("train", "val"):
        (photos / split / "red").rename(photos / split / "pink")
    result = run("train", "--resume", "--out", out)
    assert result.status == 2
    words = "moved, again, 16 images in 2 classes"
    assert f"other settings: data {words}, now {words}, with other class names" in result.err


def test_a_run_knows_its_data_from_any_folder(tmp_path, monkeypatch):
    photos, out = write_photos(tmp_path / "photos", train=8, val=3), tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    begin("photos", out, 1)
    monkeypatch.chdir(photos)
    train("--resume", "--out", out, "--steps", 2)
    result = run("eval", "--checkpoint", out)
    assert result.status == 0, result.err


def test_what_was_left_out_is_counted(tmp_path):
    photos = write_photos(tmp_path / "photos", train=8, val=3)
    (photos / "val" / "red" / "1.png").write_bytes(b"no image")
    args = ("--profile", "modern", "--data", photos, "--epochs", 1)
    assert "skipped  1 file that" in train(*args, "--out", tmp_path / "one").out
    for name in ("notes.txt", "more.txt"):
        (photos / "train" / "red" / name).touch()
        (photos / "val" / "red" / name).touch()
    assert "skipped  5 files that" in train(*args, "--out", tmp_path / "five").out
    result = run("eval", "--checkpoint", tmp_path / "five", "--checkpoint", tmp_path / "one")
    assert "skipped  3 files that" in result.out
    assert result.err.count("1.png") == 1 and result.err.count("; 1 other, too") == 1


def test_resuming_where_there_is_nothing_says_so(photos, tmp_path):
    """The folder may have been misspelt. Once there is a run, it is continued without a word."""
    out = tmp_path / "run"
    again = ("--data", photos, "--profile", "modern", "--steps", 1, "--out", out, "--resume")
    said = f"resume   {out} holds {{}}: training starts at its beginning"
    assert said.format("no run") in train(*again).out.splitlines()
    assert not any(line.startswith("resume   ") for line in train(*again).out.splitlines())
    leave_before_first_checkpoint(out)
    assert said.format("a run without a checkpoint") in train(*again).out.splitlines()
