"""Compressed files, read no further than what they can rightly hold: 3 MB of gzip may be 9 GB."""

import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tinynet.data.errors import DataError
from tinynet.files.regular_file import open_regular


@contextmanager
def unpacked(path: Path, limit: int) -> Iterator["UpTo"]:
    """What is in the file at `path`, if it ends in gz or xz, or else the file itself, to read on.

    Reading raises DataError after `limit` bytes, and OSError, EOFError, zlib.error or
    lzma.LZMAError where the file is damaged.
    """
    with open_regular(path) as packed:
        if path.name.endswith("xz"):
            with lzma.open(packed) as file:
                yield UpTo(file, limit, path)
        elif path.name.endswith("gz"):
            with gzip.open(packed) as file:
                yield UpTo(file, limit, path)
        else:
            yield UpTo(packed, limit, path)


class UpTo:
    """A file that may be read up to `limit` bytes."""

    def __init__(self, file: BinaryIO, limit: int, path: Path) -> None:
        self._file, self._left, self._limit, self._path = file, limit, limit, path

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        if len(data) > self._left:
            raise DataError(
                f"{self._path}: more than {self._limit:,} bytes unpacked: damaged, or not what it "
                "is called"
            )
        self._left -= len(data)
        return data
