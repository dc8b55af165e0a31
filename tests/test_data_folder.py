"""Folders and tars with one sub-folder per class: found, listed, named, and refused when wrong."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from class_folders import BOTH, FILES, TRAIN, WNIDS, WORDS, make, png
from fuzzing import damaged
from hypothesis import strategies as st

from tinynet.data import BadImage, DataError, Loader, open_dataset
from tinynet.data.preparing.source import open_tree


@BOTH
@pytest.mark.parametrize("top", ["", "photos/", "./", "./photos/"])
def test_classes_labels_and_images(tmp_path, kind, top):
    path = make(tmp_path, FILES, kind, top)
    train, val = (open_dataset(path, split, 4, store_size=4) for split in ("train", "val"))
    assert train.classes == val.classes == ["cat", "dog"]
    assert train.labels.tolist() == [label for _, label, _ in TRAIN]
    assert val.labels.tolist() == [0, 1]
    for i, (name, _, value) in enumerate(TRAIN):
        assert train.describe(i).endswith(f"train/{name}")
        assert (train.load(i) == np.array([value, 255 - value, 0])[:, None, None]).all()
    assert train.ignored == {}


@BOTH
def test_hidden_files_are_not_there_and_other_files_are_reported(tmp_path, kind):
    rest = {
        "train/cat/.hidden.png": b"",
        "train/.cache/x.png": b"",
        "__MACOSX/train/cat/._c.png": b"",
        "train/__MACOSX/cat/z.png": b"",
        "train/cat/notes.txt": b"hello",
        "train/labels.csv": b"hello",
        "README": b"",
    }
    dataset = open_dataset(make(tmp_path, {**FILES, **rest}, kind), "train", 4)
    assert len(dataset) == 5 and dataset.classes == ["cat", "dog"]
    assert [name[-9:] for name in dataset.ignored] == ["notes.txt", "abels.csv"]
    told = []
    loader = Loader(dataset, 2, seed=0, workers=1, train=True, on_skip=lambda *a: told.append(a))
    assert len(told) == 1 and told[0][0].endswith("notes.txt") and "1 other, too" in told[0][1]
    assert len(loader.skipped) == 2


@BOTH
def test_names_are_those_of_the_folder_or_the_archive(tmp_path, kind):
    path = make(tmp_path, FILES, kind)
    assert open_dataset(path, "train", 4).name == (tmp_path.name if kind == "folder" else "data")


@BOTH
@pytest.mark.parametrize("place", ["beside", "top", "in the top folder"])
def test_wordnet_ids_get_their_words(tmp_path, kind, place):
    data = tmp_path / "data"
    data.mkdir()
    files = dict(WNIDS)
    if place == "beside":
        (tmp_path if kind == "folder" else data).joinpath("synset_words.txt").write_text(WORDS)
    else:
        files["synset_words.txt"] = WORDS.encode()
    path = make(data, files, kind, top="" if place == "top" else "imagenette/")
    for split in ("train", "val"):
        classes = open_dataset(path, split, 4).classes
        assert classes == WORDS.splitlines()


def test_ids_without_words_stay_ids(tmp_path):
    path = make(tmp_path, WNIDS, "folder")
    assert open_dataset(path, "train", 4).classes == ["n02102040", "n02123045"]


@BOTH
@pytest.mark.parametrize(
    ("change", "split", "message"),
    [
        ({"val/cat/x.png": None, "val/dog/y.png": None}, "val", "no val/: wanted train/ and val/"),
        ({"val/dog/y.png": None}, "val", "no class folder dog in val/: train/ and val/ must have"),
        ({"val/owl/z.png": b""}, "val", "no class folder owl in train/"),
        ({"train/owl/readme.txt": b""}, "train", "no images in the class folder train/owl"),
        (dict.fromkeys(FILES), "train", "neither train/ nor val/: wanted"),
    ],
)
def test_what_is_missing_is_named(tmp_path, kind, change, split, message):
    files = {name: data for name, data in {**FILES, **change}.items() if data is not None}
    path = make(tmp_path, files or {"cat/a.png": png(1)}, kind)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(path, split, 4)
    assert str(path) in str(caught.value)


@BOTH
def test_an_empty_class_folder_is_named(tmp_path, kind):
    path = make(tmp_path, FILES, kind, folders=["train/owl"])
    with pytest.raises(DataError, match="no images in the class folder train/owl"):
        open_dataset(path, "train", 4)


@BOTH
def test_images_without_class_folders_are_refused(tmp_path, kind):
    path = make(tmp_path, {"train/a.png": png(1), "val/b.png": png(2)}, kind)
    with pytest.raises(DataError, match="no class folders in train/: wanted"):
        open_dataset(path, "train", 4)


@BOTH
def test_two_datasets_in_one_are_refused(tmp_path, kind):
    files = {f"{top}/{name}": data for top in ("a", "b") for name, data in FILES.items()}
    with pytest.raises(DataError, match="a, b all have train/ or val/: give one of them"):
        open_dataset(make(tmp_path, files, kind), "train", 4)


def test_only_train_is_enough_for_train(tmp_path):
    path = make(tmp_path, {n: d for n, d in FILES.items() if n.startswith("train")}, "tar", "top/")
    assert len(open_dataset(path, "train", 4)) == 5
    with pytest.raises(DataError, match="no top/val/"):
        open_dataset(path, "val", 4)


def test_a_tar_cut_short_anywhere_is_refused(tmp_path):
    whole = make(tmp_path, FILES, "tar").read_bytes()
    end = max(i for i, byte in enumerate(whole) if byte) // 512 * 512 + 512  # zero blocks follow
    path = tmp_path / "cut.tar"
    for length in [*range(0, end, 101), *range(0, end + 1, 512)]:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.tar: damaged"):
            open_dataset(path, "train", 4)
    path.write_bytes(whole[: end + 512])
    assert len(open_dataset(path, "train", 4)) == 5


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path):
    path = make(tmp_path, FILES, "tar")
    data = bytearray(path.read_bytes())
    place = data.index(b"train/cat/c.jpeg")
    data[place : place + 5] = b"?????"
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"damaged or cut short at byte {place:,}, after 2 files"):
        open_dataset(path, "train", 4)


def test_what_is_neither_folder_nor_archive_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(1))
    with pytest.raises(DataError, match="a.png: damaged, cut short or not a plain .tar"):
        open_dataset(path, "train", 4)
    with pytest.raises(DataError, match="none: no such dataset: wanted shapes, cifar10"):
        open_dataset(tmp_path / "none", "train", 4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    path = make(tmp_path, FILES, "folder")
    (path / "train").chmod(0)
    with pytest.raises(DataError, match="train: Permission denied"):
        open_dataset(path, "train", 4)
    (path / "train").chmod(0o700)


def test_a_class_folder_that_may_not_be_read_is_not_taken_for_empty(tmp_path, monkeypatch):
    path = make(tmp_path, FILES, "folder")
    scandir, forbidden = os.scandir, path / "train" / "cat"

    def may_not(folder):  # as for anybody but root
        if os.fspath(folder) == str(forbidden):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", may_not)
    with pytest.raises(DataError, match=f"^{forbidden}: Permission denied$"):
        open_dataset(path, "train", 4)


@BOTH
def test_bad_images_are_named(tmp_path, kind):
    files = {**FILES, "train/cat/c.jpeg": png(1)[:40], "train/dog/a.PNG": b"hello"}
    dataset = open_dataset(make(tmp_path, files, kind), "train", 4)
    for i, name in ((0, "train/cat/c.jpeg"), (3, "train/dog/a.PNG")):
        with pytest.raises(BadImage) as caught:
            dataset.load(i)
        assert caught.value.name.endswith(name) and caught.value.reason


def test_a_file_that_vanished_is_a_bad_image(tmp_path):
    dataset = open_dataset(make(tmp_path, FILES, "folder"), "train", 4)
    (tmp_path / "train/cat/c.jpeg").unlink()
    with pytest.raises(BadImage, match="c.jpeg: No such file"):
        dataset.load(0)


def test_many_threads_read_one_tar(tmp_path):
    files = {f"train/{k % 2}/{k:03}.png": png(k) for k in range(250)}
    dataset = open_dataset(make(tmp_path, files, "tar"), "train", 4)
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(dataset.load, range(250)))
    values = [*range(0, 250, 2), *range(1, 250, 2)]  # sorted by class, then by name
    assert [int(image[0, 0, 0]) for image in images] == values


def test_wrong_arguments(tmp_path):
    for kwargs, message in (
        ({"split": "test"}, "split is 'test', wanted 'train' or 'val'"),
        ({"image_size": 0}, "image_size is 0"),
        ({"store_size": 7}, "store_size 7 < image_size 8"),
    ):
        with pytest.raises(ValueError, match=message):
            open_dataset(**{"spec": "shapes", "split": "train", "image_size": 8, **kwargs})


def test_any_synset_words_are_names_of_classes_or_refused_by_name(tmp_path, fuzz):
    path = make(tmp_path / "photos", WNIDS, "folder")
    words = tmp_path / "synset_words.txt"

    def check(data):
        words.write_bytes(data)
        try:
            names = open_tree(path).classes
        except DataError as error:
            assert str(error).startswith(f"{words}: line ") or str(error).startswith(
                f"{words}: no "
            )
        else:
            assert [name[:9] for name in names] == ["n02102040", "n02123045"]

    lines = st.lists(st.sampled_from(["n02102040", "n02123045", " dog", "n0", "\n", "\r", "\x1b"]))
    fuzz(check, damaged(WORDS.encode()) | lines.map("".join).map(str.encode))
