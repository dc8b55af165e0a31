"""A file that is written whole or not at all: what every good file here is replaced by."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under its name only when all of it is on the disk.

    Until then it stands beside its place, as `.NAME.PID.part`: whoever looks at `path` sees the old
    file or the new one, never half of one. After an error the old one stays and the part is gone.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb", buffering=2**20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
