"""A run's folder: its log, its checkpoints, and the thread that writes them."""

import os
import threading

import numpy as np
import pytest
from full_disk import full_disk

import tinynet
from tinynet import serialization
from tinynet.training.checkpoint_writer import CheckpointWriter
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder, find_checkpoint


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


# ---------------------------------------------------------------- who trains


def test_one_at_a_time(folder):
    other = RunFolder(folder.path)
    with pytest.raises(UserError, match=f"^{folder.path}: another process is training in this"):
        other.claim()
    folder.close()
    other.claim()
    other.claim()  # it has it
    with pytest.raises(UserError, match="another process"):
        folder.create()


def test_a_claim_leaves_a_folder_as_it_was(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.claim()
    assert not folder.path.exists()
    folder.path.mkdir()
    folder.claim()
    folder.close()
    assert folder.is_empty()


# ---------------------------------------------------------------- the log


def test_rewind_keeps_a_validation_of_the_same_step_only_where_it_counts(folder):
    errors = {"top1_error": 0.5, "top5_error": 0.1}
    val_errors = {"val_top1_error": 0.5, "val_top5_error": 0.1}
    lines = [
        {"epoch": 1, "step": 4, "val_loss": 3.0, **val_errors},
        {"epoch": 1, "step": 5, "loss": 1.0, **errors},
        {"epoch": 1, "step": 5, "val_loss": 2.0, **val_errors},
        {"epoch": 1, "step": 6, "loss": 1.0, **errors},
    ]
    for line in lines:
        folder.log(line)
    assert folder.rewind(5, validated=True) == lines[:3] == folder.read_log()
    assert folder.rewind(5, validated=False) == lines[:2] == folder.read_log()


def test_a_last_line_cut_short_is_left_out(folder):
    folder.log({"epoch": 1, "step": 1})
    with open(folder.log_path, "ab") as file:
        file.write(b'{"epoch": 1, "step": 2')
    assert folder.read_log() == [{"epoch": 1, "step": 1}]


@pytest.mark.parametrize(
    "line",
    [
        *("{", '{"loss": 2}', '{"epoch": 1, "step": "1"}', '{"step": 1}', "3", "", "[" * 10**5),
        *('{"epoch": 1, "step": -1}', '{"epoch": 0, "step": 1}', '{"epoch": 1, "step": 1e400}'),
        '{"epoch": 1, "step": 1, "loss": 2}',
        '{"epoch": 1, "step": 1, "loss": NaN, "top1_error": 0.5, "top5_error": 0.5}',
        '{"epoch": 1, "step": 1, "val_loss": 1, "val_top1_error": 50, "val_top5_error": 0.5}',
        '{"epoch": 1, "step": 1, "doctor": "a"}',
        '{"epoch": 1, "step": 1, "seconds": "\\u001b[2J"}',
    ],
)
def test_foreign_lines_are_refused_by_their_number(folder, line):
    folder.log({"epoch": 1, "step": 1})
    with open(folder.log_path, "a") as file:
        file.write(line + "\n")
    before = folder.log_path.read_bytes()
    for read in (folder.read_log, folder.changes, lambda: folder.rewind(5, validated=True)):
        with pytest.raises(UserError, match=r"log.jsonl is damaged, or not a run's log: line 2 is"):
            read()
    assert folder.log_path.read_bytes() == before


@pytest.mark.parametrize("line", [{"epoch": 2, "step": 4}, {"epoch": 1, "step": 9}])
def test_a_log_that_goes_back_is_refused(folder, line):
    for one in ({"epoch": 2, "step": 5}, line):
        folder.log(one)
    told = rf"log: line 2 goes back, to step {line['step']}$"
    with pytest.raises(UserError, match=told):
        folder.read_log()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("config.json", lambda folder: folder.write_config({"network": "alexnet"})),
        ("log.jsonl", lambda folder: folder.log({"epoch": 1, "step": 2})),
        ("log.jsonl", lambda folder: folder.rewind(1, validated=True)),
    ],
    ids=["settings", "a line", "a log without its end"],
)
def test_a_file_that_finds_no_place_is_named_and_stays(folder, name, write):
    """A limit of 16 bytes stands in for a full disk."""
    folder.write_config({"network": "cifar10"})
    folder.log({"epoch": 1, "step": 1})
    before = [path.read_bytes() for path in (folder.path / "config.json", folder.log_path)]
    with full_disk(16), pytest.raises(OSError, match="File too large") as caught:
        write(folder)
    assert caught.value.filename == str(folder.path / name)
    after = [path.read_bytes() for path in (folder.path / "config.json", folder.log_path)]
    assert after == before and folder.read_log() == [{"epoch": 1, "step": 1}]
    assert not list(folder.path.glob(".*.part"))


# ---------------------------------------------------------------- checkpoints


def test_best_is_copied_where_files_have_one_name_only(folder, monkeypatch):
    def refuse(*args):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    for step in (1, 2):
        folder.mark_best(folder.save(step, {"step": step}))
        assert tinynet.load(folder.best_path) == {"step": step}
    assert not list(folder.checkpoints.glob(".*"))


def test_find_checkpoint(folder, tmp_path):
    last = folder.save(2, {"step": 2})
    assert find_checkpoint(last) == last == find_checkpoint(folder.path)
    folder.mark_best(folder.save(1, {"step": 1}))
    assert find_checkpoint(folder.path) == folder.best_path
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match=str(path)):
            find_checkpoint(path)


# ---------------------------------------------------------------- beside training


class SlowDisk:
    """Stands in for `serialization.save`: each write waits until the test lets it go on."""

    def __init__(self, monkeypatch):
        self.begun, self.let = threading.Semaphore(0), threading.Semaphore(0)
        self._save = serialization.save
        monkeypatch.setattr(serialization, "save", self)

    def __call__(self, path, state):
        self.begun.release()
        assert self.let.acquire(timeout=60)
        self._save(path, state)


def test_what_is_written_is_the_copy_and_training_does_not_wait(folder, monkeypatch):
    disk, writer, weight = SlowDisk(monkeypatch), CheckpointWriter(folder), np.ones(3)
    writer.write(1, {"model": {"weight": weight}, "step": 1}, best=True)
    assert disk.begun.acquire(timeout=60)
    weight += 1  # training goes on; nothing is on the disk yet
    assert folder.steps() == []
    disk.let.release()
    writer.finish()
    assert tinynet.load(folder.of_step(1))["model"]["weight"].tolist() == [1, 1, 1]
    assert folder.best_path.read_bytes() == folder.of_step(1).read_bytes()


def test_a_second_copy_is_made_when_the_first_is_on_the_disk(folder, monkeypatch):
    disk, writer = SlowDisk(monkeypatch), CheckpointWriter(folder)
    writer.write(1, {"step": 1}, best=False)
    assert disk.begun.acquire(timeout=60)
    threading.Timer(0.05, disk.let.release).start()
    writer.write(2, {"step": 2}, best=False)
    assert folder.steps() == [folder.of_step(1)]
    disk.let.release()
    writer.finish()
    assert folder.steps() == [folder.of_step(1), folder.of_step(2)]


def test_a_copy_is_made_in_the_memory_of_the_one_before(folder, monkeypatch):
    written = []
    monkeypatch.setattr(folder, "save", lambda step, state: written.append(state["weights"]))
    writer = CheckpointWriter(folder)
    for step, last in ((1, np.ones(2)), (2, np.full(5, 2, np.int32))):
        writer.write(step, {"weights": {"a": np.full(3, step), "b": [last]}}, best=False)
        last[0] = 7
        writer.finish()
    one, other = written
    assert one["a"] is other["a"] and other["a"].tolist() == [2, 2, 2]
    assert one["b"][0].tolist() == [1, 1] and other["b"][0].tolist() == [2, 2, 2, 2, 2]


def test_errors_reach_whoever_trains_once(folder, monkeypatch):
    def full(path, state):
        raise OSError(28, "No space left on device")

    good = folder.save(1, {"step": 1})
    monkeypatch.setattr(serialization, "save", full)
    for ask in (
        lambda writer: writer.finish(),
        lambda writer: writer.write(3, {}, best=False),
        wait_and_check,
    ):
        writer = CheckpointWriter(folder)
        writer.write(2, {}, best=True)
        with pytest.raises(OSError, match="No space left"):
            ask(writer)
        writer.finish()
    assert folder.steps() == [good]
    assert not folder.best_path.exists()


def wait_and_check(writer):
    for thread in threading.enumerate():
        if thread.name == "tinynet-checkpoint":
            thread.join(timeout=60)
    writer.check()


def test_check_does_not_wait(folder, monkeypatch):
    disk, writer = SlowDisk(monkeypatch), CheckpointWriter(folder)
    writer.check()
    writer.write(1, {}, best=False)
    writer.check()
    disk.let.release()
    writer.finish()


def test_the_log_is_on_the_disk_before_the_checkpoint(folder, monkeypatch):
    flushed, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: flushed.append(os.path.basename(name_of(fd))) or fsync(fd)
    )
    folder.log({"step": 1})
    writer = CheckpointWriter(folder)
    writer.write(1, {}, best=False)
    writer.finish()
    assert flushed[0] == "log.jsonl" and "step-00000001" in flushed[1]


def name_of(descriptor):
    return os.readlink(f"/proc/self/fd/{descriptor}")
