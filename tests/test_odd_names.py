"""Commands on files and classes whose names are not UTF-8, mean something to a terminal or to
matplotlib, or have letters that the terminal's encoding lacks."""

import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_runs import TINY, arguments, load_example, train

from tinynet.commands import command_line
from tinynet.console.printable import quoted
from tinynet.reports import curves

LINE = "\r\nforged: "  # a name that would end the line, and begin one of its own
CLASSES = [os.fsdecode(b"caf\xe9"), "$x^2$", "\u6771\u4eac", f"red\x1b[31m{LINE}"]
SHOWN_AS_TEXT = [r"caf\xe9", "$x^2$", "\u6771\u4eac", r"red\x1b[31m\r\nforged: "]
SHOWN = [r"caf\xe9", "$x^2$", r"\u6771\u4eac", r"red\x1b[31m\r\nforged: "]


def run_in_ascii(*argv):
    """A command whose output and errors are pipes of the C locale; the status and both."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        status = command_line.main(load_example("alexnet").EXAMPLE, arguments(argv))
    except SystemExit as stop:  # argparse
        status = stop.code
    try:
        for stream in streams:
            stream.flush()
    finally:
        sys.stdout, sys.stderr = before
    texts = [stream.buffer.getvalue().decode("ascii") for stream in streams]
    assert "\nforged" not in "".join(texts) and "\x1b" not in "".join(texts)
    return status, *texts


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A data set of these classes, one of whose images cannot be read, and a run on it."""
    folder = tmp_path_factory.mktemp("odd")
    data = folder / (os.fsdecode(b"data \xff $") + LINE)
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for name in CLASSES:
            place = data / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 255, (70, 80, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{name}{i}.png")
        (place / f"{LINE}.txt").write_text("not named like an image")
    (data / "val" / CLASSES[0] / (os.fsdecode(b"\xe9\x1b") + f"{LINE}.png")).write_bytes(
        b"no image"
    )
    out = folder / (os.fsdecode(b"run \xff $") + LINE)
    flags = ("--data", data, "--epochs", 1, "--profile", "modern", "--out", out)
    return data, out, run_in_ascii("train", *TINY, *flags)


def test_train(odd):
    _, out, (status, output, errors) = odd
    assert status == 0, errors
    assert r"data \xff $\r\nforged: , 16 images in 4 classes" in output
    assert r"\xe9\x1b\r\nforged: .png: not an image" in errors
    assert (
        rf"next     python {quoted(sys.argv[0])} eval --checkpoint $'{out.parent}/run \xff $\r\n"
        in output
    )
    assert {path.name for path in (out / "figures").iterdir()} == {"curves.png", "filters.png"}


def test_figures(odd):
    status, output, errors = run_in_ascii("figures", "--run", odd[1])
    assert status == 0, errors
    assert r"run \xff $\r\nforged: /figures/neighbours.png" in output
    drawn = {path.stem for path in (odd[1] / "figures").iterdir()}
    assert drawn >= {"curves", "filters", "predictions", "neighbours"}


def test_report(odd):
    status, output, errors = run_in_ascii("report", "--run", odd[1])
    assert status == 0, errors
    assert r"run \xff $\r\nforged: /report.html" in output
    html = (odd[1] / "report.html").read_text(encoding="utf-8")
    assert all(json.dumps(name, ensure_ascii=False) in html for name in SHOWN_AS_TEXT)
    assert "\x1b" not in html


def test_eval_and_predict(odd, tmp_path):
    data, out, _ = odd
    status, output, errors = run_in_ascii("eval", "--checkpoint", out)
    assert status == 0, errors
    assert r"data \xff $\r\nforged: , 8 validation images" in output
    flags = ("--save-figure", tmp_path / f"{LINE}.png", "--checkpoint", out)
    status, output, errors = run_in_ascii("predict", data / "val" / CLASSES[0] / "\x1b", *flags)
    assert status == 2 and r"caf\xe9/\x1b: No such file" in errors
    image = data / "val" / CLASSES[3] / f"{CLASSES[3]}0.png"
    status, output, errors = run_in_ascii("predict", image, *flags)
    assert (status, errors) == (0, "")
    assert all(f"%  {name}\n" in output for name in SHOWN)
    assert r"/\r\nforged: .png" in output and (tmp_path / f"{LINE}.png").exists()


def test_prepare(odd, tmp_path):
    data, out, _ = odd
    place = tmp_path / (os.fsdecode(b"shards \xff") + LINE)
    status, output, errors = run_in_ascii("prepare", data, place)
    assert status == 0, errors
    assert r"shards \xff\r\nforged: : 16 images" in output
    assert "skipped  3 files: " in output  # two texts and an image, of names with line ends
    status, _, errors = run_in_ascii("eval", "--checkpoint", out, "--data", place)
    assert status == 0, errors


@pytest.mark.parametrize("name", ["a b", "it's", LINE, os.fsdecode(b"\xff"), "\\' \x1b\u202e"])
def test_a_path_as_it_is_typed(name, tmp_path):
    """What is printed as the next command is of one line, and its path the right one."""
    (tmp_path / name).touch()
    command = f"ls {quoted(tmp_path / name)}"
    assert "\n" not in command
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    typed = subprocess.run(
        [shutil.which("bash"), "-c", command], capture_output=True, check=True, env=environment
    )
    assert typed.stdout == os.fsencode(tmp_path / name) + b"\n"


ERRORS = {
    "a run that is none": ["train", "--resume", "--out", "{file}"],
    "no such data": ["train", "--data", "{nowhere}"],
    "data that are none": ["train", "--data", "{folder}"],
    "a file as data": ["prepare", "{file}", "{folder}"],
    "no such source": ["prepare", "{nowhere}", "{folder}"],
    "a destination that is none": ["prepare", "{data}", "{file}"],
    "no such checkpoint": ["eval", "--checkpoint", "{nowhere}"],
    "a file as checkpoint": ["predict", "--checkpoint", "{file}", "x.png"],
    "no such run": ["figures", "--run", "{nowhere}"],
    "a run without a log": ["figures", "--run", "{folder}"],
    "a report of no run": ["report", "--run", "{nowhere}"],
    "a report of nothing": ["report", "--run", "{folder}"],
    "other classes": ["eval", "--checkpoint", "{run}", "--data", "shapes"],
    "no such replay": ["train", "--replay", "{nowhere}"],
    "a figure over a file": [
        "predict",
        "--checkpoint",
        "{run}",
        "--save-figure",
        "{file}",
        "x.png",
    ],
    "no such names": ["predict", "--checkpoint", "{run}", "--names", "{nowhere}", "x.png"],
    "a folder that is not empty": ["train", "--out", "{run}"],
    "a device": ["train", "--devices", "{nowhere}"],
    "other settings": ["train", "--resume", "--out", "{run}", "--width", "0.5"],
    "another profile": ["train", "--resume", "--out", "{run}", "--profile", "caffe"],
    "an ablation's folder": ["ablate", "lrn", "--out", "{file}"],
    "an unknown profile": ["train", "--profile", "{nowhere}"],
    "an unknown flag": ["train", "--{nowhere}"],
    "an unknown command": ["{nowhere}"],
    "a flag before the command": ["--out", "{nowhere}", "train"],
}


@pytest.mark.parametrize("mistake", ERRORS)
def test_mistakes_in_one_line(mistake, odd, tmp_path):
    names = {"file": tmp_path / f"file{LINE}", "folder": tmp_path / f"folder{LINE}"}
    names["file"].write_text("text")
    names["folder"].mkdir()
    names |= {"nowhere": tmp_path / f"none{LINE}", "data": odd[0], "run": odd[1]}
    argv = [word.format(**names) for word in ERRORS[mistake]]
    status, _, errors = run_in_ascii(*argv)
    assert status == 2 and r"\nforged" in errors


def test_a_figure_that_cannot_be_drawn_is_a_warning(photos, tmp_path, monkeypatch):
    def fail(*args):
        raise RuntimeError("no latex")

    monkeypatch.setattr(curves, "learning_curves", fail)
    out = tmp_path / "run"
    result = train("--data", photos, "--steps", 1, "--out", out, draws=True)  # with status 0
    (warning,) = (line for line in result.err.splitlines() if line.startswith("warning"))
    assert warning.startswith("warning: the figures are not drawn: RuntimeError: no latex; to try")
    assert f"figures --run {out}" in warning
    assert "next     python" in result.out and "figures  " not in result.out
