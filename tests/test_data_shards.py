"""Reading a prepared set: any image at any time, and damage is reported by name."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fuzzing import damaged, edited
from hypothesis import strategies as st
from imagenet_shaped import prepare_quietly, write_folder

from tinynet.data import (
    BadImage,
    DataError,
    Loader,
    decode_image,
    kind_of_data,
    measure,
    open_dataset,
)
from tinynet.data.prepared import RECORD, description_text, index_name
from tinynet.data.preparing.shards_write import header
from tinynet.data.shards import ShardDataset


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    place = tmp_path_factory.mktemp("shards")
    prepare_quietly(write_folder(place / "photos"), place / "set")
    return place / "set"


@pytest.fixture
def copy(prepared, tmp_path):
    """A prepared set that a test may damage."""
    return shutil.copytree(prepared, tmp_path / "set")


def test_every_image_is_that_of_its_shard(prepared):
    for split, count in (("train", 10), ("val", 4)):
        dataset = open_dataset(prepared, split, 224)
        assert isinstance(dataset, ShardDataset)
        assert (dataset.name, dataset.split, len(dataset)) == ("set", split, count)
        assert dataset.classes == ["cat", "dog"]
        i = 0
        for shard in sorted(prepared.glob(f"{split}-*.tar")):
            with tarfile.open(shard) as tar:
                for member in tar:
                    data = tar.extractfile(member).read()
                    if member.name.endswith(".jpg"):
                        assert np.array_equal(dataset.load(i), decode_image(data, 256))
                        assert dataset.describe(i) == f"{shard}: {member.name}"
                    else:
                        assert dataset.labels[i] == int(data)
                        i += 1
        assert i == count


def test_it_is_photographs_to_whoever_asks_for_the_kind(prepared):
    assert kind_of_data(prepared) == kind_of_data(str(prepared)) == "folder"


def test_photographs_are_not_prepared_yet(prepared):
    photographs = open_dataset(prepared.parent / "photos", "train", 224)
    assert open_dataset(prepared, "train", 224).prepared and not photographs.prepared


def test_other_sizes_are_scaled_and_measured_again(prepared):
    dataset = open_dataset(prepared, "train", 64)
    assert dataset.load(0).shape == (3, 73, 73) and dataset.statistics is None
    assert measure(dataset).mean.shape == (3, 73, 73)


def test_statistics_are_known_beforehand_for_training(prepared):
    train, val = (open_dataset(prepared, split, 224) for split in ("train", "val"))
    assert val.statistics is None
    assert measure(train) is train.statistics


def test_statistics_are_those_of_the_photographs_before_they_were_encoded_again(prepared):
    known = open_dataset(prepared, "train", 224).statistics
    photographs = measure(open_dataset(prepared.parent / "photos", "train", 224))
    assert np.array_equal(known.mean, photographs.mean)  # sums are exact, in whatever order
    assert np.array_equal(known.covariance, photographs.covariance)
    encoded = open_dataset(prepared, "train", 224)
    encoded.statistics = None  # so that `measure` looks at the images, which are others by now
    assert not np.array_equal(measure(encoded).mean, known.mean)


def test_the_loader_shuffles_over_all_shards(prepared):
    loader = Loader(open_dataset(prepared, "train", 224), 5, seed=0, workers=3, train=True)
    batches = list(loader.epoch(0))
    assert sorted(np.concatenate([batch.indices for batch in batches])) == list(range(10))
    assert loader.skipped == {}


@pytest.mark.parametrize("name", ["a", "dog/rex.jpg", "größe.cls", "x" * 100, "x" * 101])
@pytest.mark.parametrize("size", [0, 7, 8**11 - 1])
def test_headers_are_those_of_tarfile(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    assert header(name, size) == info.tobuf(tarfile.GNU_FORMAT)


def test_many_threads_read_at_once(prepared):
    one, many = (open_dataset(prepared, "train", 224) for _ in range(2))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(many.load, list(range(10)) * 4))
    assert all(np.array_equal(image, one.read(i % 10)) for i, image in enumerate(found))


# ---------------------------------------------------------------- damage


def without_checksums(path):
    """Make the set one of an older `prepare`, or of another program."""
    description = json.loads((path / "dataset.json").read_text())
    for name in ("crc32", "index_crc32"):
        del description[name]
    (path / "dataset.json").write_text(json.dumps(description))


def test_a_damaged_image_is_named_with_its_shard(copy):
    dataset = open_dataset(copy, "train", 224)
    record = np.fromfile(copy / "train.index", RECORD)[5]
    shard = copy / f"train-{record['shard']:06}.tar"
    name = dataset.describe(5)
    data = bytearray(shard.read_bytes())
    data[record["offset"] + record["size"] // 2] ^= 1  # one bit: it still decodes
    shard.write_bytes(data)
    decode_image(bytes(data[record["offset"] :][: record["size"]]), 256)
    with pytest.raises(BadImage, match="damaged since it was prepared; run again the"):
        dataset.load(5)
    loader = Loader(dataset, 5, seed=0, workers=1, train=False, on_skip=lambda *told: None)
    assert sum(len(batch.indices) for batch in loader.epoch(0)) == 9
    assert list(loader.skipped) == [name]
    assert name.startswith(f"{shard}: ") and name.endswith(".jpg")


def test_an_image_that_does_not_decode_is_named_with_its_shard(copy):
    """As when a program other than `prepare` wrote the shard: the checksum is that of its bytes."""
    records = np.fromfile(copy / "train.index", RECORD)
    shard, offset, size, _, _ = records[5].tolist()
    path = copy / f"train-{shard:06}.tar"
    with open(path, "rb+") as file:
        file.seek(offset)
        file.write(bytes(size))
    records["crc32"][5] = zlib.crc32(bytes(size))
    records.tofile(copy / "train.index")
    without_checksums(copy)
    dataset = open_dataset(copy, "train", 224)
    with pytest.raises(BadImage) as refused:
        dataset.load(5)
    assert str(refused.value).startswith(f"{path}: ")
    assert refused.value.name == dataset.describe(5) and dataset.describe(5).endswith(".jpg")
    assert refused.value.reason.startswith("not an image, or damaged at its start (formats read: ")


def test_an_image_in_a_damaged_place_still_has_a_name(copy):
    dataset = open_dataset(copy, "train", 224)
    shard = copy / "train-000000.tar"
    shard.write_bytes(b"\xff" * shard.stat().st_size)
    assert dataset.describe(0) == f"{shard}: the image at byte 512"
    shard.unlink()
    with pytest.raises(BadImage, match=r"train-000000\.tar: the image at byte 512: No such file"):
        dataset.load(0)


@pytest.mark.parametrize("change", ["gone", "short", "long"])
def test_a_shard_of_another_size_is_named_when_it_is_opened(copy, change):
    shard = copy / "train-000001.tar"
    size = shard.stat().st_size
    if change == "gone":
        shard.unlink()
    else:
        os.truncate(shard, size - 512 if change == "short" else size + 512)
    state = "missing" if change == "gone" else f"{shard.stat().st_size:,} bytes"
    with pytest.raises(DataError, match=rf"train-000001\.tar: {state}, wanted {size:,} bytes; run"):
        open_dataset(copy, "train", 224)
    assert len(open_dataset(copy, "val", 224)) == 4


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("train.index", b"", r"train\.index: missing or damaged: wanted 240 bytes"),
        ("train.index", None, r"train\.index: missing or damaged"),
        ("statistics.npz", b"", r"statistics\.npz: missing or damaged"),
        ("statistics.npz", b"PK", r"statistics\.npz: missing or damaged"),
        ("statistics.npz", b"PK\3\4 and then nonsense", r"statistics\.npz: missing or damaged"),
        ("statistics.npz", None, r"statistics\.npz: missing or damaged"),
        ("dataset.json", b'{"format": ', r"dataset\.json: missing or damaged"),
        ("dataset.json", None, r"dataset\.json: missing or damaged"),
        ("dataset.json", b"[1]", r"dataset\.json: .*damaged .Expected `object`, got `array`"),
        ("dataset.json", b'{"format": "tinynet shards 1"}', r"json: damaged .Object missing req"),
        ("dataset.json", b'{"format": "cars"}', r"its format is 'cars', wanted 'tinynet shards 1'"),
    ],
)
def test_other_damaged_files_are_named(copy, name, data, message):
    if data is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(data)
    with pytest.raises(DataError, match=message + ".*; run again the `prepare SRC DST` that made"):
        open_dataset(copy, "train", 224)


def test_a_set_that_is_not_finished_is_refused(copy):
    description = json.loads((copy / "dataset.json").read_text())
    del description["crc32"]
    (copy / "dataset.json").write_bytes(description_text({**description, "finished": False}))
    with pytest.raises(DataError, match="set: not finished: run the same `prepare SRC DST` again"):
        open_dataset(copy, "val", 224)


@pytest.mark.parametrize("name", ["dataset.json", "train.index"])
def test_one_flipped_bit_anywhere_is_found(copy, name):
    """In a label of the index, or a letter of a class, nothing else would show it."""
    whole = (copy / name).read_bytes()
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 1
        (copy / name).write_bytes(data)
        with pytest.raises(DataError, match=f"^{copy / name}: .*; run again the `prepare SRC DST`"):
            open_dataset(copy, "train", 224)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, r"Expected `int` >= 1 - at `\$.size`"),
        ({"size": "256"}, r"Expected `int`, got `str` - at `\$.size`"),
        ({"classes": []}, r"Expected `array` of length >= 1 - at `\$.classes`"),
        ({"classes": {"cat": 1}}, r"Expected `array`, got `object` - at `\$.classes`"),
        ({"classes": ["cat", None]}, r"Expected `str`, got `null` - at `\$.classes\[1\]`"),
        ({"images": {"train": 10}}, r"missing required field `val` - at `\$.images`"),
        ({"images": {"train": -1, "val": 4}}, r"Expected `int` >= 0 - at `\$.images.train`"),
        ({"images": {"train": 2**80, "val": 4}}, r"Expected `int` <= 2147483647"),
        ({"shards": [["train", 0, 1.5, 0]]}, r"Expected `int`, got `float` - at `\$.shards\[0\]"),
        (
            {"shards": [["../..", 0, 1, 0]]},
            r"Invalid enum value '../..' - at `\$.shards\[0\]\[0\]`",
        ),
        ({"shards": [["train", 0, 1]]}, r"Expected `array` of length 4, got 3"),
        ({"shards": []}, r"train.index: damaged: image 0 has no place in the shards"),
        ({"classes": ["cat"]}, r"train.index: damaged: image [0-9] has no .* or no class"),
        ({"index_crc32": {"train": 0, "val": 0}}, r"train.index: damaged: its checksum is another"),
        ({"finished": 1}, r"Expected `bool`, got `int` - at `\$.finished`"),
    ],
)
def test_what_cannot_be_in_dataset_json_is_refused(copy, changes, message):
    without_checksums(copy)
    description = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_bytes(description_text({**description, **changes}))
    with pytest.raises(DataError, match=message):
        open_dataset(copy, "train", 224)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shard", 7),
        ("shard", -1),
        ("offset", -512),
        ("offset", 2**62),
        ("size", -1),
        ("size", 2**31 - 1),
        ("label", 2),
        ("label", -1),
    ],
)
def test_a_record_that_cannot_be_is_refused(copy, field, value):
    without_checksums(copy)
    records = np.fromfile(copy / "train.index", RECORD)
    records[field][3] = value
    records.tofile(copy / "train.index")
    with pytest.raises(DataError, match="train.index: damaged: image 3 has no place in the shards"):
        open_dataset(copy, "train", 224)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (np.full((3, 256, 256), np.nan), np.eye(3), "not what 0 to 255 can give"),
        (np.full((3, 256, 256), 256.0), np.eye(3), "not what 0 to 255 can give"),
        (np.zeros((3, 256, 256)), np.full((3, 3), np.inf), "not what 0 to 255 can give"),
        (np.zeros((3, 255, 256)), np.eye(3), r"mean is float64 \(3, 255, 256\), wanted float64"),
        (np.zeros((3, 256, 256), "f4"), np.eye(3), "mean is float32 .*, wanted float64"),
        (np.zeros((3, 256, 256)), np.eye(4), r"covariance is float64 \(4, 4\)"),
        (np.array([{}]), np.eye(3), "mean is object"),
    ],
)
def test_statistics_that_cannot_be_are_refused(copy, mean, covariance, message):
    np.savez(copy / "statistics.npz", mean=mean, covariance=covariance)
    with pytest.raises(DataError, match=f"statistics.npz: .*{message}"):
        open_dataset(copy, "train", 224)


def test_an_array_that_says_it_is_enormous_is_refused(copy):
    with zipfile.ZipFile(copy / "statistics.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        header = {"descr": "<f8", "fortran_order": False, "shape": (3, 256, 2**40)}
        with archive.open("mean.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DataError, match=r"mean is float64 \(3, 256, 1099511627776\), wanted"):
        open_dataset(copy, "train", 224)


@pytest.mark.parametrize("name", ["dataset.json", "train.index", "statistics.npz"])
def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(DataError, match=rf"{name}: missing or damaged|not one of|neither"):
        open_dataset(copy, "train", 224)


def test_a_shard_that_became_a_fifo_is_a_bad_image(copy):
    dataset = open_dataset(copy, "train", 224)
    for shard in copy.glob("train-*.tar"):
        shard.unlink()
        os.mkfifo(shard)
    with pytest.raises(BadImage, match=r"train-000000\.tar: the image at byte 512: "):
        dataset.load(0)


def test_any_bytes_are_a_set_or_refused_by_name(copy, fuzz):
    description = json.loads((copy / "dataset.json").read_text())
    del description["crc32"], description["index_crc32"]
    (copy / "dataset.json").write_text(json.dumps(description))
    whole = {name: (copy / name).read_bytes() for name in ("dataset.json", "train.index")}
    np.savez_compressed(copy / "statistics.npz", mean=np.zeros((3, 256, 256)), covariance=np.eye(3))
    whole["statistics.npz"] = (copy / "statistics.npz").read_bytes()

    def check(change):
        name, data = change
        (copy / name).write_bytes(data.encode() if isinstance(data, str) else data)
        try:
            dataset = open_dataset(copy, "train", 224)
        except DataError as error:
            assert str(error).startswith(str(copy))
        else:
            for i in range(len(dataset)):
                assert 0 <= dataset.labels[i] < len(dataset.classes)
            try:
                assert dataset.load(0).shape == (3, 256, 256)
            except BadImage as error:
                assert error.name.startswith(str(copy))
        (copy / name).write_bytes(whole[name])

    names = st.sampled_from(sorted(whole))
    bytes_changed = names.flatmap(lambda name: st.tuples(st.just(name), damaged(whole[name])))
    json_changed = st.tuples(st.just("dataset.json"), edited(description))
    fuzz(check, bytes_changed | json_changed)


# ---------------------------------------------------------------- ImageNet's size, other readers


# Prints how many images there are, and the files in the folder that were opened to know it.
WATCH_OPEN = """
import os, sys
from tinynet.data import open_dataset
folder, opened = sys.argv[1], []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
print(len(open_dataset(folder, "train", 224)))
print(*{os.path.basename(path) for path in opened if path.startswith(folder)}, sep="\\n")
"""


def run_code(code, *args) -> list[str]:
    """The lines that a process of its own prints; its warnings are its own affair."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_million_images_open_at_once(tmp_path):
    """Nothing is read but the index: 641 shards, empty but for their size."""
    images, shards = 1_281_167, 641
    records = np.zeros(images, RECORD)
    records["shard"] = np.arange(images) // 2_000
    records.tofile(tmp_path / index_name("train"))
    np.savez(tmp_path / "statistics.npz", mean=np.zeros((3, 256, 256)), covariance=np.eye(3))
    fields = []
    for number in range(shards):
        with open(tmp_path / f"train-{number:06}.tar", "wb") as file:
            file.truncate(50_000_000)
        fields.append(["train", number, 50_000_000, 0])
    description = {
        "format": "tinynet shards 1",
        "source": "",
        "files": {"train": images, "val": 0},
        "finished": True,
        "size": 256,
        "classes": [str(k) for k in range(1_000)],
        "images": {"train": images, "val": 0},
        "shards": fields,
    }
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    count, *opened = run_code(WATCH_OPEN, tmp_path)
    assert int(count) == images
    assert sorted(opened) == ["dataset.json", "statistics.npz", "train.index"]


def test_webdataset_reads_the_same_images(prepared):
    pytest.importorskip("webdataset", reason="the package webdataset is not installed")
    code = (
        "import sys, webdataset\n"
        "for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):\n"
        "    print(sample['__key__'], sample['cls'].decode(), len(sample['jpg']))\n"
    )
    lines = run_code(code, *sorted(prepared.glob("train-*.tar")))
    dataset = open_dataset(prepared, "train", 224)
    sizes = np.fromfile(prepared / "train.index", RECORD)["size"]
    keys = [dataset.describe(i).split(": ")[1].removesuffix(".jpg") for i in range(10)]
    assert lines == [f"{key} {dataset.labels[i]} {sizes[i]}" for i, key in enumerate(keys)]
