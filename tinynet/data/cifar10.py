"""CIFAR-10, binary version: 50,000 + 10,000 images of 32 x 32 in ten classes (Krizhevsky 2009).

Six `.bin` files of records of 3,073 bytes: one byte for the label, then 1,024 each of red, green
and blue, row by row. They are read from a folder, or straight from the archive, which is streamed
and never unpacked. The test images are the validation split here.
"""

import hashlib
import http.client
import os
import tarfile
import urllib.request
from pathlib import Path

import numpy as np

from tinynet.console.printable import complain
from tinynet.console.sentences import megabytes
from tinynet.data.compressed import unpacked
from tinynet.data.dataset import ArrayDataset
from tinynet.data.errors import DataError
from tinynet.files.regular_file import read_regular

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
PLACES = ("cifar-10-binary.tar.gz", "cifar-10-binary.tar.xz", "cifar-10-batches-bin")
TIMEOUT = 30  # seconds without a byte from the server

CLASSES = [
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
]
FILES = {
    "train": [f"data_batch_{k}.bin" for k in range(1, 6)],
    "val": ["test_batch.bin"],
}
RECORD = 1 + 3 * 32 * 32
LARGEST_FILE = 10_000 * RECORD
LARGEST_ARCHIVE = 2**28  # bytes unpacked; the official one has 184 MB


def open_cifar10(path: Path, split: str, image_size: int, store_size: int) -> ArrayDataset:
    """CIFAR-10 from `path`: the archive, the folder with the `.bin` files, or its parent."""
    read = _read_folder if path.is_dir() else _read_archive
    parts = [_parse(data, f"{path}: {name}") for name, data in read(path, FILES[split]).items()]
    labels, pixels = (np.concatenate(arrays) for arrays in zip(*parts))
    return ArrayDataset("cifar10", split, CLASSES, labels, image_size, store_size, pixels)


def is_cifar10_folder(path: Path) -> bool:
    """Whether the folder `path`, or one in it of the official name, holds any `.bin` file."""
    names = FILES["train"] + FILES["val"]
    return any((_bin_folder(path) / name).exists() for name in names)


def find_cifar10(folder: Path) -> Path | None:
    """The archive or its unpacked folder in `folder`, if either is there."""
    return next((folder / name for name in PLACES if (folder / name).exists()), None)


def download(target: Path) -> None:
    """Fetch the official archive to `target`. DataError, with what to put where, if that fails."""
    try:
        _fetch(target)
    except (OSError, http.client.HTTPException) as error:
        places = f"{', '.join(PLACES[:-1])} or the unpacked folder {PLACES[-1]}"
        raise DataError(
            f"cifar10: {URL} could not be downloaded to {target} ({error}). Without a network, "
            f"put one of {places} into the folder {target.parent}, or give its path"
        ) from error


def _fetch(target: Path) -> None:
    """Fetch URL to `target`, which appears only once it is complete and its MD5 is right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two simultaneous downloads out of each other's way.
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    complain(f"cifar10: downloading {URL} to {target}")
    digest, received, reported = hashlib.md5(usedforsecurity=False), 0, 0
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as reply, unfinished.open("wb") as file:
            total = int(reply.headers.get("Content-Length", 0))
            while block := reply.read(2**20):
                file.write(block)
                digest.update(block)
                received += len(block)
                if received - reported >= max(total / 10, 2**20):
                    reported = received
                    done = f"{megabytes(received, 0)} of {megabytes(total, 0)} MB"
                    complain(f"cifar10: {done}")
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != MD5:
            raise DataError(
                f"cifar10: what came from {URL} is damaged: {received:,} bytes with MD5 "
                f"{digest.hexdigest()}, wanted {MD5}. It was removed; try again, or put the right "
                f"file at {target}"
            )
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _bin_folder(path: Path) -> Path:
    inner = path / PLACES[-1]
    return inner if inner.is_dir() else path


def _read_folder(path: Path, names: list[str]) -> dict[str, bytes]:
    folder = _bin_folder(path)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: {', '.join(missing)} of CIFAR-10's binary version missing")
    try:
        return {name: read_regular(folder / name, LARGEST_FILE) for name in names}
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error


def _read_archive(path: Path, names: list[str]) -> dict[str, bytes]:
    """The contents of the members called `names`."""
    found = {}
    try:
        with (
            unpacked(path, LARGEST_ARCHIVE) as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and member.isreg():
                    if member.size > LARGEST_FILE:  # which a sparse file can be all by itself
                        raise DataError(f"{path}: {name} has more than {LARGEST_FILE:,} bytes")
                    found[name] = archive.extractfile(member).read()
                if names == FILES["val"] and found:
                    break  # one file of six: not worth reading the others
            else:
                while stream.read(2**20):
                    continue  # to the end, where the checksum is
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise anything at all inside tarfile
        raise DataError(f"{path}: damaged or cut short, or no such archive ({error})") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{path}: {', '.join(missing)} missing: wanted CIFAR-10's binary version "
            "(an archive of class folders must be a plain .tar, not a compressed one)"
        )
    return {name: found[name] for name in names}


def _parse(data: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels uint8 (n,) and pixels uint8 (n, 3, 32, 32) of one file."""
    if not data or len(data) % RECORD:
        raise DataError(
            f"{name} has {len(data):,} bytes, not a whole number of {RECORD:,}-byte "
            "records: damaged, or not CIFAR-10's binary version"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if labels.max() >= len(CLASSES):
        raise DataError(f"{name} has the label {labels.max()}, wanted 0 to 9: damaged")
    return labels, records[:, 1:].reshape(-1, 3, 32, 32)
