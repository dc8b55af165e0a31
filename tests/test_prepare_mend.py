"""`prepare` on a finished set in which files other than shards are damaged: it restores them."""

import json
import os
import shutil

import numpy as np
import pytest
from fuzzing import damaged
from imagenet_shaped import contents, photograph, prepare_quietly, write_folder
from tiny_runs import run

from tinynet.data import DataError, open_dataset
from tinynet.data.prepared import Shard
from tinynet.data.preparing.images import Made, plan
from tinynet.data.preparing.shards_write import records_of
from tinynet.data.preparing.state import read_state

FILES = ("statistics.npz", "train.index", "val.index", "skipped.txt", "dataset.json")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    source = write_folder(tmp_path_factory.mktemp("photos"))
    (source / "train" / "cat" / f"{'x' * 150}.jpg").write_bytes(photograph(1))
    (source / "train" / "cat" / "bad.jpg").write_bytes(b"hello")
    return source


@pytest.fixture(scope="module")
def prepared(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("prepared") / "set"
    prepare_quietly(photos, path)
    return path


@pytest.fixture
def copy(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "set")


@pytest.fixture
def unread(monkeypatch):
    """No photograph may be read."""

    def read(*args) -> Made:
        raise AssertionError("a photograph was read")

    monkeypatch.setattr("tinynet.data.preparing.prepare.make", read)


def damage(file, kind):
    data = bytearray(file.read_bytes())
    if kind == "gone":
        file.unlink()
    elif kind == "short":
        file.write_bytes(data[: len(data) // 2])
    elif kind == "long":
        file.write_bytes(data + b"0" * 24)
    else:
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["gone", "short", "long", "middle"])
def test_what_follows_from_the_rest_is_given_again(photos, prepared, copy, unread, name, kind):
    damage(copy / name, kind)
    quiet = prepare_quietly(photos, copy)
    assert quiet.made == 0
    assert contents(copy) == contents(prepared)
    # A killed run may also leave something after the end of these: it is not reported.
    silent = kind == "long" and name in ("train.index", "val.index", "skipped.txt")
    told = f"{copy / name} was missing or damaged and has been restored"
    assert quiet.warnings == ([] if silent else [told])


@pytest.mark.parametrize("text", ["[]", "{}", "", '{"format": "cars"}', "\xff"])
def test_a_dataset_json_that_holds_something_else(photos, prepared, copy, unread, text):
    (copy / "dataset.json").write_text(text, "latin-1")
    prepare_quietly(photos, copy)
    assert contents(copy) == contents(prepared)


def test_all_at_once_and_a_shard_too(photos, prepared, copy):
    for name in FILES:
        (copy / name).unlink()
    damage(copy / "train-000001.tar", "middle")
    quiet = prepare_quietly(photos, copy)
    # All but statistics.npz, which without dataset.json may not have been written yet.
    assert quiet.made == 1 and len(quiet.warnings) == 1 + len(FILES) - 1
    assert contents(copy) == contents(prepared)


def test_another_source_is_refused_without_dataset_json_too(copy, tmp_path):
    other = write_folder(tmp_path / "other", 3, 1)
    (copy / "dataset.json").unlink()
    before = contents(copy)
    with pytest.raises(DataError, match="prepared from other files .12 and 4 for validation in 2"):
        prepare_quietly(other, copy)
    assert contents(copy) == before


def test_an_index_damaged_before_the_set_is_finished(photos, prepared, tmp_path, monkeypatch):
    """The next run must not append to a damaged one."""
    out = tmp_path / "set"
    with monkeypatch.context() as patch:
        # Of four shards, three for training, two are made; then their index is damaged.
        patch.setattr("tinynet.data.preparing.prepare.plan", lambda *args: plan(*args)[:2])
        with pytest.raises(DataError, match="not one of the 4 images of val could be read"):
            prepare_quietly(photos, out)
    damage(out / "train.index", "middle")
    (out / "dataset.json").unlink()
    assert prepare_quietly(photos, out).made == 2
    assert contents(out) == contents(prepared)


@pytest.mark.parametrize("kind", ["gone", "short"])
def test_without_the_progress_file(photos, prepared, copy, kind):
    wanted = contents(copy)
    damage(copy / ".progress.npz", kind)
    (copy / "train.index").unlink()
    quiet = prepare_quietly(photos, copy)
    assert quiet.made == 0 and [".index was missing" in w for w in quiet.warnings] == [True]
    assert (copy / "train.index").read_bytes() == wanted["train.index"]
    assert np.array_equal(open_dataset(copy, "val", 224).labels, [0, 0, 1, 1])
    (copy / "skipped.txt").write_bytes(b"")
    quiet = prepare_quietly(photos, copy)
    assert "cannot be restored: images that could not be read: 1" in quiet.warnings[0]
    # The statistics come from the photographs themselves: these are read again, with a warning.
    (copy / "statistics.npz").write_bytes(b"PK")
    quiet = prepare_quietly(photos, copy)
    assert "statistics.npz: missing or damaged" in quiet.warnings[0]
    assert "can only be rebuilt from the photographs: all are read again" in quiet.warnings[1]
    assert contents(copy) == wanted


def test_nothing_tells_whose_set_it_is(photos, copy):
    (copy / "dataset.json").write_text("{}")
    (copy / ".progress.npz").unlink()
    with pytest.raises(DataError, match="neither dataset.json nor .progress.npz can be read"):
        prepare_quietly(photos, copy)


def test_records_are_those_of_the_index(copy):
    description = json.loads((copy / "dataset.json").read_text())
    shards = [Shard(*fields) for fields in description["shards"] if fields[0] == "train"]
    records = np.concatenate([records_of(copy, shard) for shard in shards])
    assert records.tobytes() == (copy / "train.index").read_bytes()


def test_the_command_says_what_it_mended(tmp_path):
    source, out = write_folder(tmp_path / "photos", 1, 1), tmp_path / "set"
    assert run("prepare", source, out).status == 0
    for name in ("statistics.npz", "dataset.json"):
        (out / name).write_bytes(b"{}")
        result = run("prepare", source, out)
        assert result.status == 0 and "nothing left to do" not in result.out
        assert f"{out / name} was missing or damaged and has been restored" in result.err
    assert run("prepare", source, out).out.startswith("nothing left to do\n")


def test_a_set_of_an_older_prepare_gets_its_checksums_and_nothing_is_said(photos, prepared, copy):
    description = json.loads((copy / "dataset.json").read_text())
    del description["crc32"], description["index_crc32"]
    (copy / "dataset.json").write_text(json.dumps(description))
    quiet = prepare_quietly(photos, copy)
    assert quiet.warnings == [] and contents(copy) == contents(prepared)


def test_a_fifo_in_the_place_of_the_progress_is_not_waited_for(photos, prepared, copy):
    (copy / ".progress.npz").unlink()
    os.mkfifo(copy / ".progress.npz")
    assert prepare_quietly(photos, copy).made == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shards", np.array([[2, 0, 1, 1]])),
        ("shards", np.array([[-1, 0, 1, 1]])),
        ("shards", np.zeros((1, 3), int)),
        ("images", np.array([-5, 1])),
        ("images", np.array([5.0, 1.0])),
        ("total", np.zeros((3, 256, 255), np.uint32)),
        ("total", np.zeros((3, 256, 256), object)),
        ("wanted", np.frombuffer(b"[]", np.uint8)),
        ("wanted", np.frombuffer(b'{"size": 1e9}', np.uint8)),
        ("index_crc32", np.array([-1, 2**40])),
        ("skipped", np.zeros(3)),
    ],
)
def test_progress_that_cannot_be_counts_as_missing(photos, prepared, copy, name, value):
    with np.load(copy / ".progress.npz") as found:
        arrays = {**found, name: value}
    np.savez(copy / ".progress.npz", **arrays)
    (copy / "train.index").unlink()
    quiet = prepare_quietly(photos, copy)
    assert quiet.made == 0
    (copy / ".progress.npz").write_bytes((prepared / ".progress.npz").read_bytes())
    assert contents(copy) == contents(prepared)


def test_any_bytes_in_the_progress_are_mended_or_refused_by_name(photos, prepared, copy, fuzz):
    whole = (prepared / ".progress.npz").read_bytes()
    state = read_state(prepared)[1]

    def check(data):
        (copy / ".progress.npz").write_bytes(data)
        try:
            assert read_state(copy)[1].shards == state.shards
        except DataError as error:
            assert str(error).startswith(f"{copy / '.progress.npz'}: ")

    fuzz(check, damaged(whole))
