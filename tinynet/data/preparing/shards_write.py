"""How the shards of a prepared set are written: the same bytes every time.

A shard holds all that the index says of it, so the index can be restored: `records_of`.
"""

import os
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tinynet.data.prepared import RECORD, Shard, shard_name
from tinynet.data.tar import list_tar

BLANK = tarfile.TarInfo("").tobuf(tarfile.GNU_FORMAT)  # a header without name or size


class ShardWriter:
    """One shard being written: `add` images, then `finish`."""

    def __init__(self, file: BinaryIO, split: str, number: int) -> None:
        self._file, self._split, self._number = file, split, number
        self._bytes = self._crc32 = 0
        self._records: list[tuple[int, int, int, int, int]] = []

    def add(self, key: str, label: int, jpeg: bytes) -> None:
        """Append the image `jpeg` and its label, as key.jpg and key.cls."""
        self._write(header(f"{key}.jpg", len(jpeg)))
        record = (self._number, self._bytes, len(jpeg), label, zlib.crc32(jpeg))
        self._records.append(record)
        self._write(_padded(jpeg))
        text = str(label).encode()
        self._write(header(f"{key}.cls", len(text)) + _padded(text))

    def finish(self) -> tuple[Shard, np.ndarray]:
        """Write the tar's end; return the finished shard, and a RECORD of each image."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        shard = Shard(self._split, self._number, self._bytes, self._crc32)
        return shard, np.array(self._records, RECORD)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._bytes += len(data)
        self._crc32 = zlib.crc32(data, self._crc32)


def checksum(path: Path) -> tuple[int, int]:
    """The size of a file in bytes, and its checksum. Raises OSError."""
    size = crc32 = 0
    with open(path, "rb") as file:
        while block := file.read(2**20):
            size += len(block)
            crc32 = zlib.crc32(block, crc32)
    return size, crc32


def is_whole(path: Path, shard: Shard) -> bool:
    """Whether the shard in the folder `path` is what was written there."""
    file = path / shard_name(shard.split, shard.number)
    return file.is_file() and checksum(file) == (shard.bytes, shard.crc32)


def records_of(path: Path, shard: Shard) -> np.ndarray:
    """A RECORD of each image of the shard in the folder `path`, as `finish` returned them."""
    records = []
    with open(path / shard.name, "rb") as file:
        members = list_tar(file, str(path / shard.name))
        for image, label in zip(members, members):  # key.jpg, then key.cls
            jpeg = os.pread(file.fileno(), image.size, image.offset_data)
            text = os.pread(file.fileno(), label.size, label.offset_data)
            place = (shard.number, image.offset_data, image.size)
            records.append((*place, int(text), zlib.crc32(jpeg)))
    return np.array(records, RECORD)


def header(name: str, size: int) -> bytes:
    """A tar header without time or owner, which would differ from run to run.

    Only names of more than 100 bytes are left to tarfile, which takes four times as long: for all
    names, on one core, a twentieth of the time of all the rest.
    """
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) > tarfile.LENGTH_NAME:
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    block = bytearray(BLANK)
    block[: len(raw)] = raw
    block[124:135] = b"%011o" % size
    block[148:156] = b" " * 8  # the checksum counts its own field as blank
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)
