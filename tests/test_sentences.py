"""Numbers of things, and lists of them, as they stand in messages."""

from tiny_runs import run, write_photos

from tinynet.console.sentences import GB, counted, listed, megabytes
from tinynet.data import open_dataset
from tinynet.simulator.settings import memory_size
from tinynet.training.checkpoint import describe_data


def test_one_is_singular():
    assert [counted(n, "class", "classes") for n in (0, 1, 2)] == [
        "0 classes",
        "1 class",
        "2 classes",
    ]
    assert [counted(n, "image") for n in (1, 1000)] == ["1 image", "1,000 images"]


def test_a_mb_is_what_a_gb_of_memory_has_1024_of():
    assert memory_size("--memory", "3GB") == 3 * GB
    assert megabytes(3 * GB) == "3,072.0" and megabytes(10**6, 0) == "1"


def test_lists():
    assert [listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_one_image_of_one_class_is_no_plural(tmp_path):
    photos = write_photos(tmp_path / "photos", train=1, val=1)
    for split in ("train", "val"):
        (photos / split / "red" / "0.png").unlink()
        (photos / split / "red").rmdir()
    assert describe_data(open_dataset(photos, "train", 8)) == "photos, 1 image in 1 class"
    for i in range(6):
        (photos / "train" / "green" / f"bad{i}.png").write_bytes(b"no image")
    result = run("prepare", photos, tmp_path / "set")
    assert "1 image in 1 class; 1 for validation; 2 shards" in result.out
    assert "         and 1 other\n" in result.out
    result = run("plan", "--batch-size", 1, "--width", 0.1, "--image-size", 64)
    assert "the columns of 1 image would" in result.out
