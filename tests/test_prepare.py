"""`prepare`: what it makes of photographs, how it continues where it stopped, what it refuses."""

import errno
import io
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from imagenet_shaped import contents, photograph, prepare_quietly, tar_of, write_folder
from PIL import Image
from tiny_runs import run

from tinynet.data import DataError, decode_image, images, open_dataset
from tinynet.data.preparing import destination
from tinynet.data.preparing.images import Recipe, encode
from tinynet.data.preparing.shards_write import ShardWriter
from tinynet.data.preparing.source import key_of


def members(path):
    """The name and the bytes of each file in a shard, in order."""
    with tarfile.open(path) as tar:
        return [(member.name, tar.extractfile(member).read()) for member in tar]


def by_key(folder, split):
    """key -> (JPEG, label) over all shards; the two must stand next to each other."""
    found = {}
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        files = members(shard)
        for (jpg, data), (cls, label) in zip(files[::2], files[1::2]):
            key = jpg.removesuffix(".jpg")
            assert cls == f"{key}.cls" and key not in found
            found[key] = (data, int(label))
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def prepared(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("prepared") / "set"
    assert prepare_quietly(photos, path).made == 4
    return path


# ---------------------------------------------------------------- what is made


def test_shards_hold_squares_of_256_with_their_labels(photos, prepared):
    for split, count, shards in (("train", 10, 3), ("val", 4, 1)):
        assert len(list(prepared.glob(f"{split}-*.tar"))) == shards
        found = by_key(prepared, split)
        assert len(found) == count
        for key, (data, label) in found.items():
            assert label == ["cat", "dog"].index(key.split("/")[0])
            with Image.open(io.BytesIO(data)) as image:
                assert (image.format, image.size, image.mode) == ("JPEG", (256, 256), "RGB")
                assert "progressive" not in image.info
                pixels = np.asarray(image).transpose(2, 0, 1).astype(int)
            original = decode_image(photos / split / f"{key}.jpg", 256).astype(int)
            # quality 90 on an enlarged noisy image; another photograph differs by more than 50
            assert np.abs(pixels - original).mean() < 3


def test_training_images_are_shuffled_and_validation_images_are_not(prepared):
    train, val = (list(by_key(prepared, split)) for split in ("train", "val"))
    assert train != sorted(train) and len({key[:3] for key in train[:4]}) == 2
    assert val == sorted(val)


def test_statistics_are_those_of_the_scaled_photographs(photos, prepared):
    files = sorted((photos / "train").rglob("*.jpg"))
    pixels = np.stack([decode_image(file, 256) for file in files]).astype(np.int64)
    found = open_dataset(prepared, "train", 224).statistics
    assert np.array_equal(found.mean, pixels.sum(0) / 10)
    # float64, added in another order: products of 1e4 have errors of 1e-12
    rows = pixels[:, :, ::4]  # 64 of 256: see Sums
    expected = np.cov(rows.transpose(1, 0, 2, 3).reshape(3, -1), bias=True)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_jpeg_that_is_right_already_is_copied(tmp_path, kind):
    turned = Image.Exif()
    turned[images.ORIENTATION] = 6
    files = {
        "ready": photograph(1, (256, 256), quality=80),
        "gray": photograph(2, (256, 256), "L"),
        "progressive": photograph(3, (256, 256), progressive=True),
        "larger": photograph(4, (257, 256)),
        "png": photograph(5, (256, 256), form="PNG"),
        "cmyk": photograph(6, (256, 256), "CMYK"),
        "turned": photograph(7, (256, 256), exif=turned),
    }
    named = {
        f"{split}/a/{name}.jpg": data for split in ("train", "val") for name, data in files.items()
    }
    if kind == "tar":
        source = tmp_path / "photos.tar"
        source.write_bytes(tar_of(named))
    else:
        source = tmp_path / "photos"
        for name, data in named.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(data)
    prepare_quietly(source, tmp_path / "set")
    found = by_key(tmp_path / "set", "train")
    copied = {name for name, data in files.items() if found[f"a/{name}"][0] == data}
    assert copied == {"ready", "gray"}
    assert Image.open(io.BytesIO(found["a/gray"][0])).mode == "L"


def test_the_same_bytes_for_any_number_of_workers(photos, prepared, tmp_path):
    prepare_quietly(photos, tmp_path / "set", workers=5)
    assert contents(tmp_path / "set") == contents(prepared)


def test_keys_end_at_the_first_dot_as_webdataset_reads_them():
    assert key_of("dog/rex.jpg") == "dog/rex"
    assert key_of("dog v1.2/my.old.rex.JPEG") == "dog v1.2/my_old_rex"
    assert key_of("dog/deeper/rex") == "dog/deeper/rex"


def test_long_and_foreign_names(tmp_path):
    source = write_folder(tmp_path / "photos", 1, 1)
    for name in ("x" * 150, "größe", "日本"):
        (source / "train" / "cat" / f"{name}.jpg").write_bytes(photograph(1))
    prepare_quietly(source, tmp_path / "set")
    keys = {"cat/cat_0", "dog/dog_0", f"cat/{'x' * 150}", "cat/größe", "cat/日本"}
    assert set(by_key(tmp_path / "set", "train")) == keys
    train = open_dataset(tmp_path / "set", "train", 224)
    assert len([train.load(i) for i in range(5)]) == 5
    named = {train.describe(i).split(": ")[1] for i in range(5)}
    assert named >= {"cat/cat_0.jpg", "cat/größe.jpg"}
    assert f"cat/{'x' * 150}.jpg"[:100] in named  # what a plain header has room for


# ---------------------------------------------------------------- what cannot be read


def test_bad_images_are_left_out_and_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    source = write_folder(tmp_path / "photos", 2, 1)
    cat = source / "train" / "cat"
    (cat / "cut.jpg").write_bytes(photograph(1)[:900])
    (cat / "text.jpg").write_bytes(b"hello")
    (cat / "bomb.jpg").write_bytes(photograph(1, (101, 100)))
    (cat / "notes.txt").write_bytes(b"hello")
    quiet = prepare_quietly(source, tmp_path / "set")
    lines = (tmp_path / "set" / "skipped.txt").read_text().splitlines()
    assert lines[0] == "train/cat/notes.txt: not named like an image"
    named = dict(line.split(": ", 1) for line in lines)
    assert set(named) == {
        f"train/cat/{name}" for name in ("notes.txt", "cut.jpg", "text.jpg", "bomb.jpg")
    }
    assert "truncated" in named["train/cat/cut.jpg"]
    assert "not an image" in named["train/cat/text.jpg"]
    assert "million pixels" in named["train/cat/bomb.jpg"]
    assert len(quiet.warnings) == 3 and all("skipped" in text for text in quiet.warnings)
    train = open_dataset(tmp_path / "set", "train", 224)
    assert len(train) == 4 and np.bincount(train.labels).tolist() == [2, 2]


def test_many_bad_images_are_not_all_told_of(tmp_path):
    source = write_folder(tmp_path / "photos", 2, 1)
    for i in range(30):
        (source / "train" / "cat" / f"bad{i}.jpg").write_bytes(b"hello")
    quiet = prepare_quietly(source, tmp_path / "set", shard_images=7)
    assert len(quiet.warnings) == 11 and "skipped.txt" in quiet.warnings[-1]
    assert len((tmp_path / "set" / "skipped.txt").read_text().splitlines()) == 30


@pytest.mark.parametrize("split", ["train", "val"])
def test_not_one_image_that_can_be_read(tmp_path, split):
    source = write_folder(tmp_path / "photos", 2, 2)
    for file in (source / split).rglob("*.jpg"):
        file.write_bytes(b"hello")
    for _ in range(2):  # the second time, all shards are there
        with pytest.raises(DataError, match=f"not one of the 4 images of {split} could be read"):
            prepare_quietly(source, tmp_path / "set")
    with pytest.raises(DataError, match="set: not finished"):
        open_dataset(tmp_path / "set", "train", 224)


def test_a_tar_that_is_cut_meanwhile_stops_it(tmp_path, monkeypatch):
    source = tmp_path / "photos.tar"
    named = {f"{split}/a/{i}.jpg": photograph(i) for split in ("train", "val") for i in range(3)}
    source.write_bytes(tar_of(named))
    whole = source.read_bytes()
    begin = destination.Destination.__init__

    def then_cut(*args):
        begin(*args)
        os.truncate(source, len(whole) // 2)

    with monkeypatch.context() as patch:
        patch.setattr(destination.Destination, "__init__", then_cut)
        with pytest.raises(DataError, match=r"\.jpg: changed since it was listed: wanted"):
            prepare_quietly(source, tmp_path / "set", shard_images=1)
    source.write_bytes(whole)
    prepare_quietly(source, tmp_path / "set", shard_images=1)
    assert len(open_dataset(tmp_path / "set", "train", 224)) == 3
    assert (tmp_path / "set" / "skipped.txt").read_text() == ""


# ---------------------------------------------------------------- again


def test_a_finished_set_is_left_as_it_is(photos, prepared):
    before = contents(prepared)
    assert prepare_quietly(photos, prepared).made == 0
    assert contents(prepared) == before


@pytest.mark.parametrize("name", ["train-000001.tar", "val-000000.tar"])
@pytest.mark.parametrize("damage", ["middle", "short", "gone"])
def test_a_damaged_shard_is_made_once_more(photos, prepared, tmp_path, name, damage):
    files = contents(prepared)
    for other, data in files.items():
        (tmp_path / other).write_bytes(data)
    shard = tmp_path / name
    if damage == "gone":
        shard.unlink()
    else:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        shard.write_bytes(data if damage == "middle" else files[name][:-600])
    quiet = prepare_quietly(photos, tmp_path)
    assert quiet.made == 1
    assert quiet.warnings == [f"{shard} is damaged and will be made again"]
    assert contents(tmp_path) == files


def test_a_shard_that_cannot_be_made_as_it_was_is_left_alone(
    photos, prepared, tmp_path, monkeypatch
):
    for other, data in contents(prepared).items():
        (tmp_path / other).write_bytes(data)
    (tmp_path / "train-000001.tar").write_bytes(b"damaged")
    monkeypatch.setattr(
        "tinynet.data.preparing.images.encode", lambda square, _: encode(square, 80)
    )
    with pytest.raises(DataError, match="train-000001.tar cannot be reproduced: .*Pillow"):
        prepare_quietly(photos, tmp_path)
    assert (tmp_path / "train-000001.tar").read_bytes() == b"damaged"


@pytest.mark.parametrize("shards", [0, 2])
def test_no_space_left(photos, prepared, tmp_path, monkeypatch, shards):
    room, add = iter(range(4 * shards + 1)), ShardWriter.add

    def add_while_there_is_room(*args):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(*args)

    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "add", add_while_there_is_room)
        with pytest.raises(DataError, match=f"No space left on device: {shards} of 4 shards"):
            prepare_quietly(photos, tmp_path / "set")
    assert not list((tmp_path / "set").glob(".*.part"))  # it gives back the room it took
    assert prepare_quietly(photos, tmp_path / "set").made == 4 - shards
    assert contents(tmp_path / "set") == contents(prepared)


# ---------------------------------------------------------------- whose folder it is


def test_a_folder_with_anything_else_is_refused(photos, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(DataError, match="is not empty and holds no prepared data set"):
        prepare_quietly(photos, tmp_path)
    with pytest.raises(DataError, match="is a file, wanted a folder"):
        prepare_quietly(photos, tmp_path / "thesis.txt")
    assert contents(tmp_path) == {"thesis.txt": b"all of it"}


@pytest.mark.parametrize("top", ["", "photos/"])
def test_a_place_among_the_photographs_is_refused(tmp_path, top):
    source = write_folder(tmp_path / "all" / top, 1, 1)
    for place in ("train", "train/deep", "val/cat/deep", "train/../val/cat"):
        before = sorted(source.rglob("*"))
        with pytest.raises(DataError, match="is inside the photographs' folder.*DST outside"):
            prepare_quietly(tmp_path / "all", source / place)
        assert sorted(source.rglob("*")) == before
    (tmp_path / "link").symlink_to(source / "train" / "cat")
    with pytest.raises(DataError, match="is inside the photographs' folder"):
        prepare_quietly(tmp_path / "all", tmp_path / "link" / "deep")
    for _ in range(2):
        prepare_quietly(tmp_path / "all", source / "prepared")


def test_another_source_or_recipe_is_refused(photos, prepared, tmp_path):
    before = contents(prepared)
    other = write_folder(tmp_path / "other", 3, 1)
    with pytest.raises(DataError, match="prepared from other files .10 and 4 for validation in 2"):
        prepare_quietly(other, prepared)
    for name, value in (("quality", 80), ("seed", 1), ("size", 128), ("shard_images", 5)):
        with pytest.raises(DataError, match=f"was prepared with {name} .*, wanted {value}"):
            prepare_quietly(photos, prepared, **{name: value})
    assert contents(prepared) == before


@pytest.mark.parametrize("change", ["a longer file", "another name", "one more", "one less"])
def test_a_source_that_changed_is_refused(tmp_path, change):
    source = write_folder(tmp_path / "photos", 2, 1)
    prepare_quietly(source, tmp_path / "set")
    first, cat = source / "train" / "cat" / "cat_0.jpg", source / "train" / "cat"
    if change == "a longer file":
        first.write_bytes(first.read_bytes() + b"\0")
    elif change == "another name":
        first.rename(cat / "renamed.jpg")
    elif change == "one more":
        (cat / "more.jpg").write_bytes(photograph(50))
    else:
        first.unlink()
    with pytest.raises(DataError, match="give another DST, or put the source back as it was"):
        prepare_quietly(source, tmp_path / "set")


def test_what_is_no_source(tmp_path, prepared):
    for path, message in (
        (tmp_path / "none", "none: no such folder or .tar to prepare"),
        (prepared, "is prepared already"),
        (tmp_path, "neither train/ nor val/: wanted"),
    ):
        with pytest.raises(DataError, match=message):
            prepare_quietly(path, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_duplicate_keys_are_named_before_any_work(tmp_path):
    source = write_folder(tmp_path / "photos", 2, 1)
    (source / "train" / "cat" / "cat_1.png").write_bytes(photograph(1))
    with pytest.raises(DataError, match=r"duplicate key cat/cat_1: .*cat_1\.jpg and .*cat_1\.png"):
        prepare_quietly(source, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_two_at_once_are_refused(photos, tmp_path):
    wanted = {"format": "tinynet shards 1", "size": 256}
    first = destination.Destination(tmp_path / "set", wanted, [], print)
    with pytest.raises(DataError, match="another `prepare` is at work on it"):
        prepare_quietly(photos, first.path)


def test_classes_are_checked_against_synset_words(tmp_path):
    source = write_folder(tmp_path / "photos", 1, 1, ("n02102040", "n01440764"))
    words = tmp_path / "synset_words.txt"
    words.write_text("n01440764 tench\nn02102040 English springer\n")
    prepare_quietly(source, tmp_path / "set")
    train = open_dataset(tmp_path / "set", "train", 224)
    assert train.classes == ["n01440764 tench", "n02102040 English springer"]
    for text, message in (
        ("n02102040 English springer\nn01440764 tench\n", "line 2: n01440764 comes after n02102"),
        ("n01440764 tench\nn01440764 tench\n", "line 2: n01440764 comes after n01440764"),
        ("n01440764 tench\n", "no line for the class n02102040"),
    ):
        words.write_text(text)
        with pytest.raises(DataError, match=f"synset_words.txt: {message}"):
            prepare_quietly(source, tmp_path / "other")


def test_the_recipe_of_imagenet():
    """The issue's sizes; what they cost is in the benchmark."""
    assert (Recipe().size, Recipe().shard_images) == (256, 2_000)


# ---------------------------------------------------------------- the command


def test_the_command_tells_what_it_made_and_what_not(tmp_path):
    source = write_folder(tmp_path / "photos", 3, 1)
    (source / "train" / "cat" / "bad.jpg").write_bytes(b"hello")
    for file in (source / "val" / "dog").iterdir():
        file.write_bytes(b"hello")
    out = tmp_path / "set"
    result = run("prepare", source, out)
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0].startswith(f"data     {out}: 6 images in 2 classes; 1 for validation; 2 shards")
    assert lines[1].startswith("mean     red ") and lines[2].startswith("colours  ")
    assert lines[3] == "warning  no image in val of 1 of 2 classes: dog"
    assert lines[4] == f"skipped  2 files: {out / 'skipped.txt'}"
    assert [line.split(": ")[0].strip() for line in lines[5:7]] == [
        "train/cat/bad.jpg",
        "val/dog/dog_0.jpg",
    ]
    assert lines[7].startswith("next ") and lines[7].endswith(f"train --data {out}")
    assert "skipped" in result.err and "7 of 9 images" in result.err


def test_classes_without_an_image_are_counted_in_one_line(tmp_path):
    source = write_folder(tmp_path / "photos", 1, 1, [f"class{k}" for k in range(8)])
    for file in list((source / "val").rglob("*.jpg"))[1:]:
        file.write_bytes(b"hello")
    kept = next(f for f in (source / "val").rglob("*.jpg") if f.read_bytes() != b"hello")
    names = [f"class{k}" for k in range(8) if f"class{k}" != kept.parent.name][:5]
    lines = run("prepare", source, tmp_path / "set").out.splitlines()
    found = [line for line in lines if line.startswith("warning")]
    assert found == [f"warning  no image in val of 7 of 8 classes: {'; '.join(names)}; ..."]


@pytest.mark.parametrize(
    ("source", "message"),
    [("none", "no such folder or .tar to prepare"), ("empty", "neither train/ nor val/")],
)
def test_mistakes_end_with_status_2_and_one_line(tmp_path, source, message):
    (tmp_path / "empty").mkdir()
    result = run("prepare", tmp_path / source, tmp_path / "set")
    assert result.status == 2 and result.out == ""
    assert result.err.startswith("error: ") and result.err.count("\n") == 1
    assert message in result.err and str(tmp_path / source) in result.err


def test_importing_tinynet_does_not_import_it():
    code = "import tinynet, sys; tinynet.nn; print(*[m for m in sys.modules if 'net.data' in m])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("\n", "")
