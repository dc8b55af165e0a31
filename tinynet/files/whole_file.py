"""Files that are written whole or not at all: a half-written one never replaces a good one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def naming(path: Path, part: Path | None = None) -> Iterator[None]:
    """Inside `with`, an OSError that names no file, as that of a full disk, gets to name `path`.

    So does one that names `part`, of which nobody knows.
    """
    try:
        yield
    except OSError as error:
        unknown = error.filename is None or error.filename in (part, str(part))
        if not unknown or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """A path at which to write a file, which takes the name `path` once all of it is on the disk.

    It is `.NAME.PID.part` in the same folder: whoever looks at `path` sees the old file or the new
    one, never half of one. After an error the old file stays and the part is gone.
    """
    if path.is_dir():  # among them "." and "/", which have no name for the part to take
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # left by a killed process that had this number
    try:
        with naming(path, part):
            yield part
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """The same, as a file that is open for writing."""
    with whole_path(path) as part, open(part, "wb", buffering=2**20) as file:
        yield file
