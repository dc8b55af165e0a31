"""--log: the log as CSV, for TensorBoard and for wandb, by the real libraries where they are."""

import csv
import json
import struct
from collections import defaultdict

import pytest
from tiny_runs import last_checkpoint, read_log, run, train

from tinynet.training import other_logs
from tinynet.training.bystander import Bystander
from tinynet.training.other_logs import OtherLogs
from tinynet.training.run_folder import RunFolder


def rows(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def as_rows(lines):
    """What the CSV is to hold of the log's lines."""
    return [
        {
            name: str(line.get(name, "")) if name != "doctor" else "; ".join(line.get("doctor", ()))
            for name in other_logs.COLUMNS
        }
        for line in lines
    ]


def test_csv_says_what_the_log_says_also_after_a_resume(photos, tmp_path):
    folder = tmp_path / "run"
    train("--data", photos, "--epochs", 2, "--log", "csv", "--out", folder)
    lines = read_log(folder)
    assert len(lines) > 4 and rows(folder) == as_rows(lines)
    head = (folder / "log.csv").read_text().splitlines()[0].split(",")
    assert len({*head}) == len(head) and {"step", "val_loss", "loss", "seconds"} <= {*head}
    last_checkpoint(folder).unlink()  # as after a kill: the log is rewound, and so is this
    with open(folder / "log.csv", "a") as file:
        file.write("9,99\n")
    result = run("train", "--resume", "--out", folder)
    assert result.status == 0, result.err
    assert rows(folder) == as_rows(read_log(folder))
    assert json.loads((folder / "config.json").read_text())["log"] == "csv"


def test_no_other_log_unless_asked_for(photos, tmp_path):
    train("--data", photos, "--steps", 1, "--out", tmp_path / "run")
    assert not {"log.csv", "tensorboard", "wandb"} & {p.name for p in (tmp_path / "run").iterdir()}


@pytest.fixture
def begun(tmp_path):
    """A run's folder whose log has begun, and whose config.json asks for what is named."""
    folder = RunFolder(tmp_path / "run")
    folder.create()

    def ask(names):
        folder.write_config({"network": "alexnet", "lr": 0.5, "log": names})
        for line in LINES[:2]:
            folder.log(line)
        return folder

    yield ask
    folder.close()


ERRORS = {"top1_error": 0.75, "top5_error": 0.25}
PACE = {"images_per_s": 100.0, "data_wait": 0.0, "lr": 0.1}
LINES = [
    {"epoch": 1, "step": 2, "loss": 2.5, **ERRORS, **PACE, "seconds": 1.0, "doctor": ["a", "b"]},
    {"epoch": 1, "step": 2, "seconds": 2.0, "lr": 0.1}
    | {"val_loss": 2.25, "val_top1_error": 0.5, "val_top5_error": 0.125},
    {"epoch": 2, "step": 4, "loss": 1.5, **ERRORS, **PACE, "seconds": 3.0, "event": "é, \n"},
]


def write(folder):
    told = []
    logs = OtherLogs(folder, told.append)
    logs.open()
    logs.add(LINES[2])
    logs.close()
    assert told == []


def test_tensorboard_reads_every_number(begun):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    folder = begun("tensorboard")
    write(folder)
    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    found, times = defaultdict(dict), {}
    for name in events.Tags()["tensors"]:
        for event in events.Tensors(name):
            found[name][event.step] = float(make_ndarray(event.tensor_proto))
            times[name, event.step] = event.wall_time
    assert found["loss"] == {2: 2.5, 4: 1.5} and found["val_loss"] == {2: 2.25}
    assert found["val_top1_error"] == {2: 0.5} and found["lr"].keys() == {2, 4}
    assert times["loss", 4] - times["loss", 2] == pytest.approx(2.0, abs=1e-3)


def records(data):
    """Those of a file of wandb's, a log as LevelDB's: blocks of 32 KB, in which each has a head of
    checksum, length and kind; the file itself has one of 7 bytes."""
    place, whole = 7, b""
    while place + 7 <= len(data):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def test_wandb_keeps_every_number_offline(begun, monkeypatch, tmp_path):
    wandb = pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.delenv("WANDB_MODE", raising=False)
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    folder = begun("wandb")
    earlier = folder.path / "wandb" / "offline-run-20120930_120000-earlier"  # before a resume
    earlier.mkdir(parents=True)
    (earlier / "run-earlier.wandb").touch()
    write(folder)
    wandb.teardown()  # as when a program ends: another process writes the file
    (file,) = (folder.path / "wandb").glob("offline-run-*/*.wandb")
    history = defaultdict(dict)
    for data in records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        items = {i.key or i.nested_key[0]: json.loads(i.value_json) for i in record.history.item}
        if items:
            history[items["_step"]] |= items
    assert history[2]["loss"] == 2.5 and history[2]["val_loss"] == 2.25
    assert history[4]["loss"] == 1.5 and history[4]["epoch"] == 2


def test_of_several_ranks_the_leader_alone_keeps_them(begun):
    OtherLogs(Bystander(begun("csv").path), pytest.fail).open()
    assert not (begun("csv").path / "log.csv").exists()


@pytest.mark.parametrize(
    ("forms", "told"),
    [
        ("csv,excel", "expects some of csv, tensorboard, wandb, with commas, got csv,excel"),
        ("", "expects some of csv"),
        ("csv,csv", "got csv,csv"),
        ("wandb", "needs wandb: pip install wandb"),
    ],
)
def test_mistakes(forms, told, tmp_path, monkeypatch):
    monkeypatch.setattr(other_logs, "find_spec", lambda name: None if name == "wandb" else name)
    result = run("train", "--log", forms, "--out", tmp_path / "run")
    assert result.status == 2 and told in result.err
    assert not (tmp_path / "run").exists()


def test_one_that_fails_is_given_up_and_training_goes_on(photos, tmp_path, monkeypatch):
    def full(self, line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(other_logs._Csv, "add", full)
    result = train("--data", photos, "--steps", 2, "--log", "csv", "--out", tmp_path / "run")
    assert result.err.count("--log csv is given up: OSError: [Errno 28] No space left") == 1
    assert len(read_log(tmp_path / "run")) == 3
