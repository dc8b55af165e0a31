"""Links, and what stands where a folder or a file should be: followed, left out, or refused."""

import os
import shutil
import socket
import tarfile

import pytest
from class_folders import FILES, TRAIN, make, png
from imagenet_shaped import prepare_quietly
from tiny_runs import run, train, write_photos

from tinynet.data import BadImage, DataError, open_dataset
from tinynet.data.preparing.source import fingerprint, open_tree
from tinynet.data.tar import BACK
from tinynet.data.tree import DANGLING


@pytest.fixture
def photos(tmp_path):
    return make(tmp_path / "photos", FILES, "folder")


# ---------------------------------------------------------------- in the place of a folder

NO_FOLDER = {
    "a dangling link": (lambda path: path.symlink_to("gone"), DANGLING),
    "a link back": (lambda path: path.symlink_to("."), "a link back to a folder that it lies in"),
    "a link to itself": (lambda path: path.symlink_to(path.name), DANGLING),
    "a file": (lambda path: path.write_text(""), "a file"),
    "a FIFO": (lambda path: os.mkfifo(path), "a FIFO"),
}


@pytest.mark.parametrize("what", NO_FOLDER)
@pytest.mark.parametrize(
    ("gone", "split", "lacks"),
    [
        (["train", "val"], "train", r"neither train/ nor val/ \(train is {}\): wanted"),
        (["train"], "train", r"no train/ \(train is {}\): wanted"),
        (["val"], "val", r"no val/ \(val is {}\): wanted"),
        (
            ["val/dog"],
            "val",
            r"no class folder dog in val/ \(val/dog is {}\): train/ and val/ must",
        ),
    ],
)
def test_what_stands_in_a_folders_place_is_named(photos, what, gone, split, lacks):
    put, told = NO_FOLDER[what]
    for name in gone:
        shutil.rmtree(photos / name)
        put(photos / name)
    with pytest.raises(DataError, match=lacks.format(told)):
        open_dataset(photos, split, 4)


def test_what_stands_in_a_folders_place_in_a_tar_is_named(tmp_path):
    path = tmp_path / "photos.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("train")
        member.type, member.linkname = tarfile.SYMTYPE, "gone"
        tar.addfile(member)
    told = r"neither train/ nor val/ \(train is a link to something that is not in the archive\)"
    with pytest.raises(DataError, match=told):
        open_dataset(path, "train", 4)


# ---------------------------------------------------------------- among the images


def found(path, split="train"):
    """Paths of the images, and what was left out for which reason; `prepare` sees the same."""
    dataset = open_dataset(path, split, 4)
    start = len(f"{path}/{split}/")
    ignored = {name[start:]: reason for name, reason in dataset.ignored.items()}
    source = open_tree(path)
    assert source.splits[split].ignored == dataset.ignored
    fingerprint(source)  # which asks for the size of each
    return {dataset.describe(i)[start:] for i in range(len(dataset))}, ignored


PLAIN = {name for name, _, _ in TRAIN}


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        ("cat/x.png", "gone.png", DANGLING),
        ("cat/x.png", "x.png", DANGLING),
        ("cat/x.png", "c.jpeg/x.png", DANGLING),
        ("owl", "gone", DANGLING),
        ("cat/x", ".", BACK),
        ("cat/x", "..", BACK),
        ("cat/x", "../..", BACK),
        ("cat/deeper/x", "..", BACK),
        ("x", ".", BACK),
        ("cat/x", "/", BACK),
        ("cat/x.png", "/dev/zero", "a device"),
    ],
)
def test_links_that_lead_nowhere_or_back_are_left_out_and_told_of(photos, name, target, reason):
    (photos / "train" / name).symlink_to(target)
    assert found(photos) == (PLAIN, {name: reason})


def test_what_is_no_file_is_left_out_and_told_of(photos, monkeypatch):
    os.mkfifo(photos / "train/cat/x.png")
    monkeypatch.chdir(photos / "train/dog")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("y.png")
        assert found(photos) == (PLAIN, {"cat/x.png": "a FIFO", "dog/y.png": "a socket"})


def test_a_file_that_became_a_fifo_is_a_bad_image(photos):
    dataset = open_dataset(photos, "train", 4)
    (photos / "train/cat/c.jpeg").unlink()
    os.mkfifo(photos / "train/cat/c.jpeg")
    with pytest.raises(BadImage, match="c.jpeg: a FIFO, wanted a regular file"):
        dataset.load(0)


def test_links_to_files_and_folders_are_followed(photos, tmp_path):
    store = make(tmp_path / "store", {"owl/o.png": png(9), "more/.hidden/p.png": png(8)}, "folder")
    for split in ("train", "val"):
        (photos / split / "owl").symlink_to(store / "owl")
    (photos / "train/cat/again.png").symlink_to("c.jpeg")
    (photos / "train/dog/more").symlink_to(store / "more/.hidden")
    assert found(photos) == (PLAIN | {"owl/o.png", "cat/again.png", "dog/more/p.png"}, {})
    (tmp_path / "link").symlink_to(photos)
    assert found(tmp_path / "link") == found(photos)


def test_a_class_and_a_split_that_are_links_to_others(photos):
    (photos / "train/feline").symlink_to("cat")
    (photos / "val/cat/x.png").unlink()
    (photos / "val/dog/y.png").unlink()
    (photos / "val/cat").rmdir(), (photos / "val/dog").rmdir(), (photos / "val").rmdir()
    (photos / "val").symlink_to("train")
    expected = PLAIN | {name.replace("cat", "feline") for name in PLAIN if "cat" in name}
    assert found(photos) == found(photos, "val") == (expected, {})


def test_folders_that_link_to_each_other_are_entered_once(photos):
    (photos / "train/cat/x").symlink_to("../dog")
    (photos / "train/dog/y").symlink_to("../cat")
    files, ignored = found(photos)
    assert files == PLAIN | {"cat/x/a.PNG", "cat/x/b.png"} | {
        f"dog/y/{name[4:]}" for name in PLAIN if "cat" in name
    }
    assert ignored == {"cat/x/y": BACK, "dog/y/x": BACK}


def test_every_command_goes_on_without_a_dangling_link(tmp_path):
    photos = write_photos(tmp_path / "photos", 8, 8)
    for split in ("train", "val"):
        (photos / split / "red" / "x.png").symlink_to("gone.png")
    told = f"skipped {photos}/train/red/x.png: {DANGLING}"
    done = train("--data", photos, "--steps", "1", "--out", tmp_path / "run")
    assert told in done.err
    done = run("eval", "--checkpoint", tmp_path / "run", "--data", photos)
    assert done.status == 0 and told.replace("train/", "val/") in done.err
    done = run("prepare", photos, tmp_path / "set")
    assert done.status == 0 and f"train/red/x.png: {DANGLING}\n" in done.out


def test_a_file_too_large_to_be_an_image_is_not_read(photos, tmp_path):
    with open(photos / "train/cat/c.jpeg", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BadImage, match="c.jpeg: larger than 1,073,741,824 bytes"):
        open_dataset(photos, "train", 4).load(0)
    prepare_quietly(photos, tmp_path / "set")
    assert "c.jpeg: larger than" in (tmp_path / "set" / "skipped.txt").read_text()


def test_a_fifo_in_the_place_of_an_archive(tmp_path):
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(DataError, match="a.tar: a FIFO, wanted a regular file"):
        open_dataset(tmp_path / "a.tar", "train", 4)
