"""What may stand in the files of a run, as types: nothing is believed before it is checked.

Somebody else may have written such a file, or a disk have damaged it. All checks raise ValueError,
which says what is wrong and where; extra names are let through.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import numpy as np
from msgspec import Meta

from tinynet import serialization
from tinynet.files.json_file import checked, parse_json
from tinynet.files.regular_file import read_regular

Count = Annotated[int, Meta(ge=0, le=2**53)]  # floats have room for it
AtLeastOne = Annotated[int, Meta(ge=1, le=2**53)]
Share = Annotated[float, Meta(ge=0, le=1)]
AtLeast0 = Annotated[float, Meta(ge=0, le=1e39)]  # no float32 is larger
Above0 = Annotated[float, Meta(gt=0, le=1e39)]
Byte = Annotated[float, Meta(ge=0, le=255)]  # of a pixel, or a mean of some
Side = Annotated[int, Meta(ge=1, le=2**16)]  # of an image
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]

MOST = 2**30  # bytes of a log, or of settings; a line has some hundred

# ---------------------------------------------------------------- a line of log.jsonl


class ChangeStart(TypedDict):
    epoch: AtLeast0
    why: str


class Change(ChangeStart, total=False):
    """See controls.py."""

    lr: dict[str, AtLeast0]
    colour_noise: AtLeast0


class Place(TypedDict):
    step: Count
    epoch: AtLeastOne


class LogLine(Place, total=False):
    """See notebook.py."""

    loss: AtLeast0
    top1_error: Share
    top5_error: Share
    val_loss: AtLeast0
    val_top1_error: Share
    val_top5_error: Share
    lr: AtLeast0
    seconds: AtLeast0
    save_seconds: AtLeast0
    images_per_s: AtLeast0
    data_wait: AtLeast0
    event: str
    doctor: list[str]
    changes: list[Change]


TOGETHER = (
    {"loss", "top1_error", "top5_error"},
    {"val_loss", "val_top1_error", "val_top5_error"},
)


def read_lines(path: Path) -> list[dict]:
    """The lines of a log; a last one that a kill cut short is left out.

    ValueError, or OSError, if any other line was not written by a run.
    """
    *texts, cut_short = read_regular(path, MOST).split(b"\n")
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(parse_json(text))
            check_line(lines[-1])
        except ValueError as error:
            seen = f'line {number} is {text[:40]!r}, wanted {{"step": ...}}'
            raise ValueError(f"{seen}: {error}") from None
    _check_order(lines)
    return lines


def check_line(line: object) -> None:
    """Check one line of a log."""
    names = checked(line, LogLine).keys()
    for change in line.get("changes", []):
        if unknown := change.keys() - {"epoch", "why", "lr", "colour_noise"}:
            raise ValueError(f"it changes what it has not, {min(unknown)}")
    for group in TOGETHER:
        if group & names and not group <= names:
            raise ValueError(f"it has no {min(group - names)}")


def _check_order(lines: list[dict]) -> None:
    """Check that steps and epochs go on from line to line."""
    for number, (before, line) in enumerate(pairwise(lines), 2):
        if line["step"] < before["step"] or line["epoch"] < before["epoch"]:
            raise ValueError(f"line {number} goes back, to step {line['step']}")


# ---------------------------------------------------------------- config.json


class ConfigStart(TypedDict):
    network: str


class Config(ConfigStart, total=False):
    """The Settings of a run (settings.py); of an older run, those that there were.

    `tinynet`: the version that trained it.
    """

    tinynet: str
    profile: str
    data: str
    image_size: Side
    store_size: Side
    epochs: AtLeastOne
    batch_size: AtLeastOne
    lr: AtLeast0
    momentum: Share
    drops: list[Share] | None
    pixel_std: list[Above0]
    schedule: str
    warm_up: Above0 | None
    lr_batch: AtLeastOne | None
    changes: list[Change]
    pixel_mean: list[Byte] | None
    mean_images: AtLeastOne
    crop: bool
    flip: bool
    colour_noise: AtLeast0
    colour_rescale: bool
    width: Above0
    seed: Seed
    devices: str
    parallel: Literal["data", "owt"]
    tf32: bool
    workers: AtLeastOne
    cache: Count
    log_every: AtLeastOne
    log: str
    checkpoint_every: AtLeastOne
    steps: AtLeastOne | None
    finetuned_from: str | None
    flags_given: list[str]


# ---------------------------------------------------------------- a checkpoint


class ScheduleState(TypedDict, total=False):
    best: float | None
    bad: Count
    drops: Count
    made: Count
    stairs: Count
    changes: list[Change]


class Stuck(TypedDict):
    found: bool
    rounds: Count
    began: Count
    images: Count
    sum: float


class Overfitting(TypedDict):
    images: Count
    sum: float
    best: list[float]
    error: float


class Said(TypedDict):
    running: Count
    absent: Count
    said: float


class DoctorState(TypedDict):
    ratios: dict[str, float]
    stuck: Stuck
    overfitting: Overfitting
    memory: dict[str, Said]


class OptimizerState(TypedDict):
    groups: list[dict[str, AtLeast0]]
    velocity: dict[str, np.ndarray]


class Made(TypedDict, total=False):
    """See commands/export.py."""

    command: str
    then: str
    version: str
    val_loss: AtLeast0
    val_top1_error: Share
    val_top5_error: Share


class Checkpoint(TypedDict, total=False):
    """See checkpoint.py; whoever needs a part that is missing says so."""

    network: str
    profile: str
    width: Above0
    image_size: Side
    store_size: Side
    seed: Seed
    batch_size: AtLeastOne
    data: str
    lr: AtLeast0
    trained_on: str
    classes: Annotated[list[str], Meta(min_length=1)]
    mean: np.ndarray
    std: np.ndarray
    components: np.ndarray
    scheduled_by: str
    model: dict[str, np.ndarray]
    optimizer: OptimizerState
    dropout: dict[str, Count]
    colour_noise: AtLeast0
    schedule: ScheduleState
    doctor: DoctorState
    step: Count
    epoch: Count
    batch: Count
    made: Made


def read_state(path: Path) -> dict:
    """The state in a checkpoint. ValueError, or OSError, if it is not what a run has written."""
    state = serialization.load(path)
    try:
        checked(state, Checkpoint)
        for name, array in _arrays(state, ""):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} has nan or inf")
        _check_input(state)
        if "mean" in state and not ((state["mean"] >= 0) & (state["mean"] <= 255)).all():
            raise ValueError("mean is not one of pixels, 0 to 255")
        if "std" in state and not (state["std"] > 0).all():
            raise ValueError("std is not above 0")
    except ValueError as error:
        raise ValueError(f"{path} does not fit: {error}") from None
    except AttributeError:  # msgspec asks whatever is no JSON for its keys()
        raise ValueError(f"{path} does not fit: an array stands where names should") from None
    return state


def _check_input(state: dict) -> None:
    """Check that what is said of the input fits together."""
    size = state.get("image_size")
    for name, shape in (("mean", (3, size, size)), ("std", (3,)), ("components", (3, 3))):
        if size is not None and name in state and state[name].shape != shape:
            raise ValueError(f"{name} is of shape {state[name].shape}, not {shape}")
    if size is not None and state.get("store_size", size) < size:
        raise ValueError(f"store_size {state['store_size']} is less than image_size {size}")


def _arrays(value: object, path: str):
    """All arrays in a state, with their names."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _arrays(part, f"{path}/{key}" if path else key)
