"""The archives in which ILSVRC 2012 is given out, read where they lie and never unpacked.

    ILSVRC2012_img_train.tar          1,000 tars, n01440764.tar ..., each with its JPEGs
    ILSVRC2012_img_val.tar            50,000 JPEGs, ILSVRC2012_val_00000001.JPEG ...
    ILSVRC2012_devkit_t12.tar.gz      the classes of the latter: see devkit.py

One pass over the headers of the train tar gives the place of each image in it. All can then be read
in any order, by any number of threads, and an interrupted `prepare` continues anywhere.
"""

import os
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from tinynet.data.errors import DataError
from tinynet.data.folder import ENDINGS, NOT_NAMED
from tinynet.data.preparing.devkit import KitFile, find_kit, read_classes, read_ground_truth
from tinynet.data.preparing.source import Images, Source
from tinynet.data.synsets import WORDNET_ID, check_order, class_names, read_synset_words
from tinynet.data.tar import Contents, Place, read_place
from tinynet.data.tree import Folder, is_hidden
from tinynet.files.regular_file import open_regular

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
VAL_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


@dataclass(frozen=True)
class Places:
    """Of many files their names, their first bytes in the tar, and their sizes.

    Arrays, for there are a million: a tenth of what Python's own objects would take. `sparse` has
    the place of each sparse file, by its number.
    """

    names: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    sparse: dict[int, Place]


class TarImages(Images):
    """Images at known places of a tar, which may be tars in it."""

    def __init__(
        self, path: Path, places: list[Places], labels: np.ndarray, wnids: list[str]
    ) -> None:
        self.labels = labels
        self.ignored = {}
        self._names = np.concatenate([part.names for part in places])
        self._offsets = np.concatenate([part.offsets for part in places])
        self._sizes = np.concatenate([part.sizes for part in places])
        starts = np.cumsum([0, *(len(part.names) for part in places)]).tolist()
        self._sparse = {
            start + i: place
            for start, part in zip(starts, places)
            for i, place in part.sparse.items()
        }
        self._path, self._wnids = path, wnids
        with open_regular(path) as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)

    def name(self, i: int) -> str:
        return f"{self._wnids[self.labels[i]]}/{os.fsdecode(self._names[i])}"

    def size(self, i: int) -> int:
        return int(self._sizes[i])

    def read(self, i: int) -> bytes:
        place = self._sparse.get(i) or Place(self._offsets[i], self._sizes[i])
        return read_place(self._file, place)

    def describe(self, i: int) -> str:
        return f"{self._path}: {self.name(i)}"


def is_ilsvrc(path: Path) -> bool:
    return (path / TRAIN).is_file() or (path / VAL).is_file()


def open_ilsvrc(folder: Path, progress: Callable[[int, int], None]) -> Source:
    """The source in `folder`. `progress` is called with the bytes of the train tar looked over."""
    truth, table = find_kit(folder)
    for name in (TRAIN, VAL):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: no {name}: wanted {TRAIN} and {VAL} in one folder")
    # The small files first: a mistake in them shows before the long listing.
    known = read_classes(table)
    wnid_of = {row.number: row.wnid for row in known}
    numbers = read_ground_truth(truth, wnid_of, table)
    words, place = read_synset_words(Folder(folder), folder)
    check_order([], words, place)
    _check_table(table, wnid_of, words, place)
    classes, ignored = list_train(folder / TRAIN, progress)
    wnids = sorted(classes)
    check_order(wnids, words, place)
    for wnid in sorted(classes.keys() - set(wnid_of.values())):
        raise DataError(
            f"{table.place}: no line for {wnid}, for which {TRAIN} has a tar: complete the file"
        )

    places = [classes[wnid] for wnid in wnids]
    labels = np.repeat(np.arange(len(wnids)), [len(part.names) for part in places])
    train = TarImages(folder / TRAIN, places, labels, wnids)
    train.ignored = ignored
    val = _open_val(folder / VAL, truth, numbers, wnid_of, wnids)
    words = words or "".join(f"{row.wnid} {row.words}\n" for row in known)
    return Source(folder, class_names(wnids, words), {"train": train, "val": val})


def _check_table(table: KitFile, wnid_of: dict[int, str], words: str, place: str) -> None:
    """DataError where the table and the synset_words.txt at `place` name other classes.

    The table may have more classes, or fewer; where it has as many, they are the same.
    """
    known = {line.split(" ", 1)[0] for line in words.splitlines() if line.strip()}
    for number, wnid in wnid_of.items():
        if len(wnid_of) == len(known) and wnid not in known:
            raise DataError(
                f"{table.place}: {wnid}, with the number {number}, is not in {place}: wanted the "
                "same WordNet ids in both"
            )


def list_train(
    path: Path, progress: Callable[[int, int], None]
) -> tuple[dict[str, Places], dict[str, str]]:
    """WordNet id -> the images in its tar within the tar; and what was ignored, and why."""
    classes: dict[str, Places] = {}
    with open_regular(path) as file:
        total = os.fstat(file.fileno()).st_size
        tars = _contents(file, str(path))
        ignored = {f"{path}: {name}": reason for name, reason in tars.left_out.items()}
        for member, place in tars.files.items():
            progress(place.offset, total)
            name, where = PurePosixPath(member), f"{path}: {member}"
            if name.suffix != ".tar" or is_hidden(name.name):
                ignored[where] = NOT_NAMED
                continue
            if name.stem in classes:
                raise DataError(f"{path}: {name.name} is in it twice: download or pack it again")
            if not WORDNET_ID.fullmatch(name.stem):
                raise DataError(
                    f"{where}: wanted one tar per class, named by its WordNet id, such as "
                    "n01440764.tar"
                )
            if place.pieces is not None:
                raise DataError(f"{where}: a sparse file: pack {path.name} again without --sparse")
            inner = _contents(file, where, place.offset, place.offset + place.size)
            ignored |= {f"{where}: {name}": reason for name, reason in inner.left_out.items()}
            others = [name for name in inner.files if not is_image(name)]
            ignored |= {f"{where}: {name}": NOT_NAMED for name in others}
            images = [name for name in inner.files if is_image(name)]
            if not images:
                raise DataError(f"{where}: no images in this class's tar: download the tar again")
            # By name, as in a folder: the shards do not depend on how a tar was packed.
            images.sort(key=os.path.basename)
            classes[name.stem] = _places(images, inner)
    if not classes:
        raise DataError(f"{path}: no tars in it: wanted a tar of tars, n01440764.tar ...")
    return classes, ignored


def _contents(file: BinaryIO, name: str, start: int = 0, end: int | None = None) -> Contents:
    """What is in a tar, in which nothing comes twice."""
    contents = Contents(file, name, start, end)
    if contents.repeated is not None:
        raise DataError(f"{name}: {contents.repeated} is in it twice: download or pack it again")
    return contents


def _open_val(
    path: Path, truth: KitFile, numbers: list[int], wnid_of: dict[int, str], wnids: list[str]
) -> TarImages:
    """The images of the validation tar, in the order of their numbers."""
    found: dict[int, str] = {}
    with open_regular(path) as file:
        contents = _contents(file, str(path))
    ignored = {f"{path}: {name}": reason for name, reason in contents.left_out.items()}
    for name in contents.files:
        match = VAL_NAME.fullmatch(os.path.basename(name))
        if not match:
            ignored[f"{path}: {name}"] = NOT_NAMED
            continue
        if int(match[1]) in found:
            raise DataError(f"{path}: {name} is in it twice: download the tar again")
        found[int(match[1])] = name
    wanted = range(1, len(numbers) + 1)
    odd = sorted(found.keys() ^ set(wanted))
    if odd or not found:
        number = odd[0] if odd else 1
        lacks = truth if number in found else path
        raise DataError(
            f"{truth.place} has {len(numbers):,} lines, {path} {len(found):,} images: wanted a "
            f"line for each image. The first that {lacks.name} lacks is "
            f"ILSVRC2012_val_{number:08}.JPEG: one of the two is incomplete; download it again"
        )
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    for line, number in enumerate(numbers, 1):
        if wnid_of[number] not in label_of:
            raise DataError(
                f"{truth.place}: line {line}: {number} is {wnid_of[number]}, for which {TRAIN} has "
                "no tar"
            )
    labels = np.array([label_of[wnid_of[number]] for number in numbers])
    places = _places([found[number] for number in wanted], contents)
    images = TarImages(path, [places], labels, wnids)
    images.ignored = ignored
    return images


def is_image(path: str) -> bool:
    """Whether a file, by its name, holds an image."""
    name = os.path.basename(path)
    return not is_hidden(name) and os.path.splitext(name)[1].lower() in ENDINGS


def _places(paths: list[str], contents: Contents) -> Places:
    """Where the files at these paths lie."""
    found = [contents.files[path] for path in paths]
    return Places(
        np.array([os.fsencode(os.path.basename(path)) for path in paths]),
        np.array([place.offset for place in found], np.int64),
        np.array([place.size for place in found], np.int64),
        {i: place for i, place in enumerate(found) if place.pieces is not None},
    )
