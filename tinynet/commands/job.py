"""One job of several: a run is trained to its end and measured, in a process of its own.

    python -m tinynet.commands.job EXAMPLE.py        the job comes in a line on standard input

What the job found is written to `job.json` in the run's folder, beside which code found it. The
process ends with the one that started it, whatever ends that: its standard input closes then, and
the run goes on from its last checkpoint the next time.
"""

import importlib.util
import json
import os
import sys
import threading
from argparse import Namespace
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tinynet.commands.code_version import code_version
from tinynet.commands.example import Example
from tinynet.commands.measure import measure
from tinynet.commands.run import run_training
from tinynet.commands.train import plan_run
from tinynet.console.printable import complain
from tinynet.data import DataError
from tinynet.files.json_file import read_json
from tinynet.files.whole_file import whole_file
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import FLAG, loading_threads, names

FILE = "job.json"
MOST = 2**24  # bytes of that file
UNKNOWN = "a version that is not on record"


@dataclass(frozen=True)
class Job:
    """A run to train: `kind` of several, with `seed`, in the folder `place`.

    `flags`: those of `train` by the settings' names, all but the seed and the folder.
    `start`: the folder of the run that it is fine-tuned from. `views`: of each image, in the end.
    """

    kind: str
    seed: int
    place: str
    flags: dict
    start: str | None = None
    views: int = 1

    @property
    def name(self) -> str:
        return f"{self.kind}/seed{self.seed}"


@dataclass
class Record:
    """What job.json says: what was trained, by which versions of the code, and what was found."""

    flags: dict
    versions: list[str]
    found: dict = field(default_factory=dict)  # empty until the job is done


def read_record(job: Job) -> Record | None:
    """The record of a job, None if it was never begun.

    UserError if it is damaged, or another job's: a run that is counted for another seed or kind
    would be counted twice.
    """
    path = Path(job.place) / FILE
    if not path.exists():
        return None
    try:
        record = read_json(path, Record, MOST)
    except ValueError as error:
        raise UserError(f"{path} is damaged, or not a job's: {error}") from None
    wanted = what(job)
    others = [name for name in wanted if record.flags.get(name) != wanted[name]]
    if others:
        name = others[0]
        raise UserError(
            f"{path} is another job's: {name} {record.flags.get(name)}, wanted {wanted[name]}. "
            "Each run counts once: move that folder to its own place, or remove it"
        )
    return record


def what(job: Job) -> dict:
    """What makes one job another than the next: its settings, wherever it runs."""
    where = ("devices", "workers", "data")
    return {**{k: v for k, v in job.flags.items() if k not in where}, "seed": job.seed}


def train_flags(given: dict) -> Namespace:
    """The flags of `train` of which these are given."""
    no_flags = dict.fromkeys((*names(FLAG), "replay", "steps", "out"))
    return Namespace(**{**no_flags, "resume": False, **given})


def do(example: Example, job: Job) -> int:
    """Train what is not trained yet, and measure it; the status is that of `train`."""
    folder, now = RunFolder(job.place), code_version(example)
    record = read_record(job)
    if record is None:
        before = [UNKNOWN] if folder.steps() else []
        record = Record(what(job), before)
    if now not in record.versions:
        record.versions.append(now)
    given = {**job.flags, "seed": job.seed, "out": job.place, "resume": True}
    given["workers"] = min(job.flags.get("workers", 1), loading_threads())  # one, on one core
    if job.start is not None:
        given["finetuned_from"] = str(RunFolder(job.start).steps()[-1].absolute())
    folder, settings = plan_run(example, train_flags(given))
    folder.path.mkdir(parents=True, exist_ok=True)
    _write(folder.path / FILE, record)
    status = run_training(example, settings, folder, resume=True, report=(), figures=False)
    if status == 0:
        record.found = measure(example, settings, folder, job.views)
        _write(folder.path / FILE, record)
    return status


def _write(path: Path, record: Record) -> None:
    with whole_file(path) as file:
        file.write((json.dumps(asdict(record), indent=1) + "\n").encode())


# ---------------------------------------------------------------- the process


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing comes: it returns when the other end is closed
    os._exit(1)  # training knows how to go on after that


def _example_in(file: str) -> Example:
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EXAMPLE


def main() -> int:
    """Do the job on standard input; the status is that of `train`."""
    job = Job(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return do(_example_in(sys.argv[1]), job)
    except (UserError, DataError) as error:
        complain(f"error: {error}")
        return 2
    except OSError as error:
        complain(f"error: {error.filename}: {error.strerror}" if error.filename else str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())
