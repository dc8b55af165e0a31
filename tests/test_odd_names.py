"""Commands on files and classes whose names are not UTF-8, mean something to a terminal or to
matplotlib, or have letters that the terminal's encoding lacks."""

import io
import os
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_runs import TINY, arguments, load_example, train

from tinynet.commands import command_line
from tinynet.reports import curves

CLASSES = [os.fsdecode(b"caf\xe9"), "$x^2$", "\u6771\u4eac", "red\x1b[31m\nline"]
SHOWN = [r"caf\xe9", "$x^2$", r"\u6771\u4eac", r"red\x1b[31m\nline"]


def run_in_ascii(*argv):
    """A command whose output and errors are pipes of the C locale; the status and both."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        status = command_line.main(load_example("alexnet").EXAMPLE, arguments(argv))
        for stream in streams:
            stream.flush()
    finally:
        sys.stdout, sys.stderr = before
    return status, *(stream.buffer.getvalue().decode("ascii") for stream in streams)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A data set of these classes, one of whose images cannot be read, and a run on it."""
    folder = tmp_path_factory.mktemp("odd")
    data = folder / os.fsdecode(b"data \xff $")
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for name in CLASSES:
            place = data / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 255, (70, 80, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{name.strip()}{i}.png")
    (data / "val" / CLASSES[0] / os.fsdecode(b"\xe9\x1b.png")).write_bytes(b"no image")
    out = folder / os.fsdecode(b"run \xff $")
    flags = ("--data", data, "--epochs", 1, "--profile", "modern", "--out", out)
    return data, out, run_in_ascii("train", *TINY, *flags)


def test_train(odd):
    _, out, (status, output, errors) = odd
    assert status == 0, errors
    assert r"data \xff $, 16 images in 4 classes" in output
    assert r"\xe9\x1b.png" in errors and "\x1b" not in errors
    assert {path.name for path in (out / "figures").iterdir()} == {"curves.png", "filters.png"}


def test_figures(odd):
    status, output, errors = run_in_ascii("figures", "--run", odd[1])
    assert status == 0, errors
    assert r"run \xff $/figures/neighbours.png" in output
    drawn = {path.stem for path in (odd[1] / "figures").iterdir()}
    assert drawn >= {"curves", "filters", "predictions", "neighbours"}


def test_eval_and_predict(odd, tmp_path):
    data, out, _ = odd
    status, output, errors = run_in_ascii("eval", "--checkpoint", out)
    assert status == 0, errors
    assert r"data \xff $, 8 validation images" in output
    flags = ("--save-figure", tmp_path / "a.png", "--checkpoint", out)
    status, output, errors = run_in_ascii("predict", data / "val" / CLASSES[0] / "\x1b", *flags)
    assert status == 2 and r"caf\xe9/\x1b: No such file" in errors
    image = data / "val" / CLASSES[3] / f"{CLASSES[3]}0.png"
    status, output, errors = run_in_ascii("predict", image, *flags)
    assert (status, errors) == (0, "")
    assert all(f"%  {name}\n" in output for name in SHOWN)
    assert (tmp_path / "a.png").exists()


def test_prepare(odd, tmp_path):
    data, out, _ = odd
    place = tmp_path / os.fsdecode(b"shards \xff")
    status, output, errors = run_in_ascii("prepare", data, place)
    assert status == 0, errors
    assert r"shards \xff" in output
    status, _, errors = run_in_ascii("eval", "--checkpoint", out, "--data", place)
    assert status == 0, errors


def test_a_figure_that_cannot_be_drawn_is_a_warning(photos, tmp_path, monkeypatch):
    def fail(*args):
        raise RuntimeError("no latex")

    monkeypatch.setattr(curves, "learning_curves", fail)
    out = tmp_path / "run"
    result = train("--data", photos, "--steps", 1, "--out", out)  # with status 0
    (warning,) = (line for line in result.err.splitlines() if line.startswith("warning"))
    assert warning.startswith("warning: the figures are not drawn: RuntimeError: no latex; to try")
    assert f"figures --run {out}" in warning
    assert "next     python" in result.out and "figures  " not in result.out
