"""Fashion-MNIST's IDX files, gzipped or not, whole or damaged."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import strategies as st

from tinynet.data import DataError, fashion_mnist, open_dataset


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


RNG = np.random.default_rng(0)
IMAGES = {
    prefix: RNG.integers(0, 256, (n, 28, 28), np.uint8) for prefix, n in (("train", 9), ("t10k", 4))
}
LABELS = {prefix: RNG.integers(0, 10, len(images), np.uint8) for prefix, images in IMAGES.items()}


@pytest.fixture(params=[".gz", ""])
def folder(request, tmp_path):
    pack = gzip.compress if request.param else bytes
    for prefix in IMAGES:
        (tmp_path / f"{prefix}-images-idx3-ubyte{request.param}").write_bytes(
            pack(idx(IMAGES[prefix]))
        )
        (tmp_path / f"{prefix}-labels-idx1-ubyte{request.param}").write_bytes(
            pack(idx(LABELS[prefix]))
        )
    return tmp_path


def test_both_splits(folder):
    for split, prefix in (("train", "train"), ("val", "t10k")):
        dataset = open_dataset(folder, split, image_size=28, store_size=28)
        assert dataset.name == "fashion-mnist" and dataset.classes[9] == "ankle boot"
        assert dataset.labels.tolist() == LABELS[prefix].tolist()
        for i, image in enumerate(IMAGES[prefix]):  # gray repeated to three channels
            np.testing.assert_array_equal(dataset.load(i), np.stack([image] * 3))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mnist", "mnist"),
        ("MNIST/raw", "mnist"),
        ("mnist-digits", "mnist"),
        ("FashionMNIST/raw", "fashion-mnist"),
        ("mnist/fashion", "fashion-mnist"),
        ("digits/of/mine", "fashion-mnist"),
    ],
)
def test_which_of_the_two_it_is_the_folders_name_says(folder, name, kind, monkeypatch):
    place = folder / "sets" / name
    place.mkdir(parents=True)
    for file in folder.glob("*ubyte*"):
        file.rename(place / file.name)
    monkeypatch.chdir(place)
    for path in (place, "."):
        assert open_dataset(path, "train", image_size=28).name == kind


def test_scaled_gray_has_three_equal_channels(folder):
    image = open_dataset(folder, "train", image_size=64).load(0)
    assert image.shape == (3, 73, 73) and (image == image[0]).all()
    assert image.std() > 10


def replace(folder, name, data):
    path = next(folder.glob(f"{name}*"))
    path.write_bytes(gzip.compress(data) if path.suffix else data)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("train-images", idx(IMAGES["train"])[:-1], "7,055 bytes of data, wanted 9 x 28 x 28"),
        (
            "train-images",
            idx(IMAGES["train"]) + b"!",
            "more than 7,056 bytes of data, wanted 9 x 28 x 28",
        ),
        ("train-images", idx(LABELS["train"]), "not an IDX file of bytes with 3 dimensions"),
        ("train-images", idx(IMAGES["train"])[:9], "not an IDX file"),
        ("train-images", idx(IMAGES["train"][:0]), "it says that it holds 0 x 28 x 28 bytes"),
        ("train-images", b"", "not an IDX file"),
        ("train-labels", idx(LABELS["train"][:8]), "has 9 images and .* 8 labels"),
        ("train-labels", idx(LABELS["train"] * 0 + 10), "has the label 10, wanted 0 to 9"),
    ],
)
def test_wrong_content_is_named(folder, name, data, message):
    replace(folder, name, data)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(folder, "train", 28)
    assert f"{name}-idx" in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_damaged_gzip_is_named(tmp_path, keep):
    data = gzip.compress(idx(IMAGES["train"]))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(data[: int(len(data) * keep)])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS["train"]))
    with pytest.raises(DataError, match="train-images-idx3-ubyte.gz: "):
        open_dataset(tmp_path, "train", 28)


def test_a_missing_file_is_named(folder):
    next(folder.glob("t10k-labels*")).unlink()
    assert len(open_dataset(folder, "train", 28)) == 9
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte or .* missing"):
        open_dataset(folder, "val", 28)


def test_without_files_the_message_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist.*data/fashion-mnist"):
        open_dataset("fashion-mnist", "train", 28)


def test_the_data_folder_comes_first(folder, monkeypatch):
    place = folder / "data" / "fashion-mnist"
    place.mkdir(parents=True)
    for path in folder.glob("*ubyte*"):
        path.rename(place / path.name)
    monkeypatch.chdir(folder)
    assert len(open_dataset("fashion-mnist", "train", 28)) == 9


def test_more_than_there_can_be_is_not_unpacked(folder, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "LARGEST", 2**20)
    replace(folder, "train-images", struct.pack(">HBB3i", 0, 8, 3, 1, 28, 28) + bytes(2**22))
    with pytest.raises(DataError, match="more than 784 bytes of data, wanted 1 x 28 x 28"):
        open_dataset(folder, "train", 28)
    for shape in ((2**16, 28, 28), (2**31 - 1,) * 3, (-5, -5, 25)):
        replace(folder, "train-images", struct.pack(">HBB3i", 0, 8, 3, *shape) + bytes(2**22))
        with pytest.raises(DataError, match=f"says that it holds {shape[0]} x .* wanted 1 to 1,0"):
            open_dataset(folder, "train", 28)


def test_any_bytes_are_images_or_refused_by_name(folder, fuzz):
    def check(changes):
        name, packed, places = changes
        path = next(folder.glob(f"{name}*"))
        data = bytearray(idx((IMAGES if "images" in name else LABELS)["t10k"]))
        if packed and path.suffix:
            data = bytearray(gzip.compress(bytes(data)))
        for place, value in places:
            data[place % len(data)] = value
        if not packed and path.suffix:
            data = gzip.compress(bytes(data))
        path.write_bytes(data)
        try:
            assert len(open_dataset(folder, "val", 28)) == 4
        except DataError as error:
            assert str(error).startswith(f"{folder}/t10k-")

    places = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 255)), max_size=3)
    names = st.sampled_from(["t10k-images", "t10k-labels"])
    fuzz(check, st.tuples(names, st.booleans(), places) | st.tuples(names, st.booleans(), places))
