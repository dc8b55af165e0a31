"""The files of a run, edited or damaged: a value of the right kind, or one line that says what is
wrong with which file."""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from fuzzing import damaged, edited
from hypothesis import strategies as st
from tiny_runs import last_checkpoint, load_example, read_log, run, train, write_photos

import tinynet
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError
from tinynet.training.evaluate import likeliest
from tinynet.training.formats import Config, read_state
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import Settings

# ---------------------------------------------------------------- config.json and log.jsonl


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.mark.parametrize("name", ["log.jsonl", "config.json"])
def test_fifos_and_devices_are_not_read(folder, name):
    os.mkfifo(folder.path / name)
    read = {"log.jsonl": folder.read_log, "config.json": folder.read_config}[name]
    with pytest.raises(OSError, match=f"a FIFO, wanted a regular file: .*{name}"):
        read()
    (folder.path / name).unlink()
    (folder.path / name).symlink_to("/dev/zero")
    with pytest.raises(OSError, match=f"a device, wanted a regular file: .*{name}"):
        read()


CONFIGS = (
    *(b"", b"{", b"[]", b"{}", b"\xff", b"[" * 10**5, b'{"network": 3}', b'{"network": NaN}'),
    b'{"network": "alexnet", "epochs": 0}',
    b'{"network": "alexnet", "epochs": true}',
    b'{"network": "alexnet", "width": 1e400}',
    b'{"network": "alexnet", "lr": "0.1"}',
    b'{"network": "alexnet", "pixel_std": [0, 1, 1]}',
    b'{"network": "alexnet", "changes": [{"epoch": -1, "why": ""}]}',
    b'{"network": "alexnet", "flags_given": 3}',
    b'{"network": "alexnet", "tinynet": 1}',
    b'{"network": "alexnet", "image_size": 12345678901234567890123}',
    b'{"network": "alexnet", "drops": {"\\u001b": 3}}',
)


@pytest.mark.parametrize("text", CONFIGS)
def test_settings_that_no_run_has_are_refused(folder, text):
    (folder.path / "config.json").write_bytes(text)
    with pytest.raises(
        UserError, match=r"config\.json is damaged, or not a run's settings: "
    ) as caught:
        folder.read_config()
    assert str(caught.value).isprintable()


def test_the_settings_in_a_file_are_those_that_there_are():
    settings = {field.name for field in fields(Settings)}
    assert Config.__annotations__.keys() == settings | {"tinynet"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SETTINGS = dict.fromkeys(Config.__annotations__) | {"network": "alexnet"}
LINE = {"epoch": 1, "step": 1, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.5, "changes": []}


def texts(good):
    """Any bytes, any JSON, and `good` with a value replaced."""
    place = st.sampled_from([*good])
    changed = st.tuples(place, VALUES).map(lambda pair: {**good, pair[0]: pair[1]})
    return st.binary() | (changed | VALUES).map(lambda value: json.dumps(value).encode())


def test_any_bytes_are_settings_or_refused(fuzz):
    def check(text):
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "config.json").write_bytes(text)
            with suppress(UserError):
                assert RunFolder(place).read_config()["network"] is not None

    fuzz(check, texts(SETTINGS))


def test_any_bytes_are_a_log_or_refused(fuzz):
    def check(text):
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "log.jsonl").write_bytes(text + b"\n")
            with suppress(UserError):
                assert all(line["step"] >= 0 for line in RunFolder(place).read_log())

    fuzz(check, texts(LINE))


# ---------------------------------------------------------------- checkpoints


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    train("--profile", "modern", "--data", photos, "--epochs", 1, "--out", out)
    return out


ARRAYS = {
    "nan": np.full((3, 64, 64), np.nan),
    "zeros": np.zeros((3, 64, 64), np.float32),
    "none": np.zeros((0, 3)),
    "scalar": np.array(-1),
    "bytes": np.ones((3, 3), np.uint8),
    "bool": np.array([True]),
}
CHANGES = {
    "turned": lambda array: array.T,
    "cut": lambda array: array[..., :1],
    "with an axis": lambda array: array[None],
    "of ints": lambda array: array.astype(np.int64),
    "of doubles": lambda array: array.astype(np.float64),
    "infinite": lambda array: array * np.inf,
    "huge": lambda array: array * array.dtype.type(1e30),
}
PARTS = VALUES | st.integers(-(2**70), 2**70) | st.sampled_from([-1, 2**70, 1e300])


@st.composite
def edits(draw, state):
    """What is done to a state in a checkpoint: the keys of a part, at whatever depth, and how."""
    keys, part = [], state
    while isinstance(part, dict | list) and part and (not keys or draw(st.integers(0, 3))):
        keys.append(
            draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        )
        part = part[keys[-1]]
    if isinstance(part, np.ndarray):
        hows = st.sampled_from([*CHANGES, *ARRAYS])
    elif isinstance(part, int | float):
        hows = st.sampled_from([[value] for value in (part + 1, part - 1, -part, part * 1e9)])
    else:
        hows = st.nothing()
    return keys, draw(st.none() | st.sampled_from([*ARRAYS]) | PARTS.map(lambda v: [v]) | hows)


def edited_state(state, keys, how):
    """The state with this part taken out, changed, or replaced by an array or by [value]."""
    state = deepcopy(state)
    place, key = state, keys[-1]
    for outer in keys[:-1]:
        place = place[outer]
    if how is None:
        del place[key]
    elif isinstance(how, str):
        place[key] = CHANGES[how](place[key]) if how in CHANGES else ARRAYS[how]
    else:
        (place[key],) = how
    return state


def savable(path, state) -> bool:
    """Write a state, if it can be one: NumPy's own names of arrays may stand in it."""
    try:
        tinynet.save(path, state)
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def test_any_state_in_a_checkpoint_is_a_network_or_refused(trained, tmp_path, fuzz):
    state, path = read_state(last_checkpoint(trained)), tmp_path / "edited.safetensors"
    example = load_example("alexnet").EXAMPLE

    def check(edit):
        edited = edited_state(state, *edit)
        if not savable(path, edited):
            return
        with suppress(UserError):
            network, settings = load_network(path, example.name, example.build, ("cpu",))
            assert network.classes == edited["classes"] and settings["seed"] >= 0
            images = np.zeros((1, 3, network.store_size, network.store_size), np.uint8)
            likeliest(network, images, 5)

    with np.errstate(all="ignore"):
        fuzz(check, edits(state))


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of one step of two."""
    folder = tmp_path_factory.mktemp("begun")
    photos = write_photos(folder / "photos", train=4, val=2)
    flags = ("--data", photos, "--epochs", 2, "--steps", 1)
    train("--profile", "modern", *flags, "--out", folder / "run")
    return folder / "run"


def test_a_run_goes_on_from_any_state_or_it_is_refused(begun, tmp_path, fuzz):
    state, out = tinynet.load(last_checkpoint(begun)), tmp_path / "run"

    def check(edit):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(begun, out)
        RunFolder(out).best_path.unlink()
        if not savable(last_checkpoint(out), edited_state(state, *edit)):
            return
        result = run("train", "--resume", "--out", out, "--steps", 2)
        assert result.status in (0, 2) or "nan" in result.err or "inf" in result.err, result.err
        assert result.err.count("error: ") == (result.status != 0)

    with np.errstate(all="ignore"):
        fuzz(check, edits(state))


def test_any_bytes_are_a_checkpoint_or_refused(begun, tmp_path, fuzz):
    path, example = tmp_path / "damaged.safetensors", load_example("alexnet").EXAMPLE
    data = last_checkpoint(begun).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    values = json.loads(header["__metadata__"]["tinynet"])
    del values["__crc32__"]  # as in those of before there was one, or nothing else would be seen

    def whole(text):
        return len(text).to_bytes(8, "little") + text + data[8 + size :]

    def with_values(text):
        about = {"tinynet": text.decode(errors="replace")}
        return whole(json.dumps({**header, "__metadata__": about}).encode())

    def check(text):
        path.write_bytes(text)
        with suppress(UserError):
            network, _ = load_network(path, example.name, example.build, ("cpu",))
            assert network.classes

    texts_of_values = edited(values).map(str.encode) | damaged(json.dumps(values).encode())
    inputs = texts_of_values.map(with_values) | edited(header).map(str.encode).map(whole)
    with np.errstate(all="ignore"):
        fuzz(check, inputs | damaged(data))


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("model", lambda model: {**model, "conv1.weight": nan_in(model["conv1.weight"])},
         "model/conv1.weight has nan or inf"),
        ("mean", nan_in := lambda array: np.where(np.arange(array.shape[-1]) == 3, np.nan, array),
         "mean has nan or inf"),
        ("mean", lambda mean: mean - 1000, "mean is not one of pixels, 0 to 255"),
        ("std", lambda std: 0 * std, "std is not above 0"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_one_line(trained, tmp_path, photos, name, change, told):
    state = read_state(last_checkpoint(trained))
    state[name] = change(state[name])
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    for path in (out / "checkpoints").iterdir():
        path.unlink()
    path = RunFolder(out).of_step(state["step"])
    tinynet.save(path, state)
    image = next((photos / "val" / "red").iterdir())
    for command in (
        ("eval", "--checkpoint", path),
        ("predict", "--checkpoint", path, image),
        ("train", "--resume", "--out", out),
    ):
        result = run(*command)
        assert result.status == 2
        assert f"{path} does not fit: {told}" in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", {"groups": [], "velocity": {}}),
        ("optimizer", {"groups": [{"lr": "a"}], "velocity": {}}),
        ("dropout", {}),
        ("dropout", {"dropout6": 2**70, "dropout7": 0}),
        ("schedule", {}),
        ("schedule", {"best": "a", "bad": 0, "drops": 0}),
        ("doctor", {}),
        ("doctor", {"ratios": {}, "stuck": {}, "overfitting": {}, "memory": {"a": 3}}),
        ("epoch", 3.5),
        ("batch", None),
        ("classes", ["red"]),
        ("network", "\x1b[2J"),
    ],
)
def test_training_state_that_no_run_wrote_is_one_line(trained, tmp_path, name, value):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    for path in RunFolder(out).steps():
        tinynet.save(path, {**tinynet.load(path), name: value})
    result = run("train", "--resume", "--out", out, "--steps", 9)
    assert result.status == 2, result.err
    assert result.err.startswith("error: ") and result.err.count("\n") <= 1
    assert str(out) in result.err and result.err.rstrip("\n").isprintable()


def bfloat16(path):
    """The checkpoint with its first array of float32 named a larger one of bfloat16."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    for name, its in header.items():
        if name != "__metadata__" and its["dtype"] == "F32":
            its["dtype"], its["shape"] = "BF16", [2, *its["shape"]]
            break
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def flipped(path):
    """The checkpoint with a bit of a number flipped."""
    data = bytearray(path.read_bytes())
    data[-1001] ^= 4
    return bytes(data)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (flipped, "is damaged: its checksum is not that of what it holds"),
        (bfloat16, "is of type BF16, NumPy has no such"),
        (lambda path: read_older(path).read_bytes(), "does not fit: it is of step 2"),
    ],
)
def test_a_newest_checkpoint_that_is_skipped_is_told_of(photos, tmp_path, spoil, told):
    """A flipped bit gave a nan some steps later; another type ended in a traceback."""
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--checkpoint-every", 2, "--out", out)
    train(*args, "--steps", 4)
    newest = last_checkpoint(out)
    newest.write_bytes(spoil(newest))
    result = train("--resume", "--out", out, "--steps", 4)
    (line,) = (line for line in result.err.splitlines() if str(newest) in line)
    assert told in line and line.endswith(f"{read_older(newest)} is older, and takes its place")
    assert "resuming after step 2" in result.out


def read_older(path):
    return path.with_name("step-00000002.safetensors")


def test_a_lost_log_does_not_lose_the_best_network(trained, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    best = RunFolder(out).best_path
    before = best.read_bytes()
    (out / "log.jsonl").unlink()
    result = train("--resume", "--out", out, "--epochs", 2)
    kept = best.with_name("best-of-step-00000005.safetensors")
    assert (
        f"log.jsonl is lost, and with it how good the best network was: it is kept as {kept}"
        in (result.err)
    )
    assert kept.read_bytes() == before and tinynet.load(best)["step"] == 10
    assert run("eval", "--checkpoint", kept).status == 0
    assert [line["step"] for line in read_log(out)][0] > 5


def test_checkpoints_of_before_there_was_a_checksum(trained, tmp_path):
    data = last_checkpoint(trained).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    values = json.loads(header["__metadata__"]["tinynet"])
    del values["__crc32__"]
    header["__metadata__"]["tinynet"] = json.dumps(values)
    text = json.dumps(header).encode()
    old = tmp_path / "old.safetensors"
    old.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    result = run("eval", "--checkpoint", old)
    assert (result.status, result.err) == (0, "")
