"""A tiny data set as a folder or a tar with a folder for each class, to be spoiled by tests."""

import io
import tarfile

import pytest
from PIL import Image


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (5, 4), (value, 255 - value, 0)).save(file, "PNG")
    return file.getvalue()


# A small dataset; the images' red tells them apart.
FILES = {
    "train/dog/b.png": png(1),
    "train/dog/a.PNG": png(2),
    "train/cat/c.jpeg": png(3),  # the content counts, not the ending
    "train/cat/deeper/d.png": png(4),
    "train/cat/no_ending": png(5),
    "val/cat/x.png": png(6),
    "val/dog/y.png": png(7),
}
TRAIN = [("cat/c.jpeg", 0, 3), ("cat/deeper/d.png", 0, 4), ("cat/no_ending", 0, 5)]
TRAIN += [("dog/a.PNG", 1, 2), ("dog/b.png", 1, 1)]


def make(place, files, kind, top="", folders=()):
    """The files as a folder or a tar at `place`, below `top`; `folders` are made even if empty."""
    if kind == "folder":
        for name in folders:
            (place / top / name).mkdir(parents=True)
        for name, data in files.items():
            path = place / top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return place
    path = place / "data.tar"
    with tarfile.open(path, "w") as tar:
        for name in folders:
            info = tarfile.TarInfo(f"{top}{name}")
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(f"{top}{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


BOTH = pytest.mark.parametrize("kind", ["folder", "tar"])

WNIDS = {
    name.replace("cat", "n02123045").replace("dog", "n02102040"): FILES[name] for name in FILES
}
WORDS = "n02102040 English springer, English springer spaniel\nn02123045 tabby, tabby cat\n"
