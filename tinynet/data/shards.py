"""A prepared data set: `prepare` writes it, and training reads it image by image, in any order.

    dataset.json          the classes in the order of their labels, the counts, how it was made
    train-000000.tar ...  the images in WebDataset's convention: key.jpg, and next to it key.cls
    val-000000.tar ...
    train.index ...       a RECORD for each image: its place, its label, and a checksum
    statistics.npz        mean image and covariance of the colours over all training images
    skipped.txt           the files of the source that are not in it, and why
    .progress.npz         what `prepare` needs to continue, or to restore what gets damaged

A shard is a plain tar, so an image is read with one `pread` at its offset from the index; other
programs read the same shards from front to back. The checksum is there because a JPEG damaged in
the middle still decodes, to another picture.
"""

import json
import os
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinynet.data.dataset import Dataset
from tinynet.data.errors import BadImage, DataError
from tinynet.data.images import decode_image
from tinynet.data.statistics import Statistics

FORMAT = "tinynet shards 1"
DESCRIPTION, STATISTICS, SKIPPED = "dataset.json", "statistics.npz", "skipped.txt"
PROGRESS = ".progress.npz"
RECORD = np.dtype(
    [("shard", "<i4"), ("offset", "<i8"), ("size", "<i4"), ("label", "<i4"), ("crc32", "<u4")]
)
KEYS = ("finished", "size", "source", "files", "classes")  # of the description
WHEN_FINISHED = ("images", "shards")
CURE = "run again the `prepare SRC DST` that made it: it repairs what is damaged"


@dataclass(frozen=True)
class Shard:
    """One tar of a prepared set, as it was written: its size in bytes, and its checksum."""

    split: str
    number: int
    bytes: int
    crc32: int

    @property
    def name(self) -> str:
        return shard_name(self.split, self.number)


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:06}.tar"


def index_name(split: str) -> str:
    return f"{split}.index"


def is_prepared(path: Path) -> bool:
    """Whether `path` is a folder that `prepare` has begun to fill."""
    return (path / DESCRIPTION).is_file() or (path / PROGRESS).is_file()


def read_description(path: Path) -> dict:
    """What dataset.json of the prepared set at `path` says. Raises DataError."""
    file = path / DESCRIPTION
    try:
        description = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: missing or damaged ({error}); {CURE}") from None
    if not isinstance(description, dict):
        raise DataError(f"{file}: damaged: wanted an object of JSON; {CURE}")
    if description.get("format") != FORMAT:
        raise DataError(
            f"{file}: its format is {description.get('format')!r}, wanted {FORMAT!r}: damaged, or "
            f"not made by `prepare`; {CURE}"
        )
    for name in KEYS + WHEN_FINISHED * bool(description.get("finished")):
        if name not in description:
            raise DataError(f"{file}: damaged: it lacks {name!r}; {CURE}")
    return description


class ShardDataset(Dataset):
    """The images of `split` in the prepared set at `path`."""

    def __init__(self, path: Path, split: str, image_size: int, store_size: int) -> None:
        description = read_description(path)
        if not description["finished"]:
            raise DataError(
                f"{path}: not finished: run the same `prepare SRC DST` again; it continues where "
                "it stopped"
            )
        self._path = path
        shards = [Shard(*fields) for fields in description["shards"] if fields[0] == split]
        _check_sizes(path, shards)
        self._records = read_index(path, split, description["images"][split])
        super().__init__(
            path.resolve().name,
            split,
            description["classes"],
            self._records["label"],
            image_size,
            store_size,
        )
        if split == "train" and store_size == description["size"]:
            self.statistics = read_statistics(path)

    def read(self, i: int) -> np.ndarray:
        shard, offset, size, _, crc32 = self._records[i].tolist()
        try:
            # Opened each time: a thousand shards would be too many open files.
            file = os.open(self._path / shard_name(self.split, shard), os.O_RDONLY)
            try:
                data = os.pread(file, size, offset)
            finally:
                os.close(file)
        except OSError as error:
            raise BadImage(self.describe(i), error.strerror or str(error)) from error
        if len(data) != size or zlib.crc32(data) != crc32:
            raise BadImage(self.describe(i), f"damaged since it was prepared; {CURE}")
        try:
            return decode_image(data, self.store_size)
        except BadImage as error:  # its name takes a second look into the shard
            raise BadImage(self.describe(i), error.reason) from error

    def describe(self, i: int) -> str:
        shard, offset = self._records[i].tolist()[:2]
        path = self._path / shard_name(self.split, shard)
        try:  # the image's name is in the header before it in the shard
            with open(path, "rb") as file:
                header = os.pread(file.fileno(), tarfile.BLOCKSIZE, offset - tarfile.BLOCKSIZE)
            return f"{path}: {tarfile.TarInfo.frombuf(header, 'utf-8', 'surrogateescape').name}"
        except (OSError, tarfile.HeaderError):
            return f"{path}: the image at byte {offset:,}"


def read_index(path: Path, split: str, images: int) -> np.ndarray:
    """The records of a split. Raises DataError."""
    file = path / index_name(split)
    if not file.is_file() or file.stat().st_size != images * RECORD.itemsize:
        raise DataError(
            f"{file}: missing or damaged: wanted {images * RECORD.itemsize:,} bytes; {CURE}"
        )
    return np.fromfile(file, RECORD)


def read_statistics(path: Path) -> Statistics:
    """The statistics of the training images. Raises DataError."""
    arrays = read_arrays(path / STATISTICS, "mean", "covariance")
    return Statistics(*arrays)


def read_arrays(file: Path, *names: str) -> list[np.ndarray]:
    """The arrays `names` of an .npz of a prepared set. Raises DataError."""
    try:
        # Opened here, because NumPy leaves a file open that it cannot read.
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file}: missing or damaged ({error}); {CURE}") from error


def _check_sizes(path: Path, shards: list[Shard]) -> None:
    for shard in shards:
        file = path / shard.name
        found = file.stat().st_size if file.is_file() else None
        if found != shard.bytes:
            state = "missing" if found is None else f"{found:,} bytes"
            raise DataError(f"{file}: {state}, wanted {shard.bytes:,} bytes; {CURE}")
