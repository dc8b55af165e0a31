"""`train --resume`: what it keeps, what it refuses, and folders that another run has."""

import errno
import fcntl
import re
from datetime import datetime

import numpy as np
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
    write_photos,
)

import tinynet
from tinynet.commands import run as run_command
from tinynet.commands import train as train_command
from tinynet.training.run_folder import RunFolder


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
def test_resume_with_other_settings_is_refused(two_epochs, flags, told):
    before = last_checkpoint(two_epochs).read_bytes()
    result = run("train", *flags, "--resume", "--out", two_epochs)
    assert result.status == 2
    assert told in result.err
    assert last_checkpoint(two_epochs).read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--profile", "paper"), "profile modern, now paper. Resume"),
        (("--data", "shapes", "--seed", "7"), "seed 0, now 7; data "),
    ],
)
def test_only_what_is_asked_for_otherwise_is_told(two_epochs, flags, told):
    result = run("train", *flags, "--resume", "--out", two_epochs)
    assert result.err.startswith(f"error: {two_epochs} was started with other settings: {told}")


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


def test_a_foreign_log_is_refused_and_kept(photos, tmp_path):
    out = tmp_path / "run"
    begin(photos, out, 2)
    (out / "log.jsonl").write_text('{"loss": 2.3}\n')
    result = run("train", "--resume", "--out", out)
    assert result.status == 2
    assert result.err.startswith(f"error: {out / 'log.jsonl'} is damaged, or not a run's log: line")
    assert result.err.count("\n") == 1
    assert (out / "log.jsonl").read_text() == '{"loss": 2.3}\n'


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
