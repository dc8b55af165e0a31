"""A folder, or a `.tar` read as if it were one: the names in it, and the bytes of a file.

Paths are relative, with `/`; "" is the top. Hidden files and folders, and the `__MACOSX` that
macOS puts into archives, are left out.
"""

import bisect
import os
import tarfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tinynet.data.errors import DataError


def list_tar(
    file: BinaryIO, name: str, start: int = 0, end: int | None = None
) -> Iterator[tarfile.TarInfo]:
    """The members of a plain tar: `file`, or the tar that its bytes `start` to `end` are.

    Offsets are counted from the start of `file` in either case. Raises DataError, which calls the
    tar `name`, if it is damaged or ends too soon.
    """
    end = os.fstat(file.fileno()).st_size if end is None else end
    file.seek(start)
    count = 0
    try:
        with tarfile.TarFile(fileobj=file) as archive:
            for member in archive:
                archive.members = []  # or tarfile would hold a kilobyte for every member
                if member.offset >= end:  # of a tar in a tar: it belongs to the next
                    raise tarfile.ReadError(f"it breaks off after {count:,} files")
                if member.offset_data + member.size > end:
                    raise tarfile.ReadError(f"{member.name} extends beyond its end")
                yield member
                count += 1
            stop = archive.offset
    except (tarfile.TarError, EOFError) as error:
        raise DataError(
            f"{name}: damaged, cut short or not a plain .tar ({error}); download or pack it again"
        ) from error
    # tarfile takes a damaged header in the middle for the end; the true end is a zero block.
    last = os.pread(file.fileno(), tarfile.BLOCKSIZE, stop)
    if stop + len(last) > end or last != bytes(tarfile.BLOCKSIZE):
        raise DataError(
            f"{name}: damaged or cut short at byte {stop:,}, after {count:,} files; download or "
            "pack it again"
        )


class Folder:
    """Files below a folder of the file system."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def folders(self, parent: str) -> list[str]:
        """The names of the folders in `parent`, sorted."""
        with os.scandir(self._path / parent) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not _hidden(e.name))

    def files(self, parent: str) -> list[str]:
        """The paths of the files below `parent`, at any depth, sorted. Raises OSError."""
        found = []
        for folder, inner, names in os.walk(self._path / parent, onerror=_refuse, followlinks=True):
            inner[:] = [name for name in inner if not _hidden(name)]
            below = Path(folder).relative_to(self._path).as_posix()
            found += [f"{below}/{name}" for name in names if not _hidden(name)]
        return sorted(found)

    def has(self, file: str) -> bool:
        return (self._path / file).is_file()

    def size(self, file: str) -> int:
        """The size of `file` in bytes. Raises OSError."""
        return (self._path / file).stat().st_size

    def read(self, file: str) -> bytes:
        """The bytes of `file`. Raises OSError."""
        return (self._path / file).read_bytes()

    def describe(self, file: str) -> str:
        """The name of `file` in messages."""
        return str(self._path / file)


class Tar:
    """The same for the members of a plain `.tar`, which is never unpacked.

    Its members are listed once; a file is then read at its offset with `os.pread`, which shares no
    file position, so any number of threads can read at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}  # file -> offset and size in the tar
        self._folders: dict[str, set[str]] = {"": set()}  # folder -> names of its sub-folders
        with open(path, "rb") as file:
            for member in list_tar(file, str(path)):
                self._add(member)
        self._sorted = sorted(self._places)
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def _add(self, member: tarfile.TarInfo) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if not (member.isreg() or member.isdir()) or any(map(_hidden, parts)):
            return
        folders = parts if member.isdir() else parts[:-1]
        for depth, folder in enumerate(folders):
            self._folders.setdefault("/".join(parts[:depth]), set()).add(folder)
        if member.isreg():
            self._places["/".join(parts)] = (member.offset_data, member.size)

    def folders(self, parent: str) -> list[str]:
        return sorted(self._folders.get(parent, ()))

    def files(self, parent: str) -> list[str]:
        first = bisect.bisect_left(self._sorted, parent + "/")
        last = bisect.bisect_left(self._sorted, parent + "0")  # "0" is the character after "/"
        return self._sorted[first:last]

    def has(self, file: str) -> bool:
        return file in self._places

    def size(self, file: str) -> int:
        return self._places[file][1]

    def read(self, file: str) -> bytes:
        offset, size = self._places[file]
        return os.pread(self._file, size, offset)

    def describe(self, file: str) -> str:
        return f"{self._path}: {file}"


def _refuse(error: OSError) -> None:
    raise error


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
