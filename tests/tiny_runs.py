"""What the tests of training share: tiny photographs on disk, and the example programs."""

import io
import json
import re
import subprocess
import sys
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from PIL import Image

import tinynet
from tinynet.commands import command_line
from tinynet.commands import run as commands_run

EXAMPLES = Path(__file__).parent.parent / "examples"
CLASSES = ("green", "red")
COMPUTING = ("train", "finetune", "eval", "predict", "figures", "report", "ablate", "check-grads")
TINY = ("--image-size", "64", "--width", "0.03", "--batch-size", "8", "--log-every", "1")


def write_photos(folder: Path, train: int = 20, val: int = 6) -> Path:
    """A data set of red and green noise: `train` and `val` images per class, 70 x 80 pixels."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for channel, name in ((1, "green"), (0, "red")):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 120, (70, 80, 3))
                pixels[..., channel] += 100
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{i}.png")
    return folder


def load_example(name: str) -> ModuleType:
    """The network of examples/NAME.py, and what suits its data."""
    return import_module(f"tinynet.models.{name}")


class Result(NamedTuple):
    status: int
    out: str
    err: str


def arguments(argv: tuple[str | Path, ...]) -> list[str]:
    """As strings; on the CPU where a command that computes would choose its device itself.

    On a machine with a GPU that would be the GPU, whose bits depend on cuBLAS. A run that goes on
    stays where it was.
    """
    given = [*map(str, argv)]
    chooses = given[:1] and given[0] in COMPUTING and not {"--devices", "--resume"} & set(given)
    return [given[0], "--devices", "cpu", *given[1:]] if chooses else given


def run(*argv: str | Path, example: str = "alexnet", draws: bool = False) -> Result:
    """Run a command of an example in this process: an exception that escapes is a traceback.

    `draws`: whether training ends with its figures, which take longer than a tiny training.
    """
    out, err = io.StringIO(), io.StringIO()
    drawing = nullcontext() if draws else patch.object(commands_run, "_draw_figures")
    with redirect_stdout(out), redirect_stderr(err), drawing:
        try:
            status = command_line.main(load_example(example).EXAMPLE, arguments(argv))
        except SystemExit as stop:  # argparse
            status = stop.code
    return Result(status, out.getvalue(), err.getvalue())


def train(*argv: str | Path, example: str = "alexnet", draws: bool = False) -> Result:
    """`train` with a tiny network, which must succeed."""
    result = run("train", *TINY, *argv, example=example, draws=draws)
    assert result.status == 0, result.err
    return result


def begin(photos: Path, out: Path, steps: int) -> Result:
    """The first steps of a run of two epochs."""
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--out", out)
    return train(*args, "--steps", steps)


def start(*argv: str | Path, example: str = "alexnet") -> subprocess.Popen:
    """The same in a process of its own, with its lines to read."""
    return subprocess.Popen(
        [sys.executable, EXAMPLES / f"{example}.py", *arguments(argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen, text: str) -> None:
    """Read the process's progress until a line holds `text`."""
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the process ended before it said {text!r}: {process.wait()}")


def last_checkpoint(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("step-*.safetensors"))


def leave_before_first_checkpoint(folder: Path) -> None:
    """Leave of a run what a kill leaves that comes before its first checkpoint."""
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    lines = [line for line in read_log(folder) if "val_loss" not in line]
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def read_log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def settings_of(out: Path, *names: str) -> list:
    """What config.json has under these names."""
    config = json.loads((out / "config.json").read_text())
    return [config[name] for name in names]


def without_times(lines: list[dict]) -> list[dict]:
    """Lines of a log without what the clock measured."""
    times = {"seconds", "images_per_s", "data_wait", "save_seconds"}
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


def percentages(text: str) -> list[str]:
    return re.findall(r"\d+\.\d+%", text)


def assert_same_end(run_folder, whole):
    """The very bytes: weights, velocities, dropout counters, schedule and place in the data."""
    assert last_checkpoint(run_folder).name == last_checkpoint(whole).name
    assert last_checkpoint(run_folder).read_bytes() == last_checkpoint(whole).read_bytes()


def read_steps(out):
    return tinynet.load(last_checkpoint(out))["step"]
