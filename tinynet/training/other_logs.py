"""The log in the forms of other programs: --log csv,tensorboard,wandb.

log.jsonl is the log; these are copies of its numbers, in the run's folder. A run that goes on makes
them anew from its log, since a kill may have left them ahead of it or behind.

    log.csv         a row for each line
    tensorboard/    event files: tensorboard --logdir runs
    wandb/          a run that wandb keeps offline, for `wandb sync`, unless WANDB_MODE is set
"""

import csv
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec

from tinynet.training.formats import LogLine
from tinynet.training.run_folder import RunFolder

PACKAGES = {"csv": "csv", "tensorboard": "tensorboard", "wandb": "wandb"}
COLUMNS = tuple(name for name in LogLine.__annotations__ if name != "changes")
PLACE = ("epoch", "step")


def missing(names: list[str]) -> str:
    """What must be installed for these forms, in words; "" if nothing is lacking."""
    lacking = [PACKAGES[name] for name in names if find_spec(PACKAGES[name]) is None]
    return f"needs {' and '.join(lacking)}: pip install {' '.join(lacking)}" if lacking else ""


class OtherLogs:
    """Those that the run's config.json asks for.

    One that fails is given up with a warning: it must not end the training.
    """

    def __init__(self, folder: RunFolder, warn: Callable[[str], None]):
        self._folder, self._warn = folder, warn
        self._logs: dict[str, _Csv | _TensorBoard | _Wandb] = {}

    def open(self) -> None:
        """Begin with what the log has already."""
        config = self._folder.read_config() or {}
        names = [name for name in config.get("log", "").split(",") if name]
        lines = self._folder.read_log() if names else []
        for name in names:
            self._try(name, lambda name=name: self._begin(name, config, lines))

    def _begin(self, name: str, config: dict, lines: list[dict]) -> None:
        kinds = {"csv": _Csv, "tensorboard": _TensorBoard, "wandb": _Wandb}
        self._logs[name] = log = kinds[name](self._folder, config, lines)
        for line in lines:
            log.add(line)

    def add(self, line: dict) -> None:
        """Hand on a line of the log."""
        for name, log in list(self._logs.items()):
            self._try(name, lambda log=log: log.add(line))

    def close(self) -> None:
        """Nothing more will come."""
        for name, log in list(self._logs.items()):
            self._try(name, log.close)
        self._logs = {}

    def _try(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever another program's library may raise
            log = self._logs.pop(name, None)
            with suppress(Exception):
                log and log.close()
            self._warn(f"--log {name} is given up: {type(error).__name__}: {error}")


class _Csv:
    def __init__(self, folder: RunFolder, config: dict, lines: list[dict]):
        self._file = open(folder.path / "log.csv", "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.DictWriter(self._file, COLUMNS, extrasaction="ignore")
        self._writer.writeheader()

    def add(self, line: dict) -> None:
        self._writer.writerow({**line, "doctor": "; ".join(line.get("doctor", ()))})
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _TensorBoard:
    """Points lie where the clock was when they were measured, also after a resume."""

    def __init__(self, folder: RunFolder, config: dict, lines: list[dict]):
        from tensorboard.summary import Writer

        place = folder.path / "tensorboard"
        shutil.rmtree(place, ignore_errors=True)
        self._writer = Writer(str(place))
        self._start = time.time() - (lines[-1].get("seconds", 0.0) if lines else 0.0)

    def add(self, line: dict) -> None:
        at = self._start + line.get("seconds", 0.0)
        for name, value in _numbers(line).items():
            self._writer.add_scalar(name, value, line["step"], wall_time=at)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    def __init__(self, folder: RunFolder, config: dict, lines: list[dict]):
        import wandb

        shutil.rmtree(folder.path / "wandb", ignore_errors=True)  # the run before a resume
        self._run = wandb.init(
            project="tinynet",
            name=folder.path.name,
            dir=str(folder.path),
            config=config,
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings=wandb.Settings(silent=True, console="off"),
        )

    def add(self, line: dict) -> None:
        self._run.log({**_numbers(line), "epoch": line["epoch"]}, step=line["step"])

    def close(self) -> None:
        self._run.finish()


def _numbers(line: dict) -> dict[str, float]:
    """What can be drawn over the steps."""
    named = {name: value for name, value in line.items() if name not in PLACE}
    return {name: value for name, value in named.items() if isinstance(value, int | float)}
