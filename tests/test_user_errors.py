"""How the commands answer mistakes, and machines that lack something: one clear line, status 2."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_runs import TINY, last_checkpoint, run, write_photos

import tinynet
from tinynet.commands import example as examples
from tinynet.ops.conv import Conv2d


def not_empty(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    return tmp_path / "run"


def test_folder_that_is_not_empty_is_left_alone(photos, tmp_path):
    out = not_empty(tmp_path)
    result = run("train", "--data", photos, "--out", out)
    assert result.status == 2 and "is not empty" in result.err and "--resume" in result.err
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


MISTAKES = {
    "memory of thirty digits": (
        ["plan", "--memory", "1" + 29 * "0" + "GB"],
        "--memory must be a size that a machine can have, got '1000",
    ),
    **{
        f"{command} with {flag} of {size}": ([command, flag, size], f"{flag} {size}")
        for command in ("train", "summary", "plan")
        for flag, size in (
            ("--width", "1e+38"),
            ("--width", "1e+09"),
            ("--image-size", "2147483647"),
            ("--image-size", "16777216"),
        )
    },
    "plan with a batch of no memory": (["plan", "--batch-size", "2147483647"], "--batch-size 2147"),
    "no such data": (["train", "--data", "nowhere"], "nowhere"),
    "image too small": (["train", "--image-size", "40"], "image_size expects at least 64, got 40"),
    "no such device": (["train", "--devices", "cuda:9"], "--devices: "),
    "resume what": (["train", "--resume"], "--resume needs --out"),
    "file as folder": (["train", "--out", "{file}"], "is a file"),
    "no checkpoint": (["eval", "--checkpoint", "nowhere"], "no such checkpoint: nowhere"),
    "empty run": (["eval", "--checkpoint", "{folder}"], "holds no checkpoint"),
    "no safetensors": (["eval", "--checkpoint", "{file}"], "{file}"),
    "cut short": (["eval", "--checkpoint", "{cut}"], "{cut}"),
    "foreign": (["predict", "--checkpoint", "{foreign}", "x.png"], "holds no network"),
    "other example": (["predict", "--checkpoint", "{cifar}", "x.png"], "examples/cifar10.py"),
    "no ensemble": (["eval", "--checkpoint", "{trained}", "{trained}"], "got {trained}/"),
    "other classes": (["eval", "--checkpoint", "{trained}", "--data", "shapes"], "2 classes"),
    "run of the other": (["train", "--resume", "--out", "{cifar_run}"], "examples/cifar10.py"),
    "damaged config": (["train", "--resume", "--out", "{damaged}"], "config.json is damaged"),
    "foreign config": (
        ["train", "--resume", "--out", "{other}"],
        "config.json is damaged, or not a run",
    ),
    "list as config": (
        ["train", "--resume", "--out", "{list}"],
        "config.json is damaged, or not a run",
    ),
}


@pytest.fixture(scope="module")
def files(trained, photos, tmp_path_factory):
    """What the mistakes need: files that are not what they should be."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "file").write_text("text")
    whole = last_checkpoint(trained).read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    tinynet.save(folder / "foreign.safetensors", {"weights": np.ones(3)})
    cifar_run = folder / "cifar"
    args = ("--image-size", 16, "--steps", 1, "--batch-size", 4, "--width", 0.1)
    assert run("train", "--data", photos, *args, "--out", cifar_run, example="cifar10").status == 0
    (folder / "damaged").mkdir()
    (folder / "damaged" / "config.json").write_text("{")
    for name, config in (("other", '{"a": 1}'), ("list", "[]")):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(config)
    (folder / "empty").mkdir()
    return {
        "file": folder / "file",
        "folder": folder / "empty",
        "cut": folder / "cut.safetensors",
        "foreign": folder / "foreign.safetensors",
        "cifar": last_checkpoint(cifar_run),
        "cifar_run": cifar_run,
        "trained": trained,
        "damaged": folder / "damaged",
        "other": folder / "other",
        "list": folder / "list",
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_clear_line_and_status_2(mistake, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv, told = MISTAKES[mistake]
    result = run(*(arg.format(**files) for arg in argv))
    assert result.status == 2
    assert result.err.startswith("error: ") and result.err.count("\n") == 1
    assert told.format(**files) in result.err
    assert not list(tmp_path.iterdir())


FLAGS = {
    "unknown flag": ["train", "--colour", "red"],
    "unknown profile": ["train", "--profile", "vgg"],
    "unknown command": ["test"],
    "no command": [],
    "flag before the command": ["--lr", "3", "train"],
    "zero": ["train", "--epochs", "0"],
    "negative": ["train", "--batch-size", "-1"],
    "rate nan": ["train", "--lr", "nan"],
    "rate 0": ["train", "--lr", "0"],
    "width inf": ["train", "--width", "inf"],
    "word": ["train", "--steps", "many"],
    "seed": ["train", "--seed", str(2**32)],
    "rate of no float32": ["train", "--lr", "1e308"],
    "thirty digits": ["train", "--batch-size", "1" + 29 * "0"],
    "views": ["eval", "--checkpoint", "x", "--views", "5"],
    "no checkpoint": ["eval"],
    "no image": ["predict", "--checkpoint", "x"],
}


@pytest.mark.parametrize("flags", FLAGS)
def test_wrong_flag_is_status_2_with_a_usage_line(flags):
    result = run(*FLAGS[flags])
    assert result.status == 2
    assert result.err.startswith("usage: ") and "error: " in result.err
    assert " _" not in result.err


@pytest.mark.parametrize(
    ("argv", "right"),
    [
        (["--lr", "3", "train"], "alexnet.py train --lr 3"),
        (["--lr=3", "--out", "a b", "train", "--steps", "1"],
         "alexnet.py train --lr=3 --out 'a b' --steps 1"),
        (["--lr", "3"], "alexnet.py COMMAND --lr 3"),
    ],
)  # fmt: skip
def test_a_flag_before_the_command_is_told_where_it_goes(argv, right):
    result = run(*argv)
    assert result.err.endswith(f"error: the command comes first, and then its flags: {right}\n")


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    gpu = SimpleNamespace(name="cuda:0")
    monkeypatch.setattr(examples, "open_device", {"cuda:0": gpu}.get)
    assert examples.named_devices("auto") == ("cuda:0",)

    def no_gpu(name):
        raise ValueError("device: no CuPy")

    monkeypatch.setattr(examples, "open_device", no_gpu)
    assert examples.named_devices("auto") == ("cpu",)


def test_all_images_unreadable(tmp_path):
    photos = write_photos(tmp_path / "photos", train=3, val=2)
    for path in (photos / "train").rglob("*.png"):
        path.write_bytes(b"no image")
    result = run("train", *TINY, "--data", photos, "--out", tmp_path / "run")
    assert result.status == 2 and "no image" in result.err


def test_out_of_memory_is_said(trained, photos, monkeypatch):
    def exhausted(*args, **kwargs):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(tinynet.nn, "Conv2d", exhausted)
    result = run("train", "--data", photos)
    assert result.status == 2
    assert result.err == (
        "error: --image-size 224 with --width 1: alexnet of this size does not fit into this "
        "machine's memory: Unable to allocate 1 TiB\n"
    )


def test_a_system_that_starts_no_more_threads(photos, tmp_path, monkeypatch):
    """As under RLIMIT_NPROC, or with little address space."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    flags = ("--data", photos, "--profile", "modern", "--steps", 1, "--out", tmp_path / "run")
    result = run("train", *TINY, *flags)
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("error: the system starts no more threads: ")


def test_a_batch_for_which_there_is_no_memory(photos, tmp_path, monkeypatch):
    def exhausted(*args, **options):
        raise MemoryError("Unable to allocate 40 TiB")

    monkeypatch.setattr(Conv2d, "forward", exhausted)
    result = run("train", *TINY, "--data", photos, "--out", tmp_path / "run")
    assert result.status == 1
    assert "error: Unable to allocate 40 TiB; there is no checkpoint yet" in result.err
    assert result.err.endswith("; a smaller --batch-size needs less: it was 8\n")
