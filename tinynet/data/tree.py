"""A folder, or a `.tar` read as if it were one: the names in it, and the bytes of a file.

Paths are relative, with `/`; "" is the top. Hidden files and folders, and the `__MACOSX` that
macOS puts into archives, are left out. Links are followed: a file has as many names as lead to it.
"""

import errno
import os
import weakref
from abc import ABC, abstractmethod
from pathlib import Path

from tinynet.data.tar import BACK, Contents, below, read_place
from tinynet.files.regular_file import kind_of, open_regular, read_regular

LARGEST_FILE = 2**30  # bytes; the largest image that is decoded has half of that, uncompressed
TOO_LARGE = f"larger than {LARGEST_FILE:,} bytes"
A_FILE = "a file"
DANGLING = "a link to something that is not there"
NOWHERE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)  # where such a link leads
Identity = tuple[int, int]  # of a folder, whatever its name: device and inode


class Tree(ABC):
    """What folders and tars have in common."""

    @abstractmethod
    def folders(self, parent: str) -> list[str]:
        """The names of the folders in `parent`, sorted."""

    @abstractmethod
    def files(self, parent: str) -> tuple[list[str], dict[str, str]]:
        """The paths of the files below `parent`, at any depth, sorted; what is no file, and why."""

    @abstractmethod
    def odd(self, path: str) -> str | None:
        """What is at `path` instead of a folder: "a file". None: nothing, or a folder."""

    @abstractmethod
    def has(self, file: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def size(self, file: str) -> int:
        """The size of `file` in bytes. Raises OSError."""

    @abstractmethod
    def read(self, file: str) -> bytes:
        """The bytes of `file`, at most LARGEST_FILE. Raises OSError."""

    @abstractmethod
    def describe(self, file: str) -> str:
        """The name of `file` in messages."""


class Folder(Tree):
    """Files below a folder of the file system. A folder that cannot be read is an OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def folders(self, parent: str) -> list[str]:
        around = self._around(parent)
        found, _, _ = self._look_into(parent)
        return [name for name in found if self._identity(_join(parent, name)) not in around]

    def files(self, parent: str) -> tuple[list[str], dict[str, str]]:
        folders, files, left_out = self._look_into(parent)
        around = self._around(parent)
        for name in folders:
            self._walk(_join(parent, name), set(around), files, left_out)
        return sorted(files), left_out

    def odd(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        folders, files, left_out = self._look_into(parent)
        if name in folders:
            return BACK if name not in self.folders(parent) else None
        return A_FILE if path in files else left_out.get(path)

    def has(self, file: str) -> bool:
        return (self._path / file).is_file()

    def size(self, file: str) -> int:
        return (self._path / file).stat().st_size

    def read(self, file: str) -> bytes:
        return read_regular(self._path / file, LARGEST_FILE)

    def describe(self, file: str) -> str:
        return str(self._path / file)

    def _walk(
        self, folder: str, seen: set[Identity], files: list[str], left_out: dict[str, str]
    ) -> None:
        """Add what is below `folder`, unless it is one of those `seen`: then a link led back."""
        identity = self._identity(folder)
        if identity in seen:
            left_out[folder] = BACK
            return
        seen.add(identity)
        inner, here, odd = self._look_into(folder)
        files += here
        left_out |= odd
        for name in inner:
            self._walk(_join(folder, name), seen, files, left_out)

    def _look_into(self, parent: str) -> tuple[list[str], list[str], dict[str, str]]:
        """The names of the folders in `parent`, sorted; paths of files; what is neither, and why.

        Only links cost a system call each: of all else the kind comes with the name.
        """
        folders, files, left_out = [], [], {}
        with os.scandir(self._path / parent) as entries:
            for entry in entries:
                path = _join(parent, entry.name)
                if is_hidden(entry.name):
                    continue
                try:
                    if entry.is_file():
                        files.append(path)
                    elif entry.is_dir():
                        folders.append(entry.name)
                    else:
                        left_out[path] = kind_of(entry.stat().st_mode)
                except OSError as error:
                    if error.errno not in NOWHERE:
                        raise
                    left_out[path] = DANGLING
        return sorted(folders), files, left_out

    def _around(self, parent: str) -> set[Identity]:
        """Of `parent`, and of all folders in which it or the whole tree lies."""
        places = [(self._path / parent).resolve(), self._path.resolve()]
        return {_identity(folder) for place in places for folder in (place, *place.parents)}

    def _identity(self, folder: str) -> Identity:
        return _identity(self._path / folder)


class Tar(Tree):
    """The same for the members of a plain `.tar`, which is never unpacked.

    Its members are listed once; a file is then read at its offset with `os.pread`, which shares no
    file position, so any number of threads can read at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_regular(path) as file:
            contents = Contents(file, str(path))
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._places = {
            file: at for file, at in contents.files.items() if not _is_hidden_path(file)
        }
        self._sorted = sorted(self._places)
        odd = contents.left_out.items()
        self._left_out = {path: reason for path, reason in odd if not _is_hidden_path(path)}
        self._folders: dict[str, set[str]] = {"": set()}  # folder -> names of its sub-folders
        for file in self._places:
            self._add_folders(file.split("/")[:-1])
        for folder in contents.folders:
            if not _is_hidden_path(folder):
                self._add_folders(folder.split("/"))

    def _add_folders(self, parts: list[str]) -> None:
        for depth, folder in enumerate(filter(None, parts)):
            self._folders.setdefault("/".join(parts[:depth]), set()).add(folder)

    def folders(self, parent: str) -> list[str]:
        return sorted(self._folders.get(parent, ()))

    def files(self, parent: str) -> tuple[list[str], dict[str, str]]:
        odd = below(sorted(self._left_out), parent)
        return below(self._sorted, parent), {path: self._left_out[path] for path in odd}

    def odd(self, path: str) -> str | None:
        return A_FILE if path in self._places else self._left_out.get(path)

    def has(self, file: str) -> bool:
        return file in self._places

    def size(self, file: str) -> int:
        return self._places[file].size

    def read(self, file: str) -> bytes:
        place = self._places[file]
        if place.size > LARGEST_FILE:
            raise OSError(errno.EOVERFLOW, TOO_LARGE, self.describe(file))
        return read_place(self._file, place)

    def describe(self, file: str) -> str:
        return f"{self._path}: {file}"


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_hidden_path(path: str) -> bool:
    """Whether it, or a folder in which it lies, is hidden."""
    return any(map(is_hidden, path.split("/")))


def _identity(folder: Path) -> Identity:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _join(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name
