"""The files of a prepared data set, and what is checked of each before it is believed.

    dataset.json          the classes in the order of their labels, the counts, how it was made
    train-000000.tar ...  the images in WebDataset's convention: key.jpg, and next to it key.cls
    val-000000.tar ...
    train.index ...       a RECORD for each image: its place, its label, and a checksum
    statistics.npz        mean image and covariance of the colours over all training images
    skipped.txt           the files of the source that are not in it, and why
    .progress.npz         what `prepare` needs to continue, or to restore what gets damaged

Each has a checksum: an image's is in the index, an index's and a shard's in dataset.json, which
ends with its own; the format of .npz has one for each array.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from msgspec import Meta

from tinynet.data.errors import DataError
from tinynet.data.statistics import Statistics
from tinynet.files.json_file import checked, read_json
from tinynet.files.npz_file import read_npz
from tinynet.files.regular_file import read_regular

FORMAT = "tinynet shards 1"
DESCRIPTION, STATISTICS, SKIPPED = "dataset.json", "statistics.npz", "skipped.txt"
PROGRESS = ".progress.npz"
RECORD = np.dtype(
    [("shard", "<i4"), ("offset", "<i8"), ("size", "<i4"), ("label", "<i4"), ("crc32", "<u4")]
)
CURE = "run again the `prepare SRC DST` that made it: it repairs what is damaged"
LARGEST_DESCRIPTION = 2**26  # bytes; that of ImageNet has 70 KB

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Bytes = Annotated[int, Meta(ge=0, le=2**62)]
Crc32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Counts(TypedDict):
    train: Count
    val: Count


class Checksums(TypedDict):
    train: Crc32
    val: Crc32


class Recipe(TypedDict, total=False):
    """What, apart from the source, determines the bytes of the set; see preparing/images.py."""

    quality: int
    shard_images: int
    seed: int


class Made(Recipe):
    """What is being made, from what."""

    format: str
    size: Annotated[int, Meta(ge=1, le=2**13)]  # pixels a side
    source: str  # a fingerprint of all its files
    files: Counts
    classes: Annotated[list[str], Meta(min_length=1)]


class Checked(Made, total=False):
    """With checksums, which sets lack that an older `prepare` made."""

    index_crc32: Checksums
    crc32: Crc32  # of all the rest


class Begun(Checked):
    """What dataset.json says of a set that is being made."""

    finished: bool


class Description(Checked):
    """What it says of a finished one."""

    finished: bool
    images: Counts
    shards: list[tuple[Literal["train", "val"], Count, Bytes, Crc32]]


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


def description_text(description: dict[str, Any]) -> bytes:
    """What dataset.json is to hold: a line for each key, the last one a checksum of the others."""
    whole = {**description, "crc32": _crc32(description)}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in whole.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_description(path: Path) -> Begun | Description:
    """What dataset.json of the prepared set at `path` says. Raises DataError."""
    file = path / DESCRIPTION
    try:
        found = read_json(file, dict[str, Any], LARGEST_DESCRIPTION)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{file}: missing or damaged ({reason}); {CURE}") from None
    if found.get("format") != FORMAT:
        raise DataError(
            f"{file}: its format is {found.get('format')!r}, wanted {FORMAT!r}: damaged, or "
            f"not made by `prepare`; {CURE}"
        )
    try:
        description = checked(found, Description if found.get("finished") is True else Begun)
        if ("crc32" in found or "index_crc32" in found) and found.get("crc32") != _crc32(found):
            raise ValueError("its checksum is another")
    except ValueError as error:
        raise DataError(f"{file}: damaged ({error}); {CURE}") from None
    return description


def shards_of(description: Description) -> list[Shard]:
    return [Shard(*fields) for fields in description["shards"]]


def check_sizes(path: Path, shards: list[Shard]) -> None:
    """Raise DataError unless each of the shards is there and has its size."""
    for shard in shards:
        file = path / shard.name
        found = file.stat().st_size if file.is_file() else None
        if found != shard.bytes:
            state = "missing" if found is None else f"{found:,} bytes"
            raise DataError(f"{file}: {state}, wanted {shard.bytes:,} bytes; {CURE}")


def read_index(path: Path, split: str, description: Description) -> np.ndarray:
    """The records of a split, all of which lie in its shards. Raises DataError."""
    file = path / index_name(split)
    size = description["images"][split] * RECORD.itemsize
    try:
        data = read_regular(file, size)
    except OSError as error:
        raise DataError(f"{file}: missing or damaged ({error.strerror}); {CURE}") from None
    if len(data) != size:
        raise DataError(f"{file}: missing or damaged: wanted {size:,} bytes; {CURE}")
    known = description.get("index_crc32")
    if known is not None and zlib.crc32(data) != known[split]:
        raise DataError(f"{file}: damaged: its checksum is another; {CURE}")
    records = np.frombuffer(data, RECORD)
    shards = [shard for shard in shards_of(description) if shard.split == split]
    wrong = np.flatnonzero(~_are_possible(records, shards, len(description["classes"])))
    if len(wrong):
        raise DataError(
            f"{file}: damaged: image {wrong[0]:,} has no place in the shards, or no class; {CURE}"
        )
    return records


def _are_possible(records: np.ndarray, shards: list[Shard], classes: int) -> np.ndarray:
    """For each record, whether what it says can be, bool (n,)."""
    numbers = np.array([-1, *(shard.number for shard in shards)])
    sizes = np.array([0, *(shard.bytes for shard in shards)])[np.argsort(numbers)]
    numbers.sort()
    place = np.searchsorted(numbers, records["shard"]).clip(max=len(numbers) - 1)
    offset, size, label = records["offset"], records["size"], records["label"]
    return (
        (numbers[place] == records["shard"])
        & (offset >= 0)
        & (size >= 0)
        & (offset <= sizes[place] - size)
        & (label >= 0)
        & (label < classes)
    )


def read_statistics(path: Path, size: int) -> Statistics:
    """The statistics of the training images, of `size` pixels a side. Raises DataError."""
    wanted = {"mean": (np.float64, (3, size, size)), "covariance": (np.float64, (3, 3))}
    found = Statistics(**read_arrays(path / STATISTICS, wanted))
    possible = (found.mean >= 0).all() and (found.mean <= 255).all()
    if not (possible and (abs(found.covariance) <= 255**2).all()):  # as comparisons with nan are
        raise DataError(f"{path / STATISTICS}: damaged: not what 0 to 255 can give; {CURE}")
    return found


def read_arrays(file: Path, wanted: dict) -> dict[str, np.ndarray]:
    """The arrays of an .npz of a prepared set, see `read_npz`. Raises DataError."""
    try:
        return read_npz(file, wanted)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{file}: missing or damaged ({reason}); {CURE}") from error


def _crc32(description: dict[str, Any]) -> int:
    rest = {key: value for key, value in description.items() if key != "crc32"}
    return zlib.crc32(json.dumps(rest).encode())
