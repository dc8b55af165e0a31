"""What `prepare` reads: numbered image files, each with a class, wherever they are.

Every image has a name, CLASS/FILE, from which its key in the shards is made; no two keys may be the
same. A fingerprint of all names and sizes tells whether a source is unchanged.
"""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinynet.data.errors import DataError
from tinynet.data.folder import FolderDataset
from tinynet.data.synsets import check_order


class Images(ABC):
    """The image files of one split. Each kind of source defines how they are named and read.

    Attributes: `labels`, int64 (len,); `ignored`, descriptions of files that cannot be images,
    and why; `folder`, below which any file is taken for one of them, if they are in a folder.
    """

    labels: np.ndarray
    ignored: dict[str, str]
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def name(self, i: int) -> str:
        """CLASS/FILE."""

    @abstractmethod
    def size(self, i: int) -> int:
        """The size of the file in bytes. Raises OSError."""

    @abstractmethod
    def read(self, i: int) -> bytes:
        """The bytes of the file. Raises OSError."""

    @abstractmethod
    def describe(self, i: int) -> str:
        """Where the file is, for messages."""


@dataclass(frozen=True)
class Source:
    """`classes` are readable names, in the order of the labels; `splits` are "train" and "val"."""

    path: Path
    classes: list[str]
    splits: dict[str, Images]


class TreeImages(Images):
    """The files of a folder or `.tar` with one sub-folder per class."""

    def __init__(self, path: Path, dataset: FolderDataset) -> None:
        self.labels = dataset.labels
        self.ignored = dataset.ignored
        self._tree, self._files = dataset.tree, dataset.files
        self._start = len(dataset.parent) + 1
        if path.is_dir():
            self.folder = path / dataset.parent

    def name(self, i: int) -> str:
        return self._files[i][self._start :]

    def size(self, i: int) -> int:
        return self._tree.size(self._files[i])

    def read(self, i: int) -> bytes:
        return self._tree.read(self._files[i])

    def describe(self, i: int) -> str:
        return self._tree.describe(self._files[i])


def open_tree(path: Path) -> Source:
    """The source at `path`, a folder or `.tar` with train/ and val/, each with class folders."""
    train = FolderDataset(path, "train", 1, 1)
    val = FolderDataset(path, "val", 1, 1, train.tree)
    check_order(train.folders, *train.synset_words)
    splits = {"train": TreeImages(path, train), "val": TreeImages(path, val)}
    return Source(path, train.classes, splits)


def key_of(name: str) -> str:
    """The key of the image called `name`: "dog/my.old.dog.png" -> "dog/my_old_dog".

    Readers of WebDataset's convention take all after the first dot of a file name for its kind.
    """
    folder, _, file = os.path.splitext(name)[0].rpartition("/")
    return f"{folder}/{file.replace('.', '_')}"


def fingerprint(source: Source) -> str:
    """A hash of the classes and of every image's name and size, whatever order they are found in.

    Raises DataError if two images of a class would have the same key.
    """
    digest = hashlib.sha256(json.dumps(source.classes).encode())
    for split, images in source.splits.items():
        by_class = np.argsort(images.labels, kind="stable")
        for members in np.split(by_class, np.flatnonzero(np.diff(images.labels[by_class])) + 1):
            named: dict[str, int] = {}
            lines = []
            for i in members.tolist():
                name = images.name(i)
                first = named.setdefault(key_of(name), i)
                if first != i:
                    raise DataError(
                        f"{source.path}: duplicate key {key_of(name)}: {images.describe(first)} "
                        f"and {images.describe(i)} would have one name in the shards. Rename or "
                        "remove one of them"
                    )
                lines.append(f"{split} {name} {images.size(i)}\n")
            digest.update("".join(sorted(lines)).encode(errors="surrogateescape"))
    return digest.hexdigest()
