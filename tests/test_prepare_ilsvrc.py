"""ILSVRC's own archives: a tar of tars, numbered validation images, and their ground truth."""

import gzip
import io
import os
import struct
import tarfile

import numpy as np
import pytest
from fuzzing import damaged
from hypothesis import strategies as st
from imagenet_shaped import (
    ID_OF,
    WNIDS,
    WORDS,
    contents,
    photograph,
    prepare_quietly,
    tar_of,
    train_files,
    write_ilsvrc,
)

from tinynet.console.progress import Progress
from tinynet.data import DataError, decode_image, open_dataset
from tinynet.data.preparing import devkit
from tinynet.data.preparing.devkit import DEVKIT, GROUND_TRUTH, IDS, MAT
from tinynet.data.preparing.ilsvrc import TRAIN, VAL
from tinynet.data.preparing.prepare import open_source


@pytest.fixture
def source(tmp_path):
    return write_ilsvrc(tmp_path / "ilsvrc")


def opened(folder):
    return open_source(folder, Progress())


def refused(folder, message):
    with pytest.raises(DataError, match=message):
        opened(folder)


def test_every_image_gets_its_class(source, tmp_path):
    prepare_quietly(source, tmp_path / "set")
    train, val = (open_dataset(tmp_path / "set", split, 224) for split in ("train", "val"))
    assert train.classes == val.classes == WORDS.splitlines()[:3]
    assert (len(train), len(val)) == (12, 6)
    for i in range(12):
        wnid, file = train.describe(i).split(": ")[1].removesuffix(".jpg").split("/")
        assert WNIDS[train.labels[i]] == wnid and file.startswith(f"{wnid}_")
        expected = decode_image(photograph(int(file.split("_")[1])), 256).astype(int)
        # quality 90 on an enlarged noisy image; another photograph differs by more than 50
        assert np.abs(train.load(i) - expected).mean() < 3
    # The ids, 3 1 2 3 1 2, go by another order than the classes: 0 1 2 0 1 2.
    assert val.labels.tolist() == [0, 1, 2, 0, 1, 2]
    for i in range(6):
        assert val.describe(i).endswith(f"{WNIDS[i % 3]}/ILSVRC2012_val_{i + 1:08}.jpg")
        expected = decode_image(photograph(900 + i), 256).astype(int)
        assert np.abs(val.load(i) - expected).mean() < 3


def test_how_the_tars_are_packed_does_not_matter(source, tmp_path):
    prepare_quietly(source, tmp_path / "set")
    files = [train_files(wnid, 4, 100 * k) for k, wnid in enumerate(WNIDS)]
    inner = {f"{w}.tar": tar_of(dict(reversed(f.items()))) for w, f in zip(WNIDS, files)}
    (source / TRAIN).write_bytes(tar_of(dict(reversed(inner.items()))))
    prepare_quietly(source, tmp_path / "repacked")
    assert contents(tmp_path / "repacked") == contents(tmp_path / "set")
    assert prepare_quietly(source, tmp_path / "set").made == 0


def test_validation_images_are_counted_by_their_names(source, tmp_path):
    names = [f"val/ILSVRC2012_val_{i:08}.JPEG" for i in (4, 1, 6, 3, 2, 5)]
    files = {name: photograph(900 + int(name[-13:-5]) - 1) for name in names}
    (source / VAL).write_bytes(tar_of(files))
    images = opened(source).splits["val"]
    assert [images.read(i) for i in range(6)] == [photograph(900 + i) for i in range(6)]


@pytest.mark.parametrize("place", ["", f"{DEVKIT}/data"])
def test_the_table_of_the_localization_kit_is_understood_too(source, place):
    (source / IDS[0]).unlink()
    (source / place).mkdir(parents=True, exist_ok=True)
    (source / GROUND_TRUTH).rename(source / place / GROUND_TRUTH)
    rows = [f"{wnid} {number} some_name\n" for wnid, number in ID_OF.items()]
    (source / place / IDS[1]).write_text("".join(rows))
    assert opened(source).splits["val"].labels.tolist() == [0, 1, 2, 0, 1, 2]


def meta_mat() -> bytes:
    """As the kit's: the classes, and an inner node of WordNet with three of them below it."""
    scipy_io = pytest.importorskip("scipy.io", reason="SciPy (extra `test`) writes meta.mat")
    words = dict(line.split(" ", 1) for line in WORDS.splitlines())
    rows = [(number, wnid, words[wnid], 0) for wnid, number in ID_OF.items()]
    names = ("ILSVRC2012_ID", "WNID", "words", "num_children")
    synsets = np.zeros((5, 1), [(name, object) for name in names])
    for place, row in enumerate([*rows, (5, "n00015388", "animal", 3)]):
        synsets[place, 0] = row
    file = io.BytesIO()
    scipy_io.savemat(file, {"synsets": synsets})
    return file.getvalue()


def write_kit(source, mat: bytes) -> None:
    """The kit as it is downloaded, in place of the texts beside the images."""
    files = {f"{DEVKIT}/readme.txt": b"hello", f"{DEVKIT}/data/{MAT}": mat}
    files[f"{DEVKIT}/data/{GROUND_TRUTH}"] = (source / GROUND_TRUTH).read_bytes()
    (source / f"{DEVKIT}.tar.gz").write_bytes(gzip.compress(tar_of(files)))
    for name in GROUND_TRUTH, IDS[0], "synset_words.txt":
        (source / name).unlink()


def test_the_development_kit_is_enough_as_it_is_downloaded(source):
    write_kit(source, meta_mat())
    found = opened(source)
    assert found.splits["val"].labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.classes == WORDS.splitlines()[:3]


def test_a_development_kit_that_is_damaged(source):
    mat = meta_mat()
    write_kit(source, mat)
    kit = source / f"{DEVKIT}.tar.gz"
    packed = kit.read_bytes()
    for broken in packed[: len(packed) // 2], b"", b"hello" * 99, packed[:40] + bytes(9):
        kit.write_bytes(broken)
        refused(source, f"{DEVKIT}.tar.gz: damaged or cut short; download it again")
    kit.unlink()
    for broken in mat[:200], mat.replace(b"synsets", b"sinsets"):
        (source / MAT).write_bytes(broken)
        (source / GROUND_TRUTH).write_text("1\n")
        refused(source, f"{MAT}: damaged, or not the kit's .*; download the development kit again")


def test_without_scipy_it_is_said_what_helps(source, tmp_path, monkeypatch):
    (source / IDS[0]).rename(source / MAT)
    (tmp_path / "scipy.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    refused(source, f"{MAT}: .*`pip install scipy`, or put {IDS[0]} or {IDS[1]} beside the images")


def test_other_files_in_the_tars_are_ignored_and_told_of(source, tmp_path):
    files = {**train_files(WNIDS[0], 2), "notes.txt": b"hello", "._n01440764_0.JPEG": b"hello"}
    inner = {f"{w}.tar": tar_of(train_files(w, 1)) for w in WNIDS[1:]}
    tars = {f"{WNIDS[0]}.tar": tar_of(files), **inner, "readme": b"hello"}
    (source / TRAIN).write_bytes(tar_of(tars))
    prepare_quietly(source, tmp_path / "set")
    assert (tmp_path / "set" / "skipped.txt").read_text().splitlines() == [
        f"{TRAIN}: {WNIDS[0]}.tar: notes.txt: not named like an image",
        f"{TRAIN}: {WNIDS[0]}.tar: ._n01440764_0.JPEG: not named like an image",
        f"{TRAIN}: readme: not named like an image",
    ]
    assert len(open_dataset(tmp_path / "set", "train", 224)) == 4


# ---------------------------------------------------------------- the files that must be there


@pytest.mark.parametrize("name", [TRAIN, VAL, GROUND_TRUTH, IDS[0]])
def test_what_is_missing_is_named(source, name):
    (source / name).unlink()
    refused(source, f"{source}: no .*{name}")


def test_one_archive_instead_of_their_folder(source):
    refused(source / TRAIN, f"{TRAIN}: wanted the folder that contains it")


def test_an_outer_tar_cut_short_anywhere(source):
    whole = (source / TRAIN).read_bytes()
    end = max(i for i, byte in enumerate(whole) if byte) // 512 * 512 + 512
    for length in (0, 300, 700, 1024, len(whole) // 2, end - 700, end - 1):
        os.truncate(source / TRAIN, length)
        refused(
            source, f"{TRAIN}: .*(damaged|cut short|beyond its end).*; download or pack it again"
        )
        (source / TRAIN).write_bytes(whole)
    (source / TRAIN).write_bytes(whole[:512])
    refused(source, f"{TRAIN}: .*(damaged|cut short|beyond its end)")


def test_an_inner_tar_cut_short_anywhere(source):
    """Where it ends too soon, the next class's header follows and must not be taken for its own."""
    whole = tar_of(train_files(WNIDS[1], 4))
    end = max(i for i, byte in enumerate(whole) if byte) // 512 * 512 + 512
    ends = [0, 512, 600, 1024, len(whole) // 2, end - 512, end]
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        ends += [member.offset for member in tar.getmembers()[1:]]
    for length in ends:
        tars = {w: tar_of(train_files(w, 2)) for w in WNIDS}
        tars[WNIDS[1]] = whole[:length]
        (source / TRAIN).write_bytes(tar_of({f"{w}.tar": data for w, data in tars.items()}))
        refused(
            source, f"{TRAIN}: {WNIDS[1]}.tar: damaged(?!.*{WNIDS[2]}).*; download or pack it again"
        )


@pytest.mark.parametrize(
    ("tars", "message"),
    [
        ({"n00000001.tar": {}}, "n00000001.tar: no images in this class's tar"),
        ({"n00000001.tar": {"a.txt": b"hello"}}, "n00000001.tar: no images in this class's tar"),
        ({"cats.tar": {"a.jpg": b""}}, "cats.tar: wanted one tar per class, named by its WordNet"),
        ({}, "no tars in it: wanted a tar of tars"),
    ],
)
def test_train_tars_that_are_none(source, tars, message):
    (source / TRAIN).write_bytes(tar_of({name: tar_of(files) for name, files in tars.items()}))
    refused(source, f"{TRAIN}: {message}")


def test_two_tars_of_a_class(source):
    tar = tar_of(train_files(WNIDS[0], 1))
    (source / TRAIN).write_bytes(tar_of([("n01440764.tar", tar), ("n01440764.tar", tar)]))
    refused(source, f"{TRAIN}: n01440764.tar is in it twice: download or pack it again")


def test_duplicate_keys(source, tmp_path):
    twice = [("n01440764_1.JPEG", photograph(1)), ("n01440764_1.png", photograph(2))]
    inner = {f"{w}.tar": tar_of(train_files(w, 1)) for w in WNIDS[1:]}
    (source / TRAIN).write_bytes(tar_of({**inner, f"{WNIDS[0]}.tar": tar_of(twice)}))
    with pytest.raises(DataError, match=f"duplicate key {WNIDS[0]}/n01440764_1: .*{TRAIN}"):
        prepare_quietly(source, tmp_path / "set")


# ---------------------------------------------------------------- validation images and labels


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (
            "3\n1\n2\n3\n1\n",
            "has 5 lines, .* 6 images: .* lacks is ILSVRC2012_val_00000006",
        ),
        ("3\n1\n2\n3\n1\n2\n1\n", "has 7 lines, .* 6 images: .*ILSVRC2012_val_00000007"),
        ("", "has 0 lines, .* 6 images"),
        ("3\n1\n2\n3\n5\n2\n", "line 5: '5' is none of the 4 ids in"),
        ("3\n0\n2\n3\n1\n2\n", "line 2: '0' is none of the 4 ids in"),
        ("3\n1\nn01440764\n3\n1\n2\n", "line 3: 'n01440764' is none of the 4 ids in"),
        ("3\n1\n2\n4\n1\n2\n", f"line 4: 4 is n03888257, for which {TRAIN} has no tar"),
    ],
)
def test_a_ground_truth_that_does_not_fit(source, truth, message):
    (source / GROUND_TRUTH).write_text(truth)
    refused(source, f"{GROUND_TRUTH}:? {message}")


def test_validation_images_are_missing(source):
    names = [f"ILSVRC2012_val_{i:08}.JPEG" for i in (1, 3, 4, 5, 6)]
    (source / VAL).write_bytes(tar_of(dict.fromkeys(names, photograph(1))))
    refused(source, f"6 lines, .* 5 images: .* {VAL} lacks is ILSVRC2012_val_00000002")
    (source / VAL).write_bytes(tar_of({"a.txt": b"hello"}))
    refused(source, "6 lines, .* 0 images")
    (source / VAL).write_bytes(tar_of([(names[0], b"1"), (names[0], b"2")]))
    refused(source, f"{VAL}: {names[0]} is in it twice")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("class_index\twnid\tid\n0\tn01440764\tthree\n", "line 2: wanted a WordNet id and its"),
        ("0\tn01440764\t3\n1\tn02102040\t3\n", "n02102040 or 3 is in it twice"),
        ("0\tn01440764\t3\n1\tn01440764\t1\n", "n01440764 or 1 is in it twice"),
        ("0\tn01440764\t3\nhello\n", "line 2: wanted a WordNet id and its number: 'hello'"),
    ],
)
def test_a_table_of_ids_that_is_wrong(source, table, message):
    (source / IDS[0]).write_text(table)
    refused(source, f"{IDS[0]}: {message}")


def test_the_table_of_ids_has_the_classes(source):
    table = source / IDS[0]
    text = table.read_text()
    for wnid in WNIDS[1], "n03888257":  # with a tar, and without
        table.write_text(text.replace(wnid, "n99999999"))
        refused(source, f"{IDS[0]}: n99999999, with the number {ID_OF[wnid]}, is not in .*synset_w")
    (source / "synset_words.txt").unlink()
    table.write_text(text.replace(WNIDS[1], "n99999999"))
    refused(source, f"{IDS[0]}: no line for {WNIDS[1]}, for which {TRAIN} has a tar")
    table.write_text(text + "4\tn99999999\t5\n")  # more of them, as the kit has
    (source / "synset_words.txt").write_text(WORDS)
    assert opened(source).classes == WORDS.splitlines()[:3]


def test_synset_words_are_checked(source):
    (source / "synset_words.txt").write_text("".join(reversed(WORDS.splitlines(keepends=True))))
    refused(source, "synset_words.txt: line 2: n03000684 comes after n03888257")
    (source / "synset_words.txt").unlink()
    (source.parent / "synset_words.txt").write_text(WORDS)
    assert opened(source).classes == WORDS.splitlines()[:3]
    (source.parent / "synset_words.txt").unlink()
    assert opened(source).classes == list(WNIDS)


# ---------------------------------------------------------------- more than there can be


def kit_of(source, files):
    """Put the kit into its archive, with these files in place of the texts beside the images."""
    for name in (GROUND_TRUTH, IDS[0]):
        (source / name).unlink()
    with tarfile.open(source / f"{DEVKIT}.tar.gz", "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{DEVKIT}/data/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_kit_that_unpacks_to_gigabytes_is_refused_soon(source, monkeypatch):
    monkeypatch.setattr(devkit, "LARGEST_KIT", 2**20)
    kit_of(source, {"readme": bytes(2**21)})
    refused(source, f"{DEVKIT}.tar.gz: more than 1,048,576 bytes unpacked")
    monkeypatch.setattr(devkit, "LARGEST_FILE", 2**16)
    with open(source / GROUND_TRUTH, "wb") as file:
        file.truncate(2**40)
    refused(source, f"{GROUND_TRUTH}: larger than 65,536 bytes")


def test_a_file_of_the_kit_that_is_too_large_is_refused(source, monkeypatch):
    monkeypatch.setattr(devkit, "LARGEST_FILE", 2**16)
    kit_of(source, {GROUND_TRUTH: bytes(2**17)})
    refused(source, f"{DEVKIT}.tar.gz: .*{GROUND_TRUTH}: larger than 65,536 bytes")


def test_a_table_of_more_classes_than_there_is_memory_for(source):
    mat = bytearray(meta_mat())
    place = mat.index(struct.pack("=2i", 5, 1))  # its rows and columns
    mat[place : place + 8] = struct.pack("=2i", 2**15, 2**15)
    (source / IDS[0]).unlink()
    (source / MAT).write_bytes(mat)
    refused(source, f"{MAT}: damaged, or not the kit's .MemoryError")


def test_a_table_that_makes_its_reader_crash_is_refused(source):
    """Of 432 files with a byte changed, 15 crashed SciPy 1.17.1; this is one of them."""
    mat = bytearray(meta_mat())
    mat[840] = 165  # the type of a field, a number
    (source / IDS[0]).unlink()
    (source / MAT).write_bytes(mat)
    refused(source, f"{MAT}: damaged, or not the kit's .*; download the development kit again")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (GROUND_TRUTH, "9" * 5_000, "line 1: '9{40}' is none of the 4 ids"),
        (GROUND_TRUTH, "\u0663\n1\n", "line 1: .* is none of the 4 ids"),
        (IDS[0], "n01440764 " + "9" * 5_000, "line 1: wanted a WordNet id and its number"),
    ],
)
def test_numbers_that_are_none(source, name, text, message):
    (source / name).write_text(text)
    refused(source, f"{name}: {message}")


def test_synset_words_of_a_terabyte_are_not_read(source):
    with open(source / "synset_words.txt", "wb") as file:
        file.truncate(2**40)
    refused(source, "synset_words.txt: larger than 16,777,216 bytes")


def test_any_texts_are_classes_and_labels_or_refused_by_name(source, fuzz):
    kept = {name: (source / name).read_bytes() for name in (GROUND_TRUTH, IDS[0])}

    def check(change):
        name, data = change
        (source / name).write_bytes(data)
        try:
            truth, table = devkit.find_kit(source)
            classes = devkit.read_classes(table)
            wnid_of = {row.number: row.wnid for row in classes}
            assert set(devkit.read_ground_truth(truth, wnid_of, table)) <= set(wnid_of)
        except DataError as error:
            assert str(error).startswith(str(source))
        (source / name).write_bytes(kept[name])

    lines = st.lists(st.sampled_from(["n01440764", "n1", "3", "-1", "9" * 20, "", "\t", "x", "\n"]))
    texts = lines.map(" ".join).map(str.encode)
    fuzz(
        check,
        st.sampled_from(sorted(kept)).flatmap(
            lambda name: st.tuples(st.just(name), damaged(kept[name]) | texts)
        ),
    )
