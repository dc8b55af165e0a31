"""A file that is written whole or not at all: what every good file here is replaced by."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """A path at which to write a file, which takes the name `path` when all of it is on the disk.

    It lies beside its place, as `.NAME.PID.part`: whoever looks at `path` sees the old file or the
    new one, never half of one. After an error the old file stays and the part is gone.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # of a killed process that had this number
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """The same as a file that is open for writing."""
    with whole_path(path) as part, open(part, "wb", buffering=2**20) as file:
        yield file
