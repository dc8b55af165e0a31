"""A run's folder: what was asked for, what happened, and the network to go on from.

    runs/NAME/config.json                          every setting of the run
    runs/NAME/log.jsonl                            a line per interval, a line per validation
    runs/NAME/checkpoints/step-00001234.safetensors   the last three
    runs/NAME/checkpoints/best.safetensors         the one with the lowest validation error
    runs/NAME/.lock                                locked by the process that trains, and empty

Whenever a kill or a full disk strikes, no checkpoint is left half written, and a log line that is
cut short is passed over. The log may be ahead of the last checkpoint: `rewind` takes that back.
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tinynet import serialization
from tinynet.console.printable import printable
from tinynet.files.file_lock import lock
from tinynet.files.json_file import read_json
from tinynet.files.new_folder import new_folder
from tinynet.files.whole_file import naming, whole_file, whole_path
from tinynet.training.errors import UserError
from tinynet.training.formats import MOST, Config, read_lines, read_state

KEPT = 3  # checkpoints


class RunFolder:
    """The files of one run; nothing is made or read before a method needs it.

    `new`: the name is only a wish; where there is something already, another like it is taken.
    """

    def __init__(self, path: str | Path, new: bool = False):
        self._new = new
        self._lock: int | None = None  # the descriptor of its file, while that is locked
        self._place(Path(path))

    def _place(self, path: Path) -> None:
        self.path = path
        self.log_path = self.path / "log.jsonl"
        self.figures_path = self.path / "figures"
        self.checkpoints = self.path / "checkpoints"
        self.best_path = self.checkpoints / "best.safetensors"
        self.config_path = self.path / "config.json"
        self._lock_path = self.path / ".lock"

    def is_empty(self) -> bool:
        """Is there nothing yet? UserError if a file stands in the folder's place."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file, wanted a folder for the run")
        return not self.path.exists() or all(p == self._lock_path for p in self.path.iterdir())

    def claim(self) -> None:
        """Until `close`, or the end of the process, no other process may train in this folder.

        UserError if another already does. A folder that does not exist is not made, nor claimed.
        """
        if self._lock is not None or not self.path.exists():
            return
        try:
            self._lock = lock(self._lock_path)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another process is training in this folder: wait for it to end, or "
                "give another --out"
            ) from None

    def close(self) -> None:
        """Let others train here again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(self) -> None:
        """Make the folder, unless it is claimed already, and claim it.

        UserError if another process has begun something in it since we looked.
        """
        if self._lock is not None:
            return
        if self._new:
            self._place(new_folder(self.path))
        self.path.mkdir(parents=True, exist_ok=True)
        self.claim()
        if not self.is_empty():
            raise UserError(
                f"{self.path} is no longer empty, another process has used it: give another "
                "--out, or --resume to continue its run"
            )

    def create(self) -> None:
        """`begin`, with the folders in it, and without what a killed write may have left."""
        self.begin()
        self.checkpoints.mkdir(exist_ok=True)
        for name in (self.config_path.name, self.log_path.name):
            _remove(self.path, f".{name}.*.part")
        _remove(self.checkpoints, ".*.part")
        _remove(self.checkpoints, ".tmp*")  # the names under which safetensors writes its files

    # ---------------------------------------------------------------- config.json

    def write_config(self, config: dict) -> None:
        with whole_file(self.config_path) as file:
            file.write((json.dumps(config, indent=2) + "\n").encode())

    def read_config(self) -> dict | None:
        """The settings of the run, None if there is no run.

        UserError if they are damaged, or another program's, or lost.
        """
        if not self.config_path.exists():
            if self.steps():
                raise UserError(
                    f"{self.config_path} is missing: it holds the settings of the run whose "
                    "checkpoints are there. Put it back, or start again with another --out"
                )
            return None
        try:
            return read_json(self.config_path, Config, MOST)
        except ValueError as error:
            problem = printable(str(error))
            raise UserError(
                f"{self.config_path} is damaged, or not a run's settings: {problem}"
            ) from None

    def epochs(self) -> int:
        """How many epochs the run was to have; by its log, had, where config.json does not say."""
        config = self.read_config() if self.config_path.exists() else {}
        epochs = config.get("epochs")
        if isinstance(epochs, int) and epochs > 0:
            return epochs
        return max(line["epoch"] for line in self.read_log())

    # ---------------------------------------------------------------- log.jsonl

    def log(self, line: dict) -> None:
        """Append a line."""
        with naming(self.log_path), open(self.log_path, "a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def read_log(self) -> list[dict]:
        """The lines of the log; a last one that a kill cut short is left out.

        UserError if any other line was not written by a run.
        """
        if not self.log_path.exists():
            return []
        try:
            return read_lines(self.log_path)
        except ValueError as error:
            problem = printable(str(error))
            raise UserError(f"{self.log_path} is damaged, or not a run's log: {problem}") from None

    def changes(self) -> list[dict]:
        """What was changed in the run and when, from its start on (see controls.py).

        UserError if the log does not say.
        """
        changes = [change for line in self.read_log() for change in line.get("changes", [])]
        start = changes[0] if changes else {"epoch": 0}
        if start["epoch"] > 0 or not start.get("lr") or "colour_noise" not in start:
            why = "does not say how its run began" if self.log_path.exists() else "is missing"
            raise UserError(f"{self.log_path} {why}: wanted the log of a run of `train`")
        return changes

    def rewind(self, step: int, validated: bool) -> list[dict]:
        """Remove all that came after `step` from the log, and return what is left.

        A validation after this very step stays only if it counts as done, `validated`.
        """
        lines = [
            line
            for line in self.read_log()
            if line["step"] < step or (line["step"] == step and (validated or "loss" in line))
        ]
        with whole_file(self.log_path) as file:
            file.writelines(f"{json.dumps(line)}\n".encode() for line in lines)
        return lines

    # ---------------------------------------------------------------- checkpoints

    def save(self, step: int, state: dict) -> Path:
        """Write a checkpoint, then remove all but the last three."""
        path = self.of_step(step)
        if self.log_path.exists():
            with naming(self.log_path), open(self.log_path, "rb+") as file:
                os.fsync(file.fileno())  # the log must not fall behind the checkpoint
        serialization.save(path, state)
        for old in self.steps()[:-KEPT]:
            old.unlink()
        return path

    def mark_best(self, path: Path) -> None:
        """Make `path` the best checkpoint: a second name for the same file, or else a copy."""
        with whole_path(self.best_path) as part:
            try:
                os.link(path, part)
            except OSError:  # not every file system can give a file two names
                shutil.copyfile(path, part)

    def of_step(self, step: int) -> Path:
        """The checkpoint that was, or would be, written after `step`."""
        return self.checkpoints / f"step-{step:08d}.safetensors"

    def steps(self) -> list[Path]:
        """The checkpoints of single steps, the oldest first."""
        return sorted(self.checkpoints.glob("step-*.safetensors"))

    def last_good(self, warn: Callable[[str], None]) -> tuple[Path, dict] | None:
        """The newest checkpoint that can be read, with its state; None if there are none yet.

        `warn` is told why newer ones cannot. UserError if all are damaged or, as the log shows,
        gone: starting again would bury what is left of the run.
        """
        problems = []
        for path in reversed(self.steps()):
            try:
                state = self._read(path)
            except (ValueError, OSError) as error:
                problems.append(str(error))
                continue
            for problem in problems:
                warn(f"{problem}: {path} is older, and takes its place")
            return path, state
        if problems:
            raise UserError(
                f"no checkpoint in {self.path} can be read: {'; '.join(problems)}: start again "
                "with another --out"
            )
        validated = [line["epoch"] for line in self.read_log() if "val_loss" in line]
        if validated:  # a run logs its first validation after its first checkpoint
            raise UserError(
                f"{self.checkpoints} holds no checkpoint to continue from, but {self.log_path} "
                f"goes as far as the validation of epoch {validated[-1]}: start again with another "
                f"--out, or remove that log to start again in {self.path}"
            )
        return None

    def _read(self, path: Path) -> dict:
        """The state in the checkpoint of a step. ValueError or OSError if it is not all right."""
        state = read_state(path)
        if "step" not in state:
            raise ValueError(f"{path} does not fit: it lacks 'step'")
        if path != self.of_step(state["step"]):
            raise ValueError(f"{path} does not fit: it is of step {state['step']}")
        return state

    def step_of_best(self) -> int | None:
        """The step after which the best checkpoint was written; None if it cannot be read."""
        try:
            return read_state(self.best_path).get("step")
        except (ValueError, OSError):
            return None

    def set_best_aside(self) -> Path:
        """Give the best checkpoint a name under which no better one will replace it."""
        place = self.best_path.with_name(f"best-of-step-{self.step_of_best():08d}.safetensors")
        os.replace(self.best_path, place)
        return place

    def good_steps(self) -> set[int]:
        """The steps whose checkpoints can be read."""
        found = set()
        for path in self.steps():
            with suppress(ValueError, OSError):
                found.add(self._read(path)["step"])
        return found


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint that `path` means: a file itself, or the best (else the last) of a run."""
    path = Path(path)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # others, of permission, say so themselves
        raise UserError(f"no such checkpoint: {path}") from None
    if path.is_file():
        return path
    run = RunFolder(path)
    for found in (run.best_path, *reversed(run.steps())):
        if found.is_file():
            return found
    raise UserError(f"{path} holds no checkpoint: wanted a .safetensors file or a run's folder")


def _remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink()
