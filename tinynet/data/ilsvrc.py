"""The archives in which ILSVRC 2012 is given out, read where they lie and never unpacked.

    ILSVRC2012_img_train.tar                  1,000 tars, n01440764.tar ..., each with its JPEGs
    ILSVRC2012_img_val.tar                    50,000 JPEGs, ILSVRC2012_val_00000001.JPEG ...
    ILSVRC2012_validation_ground_truth.txt    line i: the ILSVRC2012_ID of the i-th of them
    ilsvrc2012_ids.tsv or map_clsloc.txt      lines with a WordNet id and, after it, its ID

The IDs count the classes in an order of their own. They are turned into WordNet ids, and those into
labels by ascending order: a mix-up of the two orders costs 99.9 % of the validation images.

One pass over the headers of the train tar gives the place of each image in it. All can then be read
in any order, by any number of threads, and an interrupted `prepare` goes on anywhere.
"""

import os
import re
import weakref
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tarfile import TarInfo

import numpy as np

from tinynet.data.errors import DataError
from tinynet.data.folder import ENDINGS
from tinynet.data.prepare_source import Images, Source
from tinynet.data.synsets import WORDNET_ID, check_order, class_names, read_synset_words
from tinynet.data.tree import Folder, list_tar

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
IDS = ("ilsvrc2012_ids.tsv", "map_clsloc.txt")
DEVKIT = "ILSVRC2012_devkit_t12/data"  # where the development kit, unpacked, has the two
VAL_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
# Of many files their names, their first bytes in the tar, and their sizes. Arrays, for there are a
# million: a tenth of what Python's own objects would take.
Places = tuple[np.ndarray, np.ndarray, np.ndarray]


class TarImages(Images):
    """Images at known places of a tar, which may be tars in it."""

    def __init__(
        self, path: Path, places: list[Places], labels: np.ndarray, wnids: list[str]
    ) -> None:
        self.labels = labels
        self.ignored = []
        self._names, self._offsets, self._sizes = map(np.concatenate, zip(*places))
        self._path, self._wnids = path, wnids
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def name(self, i: int) -> str:
        return f"{self._wnids[self.labels[i]]}/{os.fsdecode(self._names[i])}"

    def size(self, i: int) -> int:
        return int(self._sizes[i])

    def read(self, i: int) -> bytes:
        return os.pread(self._file, self._sizes[i], self._offsets[i])

    def describe(self, i: int) -> str:
        return f"{self._path}: {self.name(i)}"


def is_ilsvrc(path: Path) -> bool:
    return (path / TRAIN).is_file() or (path / VAL).is_file()


def open_ilsvrc(folder: Path, progress: Callable[[int, int], None]) -> Source:
    """The source in `folder`. `progress` is called with the bytes of the train tar looked over."""
    truth, ids = _find(folder, (GROUND_TRUTH,)), _find(folder, IDS)
    for name in (TRAIN, VAL):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: no {name}: wanted {TRAIN} and {VAL} in one folder")
    wnid_of = read_ids(ids)
    # The small files first: a mistake in them shows before the long listing.
    numbers = read_ground_truth(truth, wnid_of, ids)
    words, place = read_synset_words(Folder(folder), folder)
    check_order([], words, place)
    check_ids(ids, wnid_of, words, place)
    classes, ignored = list_train(folder / TRAIN, progress)
    wnids = sorted(classes)
    check_order(wnids, words, place)
    for wnid in sorted(classes.keys() - set(wnid_of.values())):
        raise DataError(f"{ids}: no line for {wnid}, of which {TRAIN} has a tar: complete the file")

    places = [classes[wnid] for wnid in wnids]
    labels = np.repeat(np.arange(len(wnids)), [len(names) for names, _, _ in places])
    train = TarImages(folder / TRAIN, places, labels, wnids)
    train.ignored = ignored
    val = _open_val(folder / VAL, truth, numbers, wnid_of, wnids)
    return Source(folder, class_names(wnids, words), {"train": train, "val": val})


def _find(folder: Path, names: tuple[str, ...]) -> Path:
    for place in (folder, folder / DEVKIT):
        for name in names:
            if (place / name).is_file():
                return place / name
    kind = (
        "a line an image, the ILSVRC2012_ID of its class; it comes with the development kit"
        if names == (GROUND_TRUTH,)
        else "lines such as `n02119789 1 kit_fox`, a WordNet id and its ILSVRC2012_ID; the kit has "
        "them in meta.mat, and the one for localization has the file map_clsloc.txt"
    )
    raise DataError(f"{folder}: no {' or '.join(names)}: wanted text, {kind}")


def read_ids(path: Path) -> dict[int, str]:
    """ILSVRC2012_ID -> WordNet id: on each line an id of WordNet is followed by the other."""
    wnid_of: dict[int, str] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        fields = line.split()
        wnid = next((field for field in fields if WORDNET_ID.fullmatch(field)), None)
        after = fields[fields.index(wnid) + 1 :] if wnid else []
        if not after and number == 1 or not fields:
            continue  # a heading
        if not after or not after[0].isdecimal():
            raise DataError(f"{path}: line {number}: wanted a WordNet id and its number: {line!r}")
        if int(after[0]) in wnid_of or wnid in wnid_of.values():
            raise DataError(f"{path}: line {number}: {wnid} or {after[0]} was there before")
        wnid_of[int(after[0])] = wnid
    return wnid_of


def check_ids(ids: Path, wnid_of: dict[int, str], words: str, place: str) -> None:
    """DataError where the table at `ids` and the synset_words.txt at `place` name other classes.

    The table may be of more, as that of the kit, or of fewer; as long as the other, it is the same.
    """
    known = {line.split(" ", 1)[0] for line in words.splitlines() if line.strip()}
    for number, wnid in wnid_of.items():
        if len(wnid_of) == len(known) and wnid not in known:
            raise DataError(
                f"{ids}: {wnid}, with the number {number}, is not in {place}: wanted the same "
                "WordNet ids in both"
            )


def read_ground_truth(path: Path, wnid_of: dict[int, str], ids: Path) -> list[int]:
    """The ILSVRC2012_ID on each line."""
    numbers = []
    for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1):
        text = line.strip()
        if text.isdecimal() and int(text) in wnid_of:
            numbers.append(int(text))
        elif text:
            raise DataError(
                f"{path}: line {number}: {text[:40]!r} is none of the {len(wnid_of):,} ids in {ids}"
            )
    return numbers


def list_train(
    path: Path, progress: Callable[[int, int], None]
) -> tuple[dict[str, Places], list[str]]:
    """WordNet id -> the images in its tar within the tar; and what was ignored."""
    classes: dict[str, Places] = {}
    ignored: list[str] = []
    total = path.stat().st_size
    # A second file, for both listings go their own way through it.
    with open(path, "rb") as outer, open(path, "rb") as inner:
        for member in list_tar(outer, str(path)):
            progress(member.offset_data, total)
            name = PurePosixPath(member.name)
            if not member.isreg() or name.suffix != ".tar" or name.name.startswith("."):
                ignored += [f"{path}: {member.name}"] * member.isreg()
                continue
            if name.stem in classes:
                raise DataError(f"{path}: {name.name} is in it twice: get it or pack it anew")
            if not WORDNET_ID.fullmatch(name.stem):
                raise DataError(
                    f"{path}: {member.name}: wanted one tar a class, called by its WordNet id, as "
                    "n01440764.tar"
                )
            where, end = f"{path}: {member.name}", member.offset_data + member.size
            images = []
            for file in list_tar(inner, where, member.offset_data, end):
                if is_image(file):
                    images.append(file)
                elif file.isreg():
                    ignored.append(f"{where}: {file.name}")
            if not images:
                raise DataError(f"{where}: no images in this class's tar: get the tar anew")
            # By name, as in a folder: the shards do not depend on how a tar was packed.
            classes[name.stem] = _places(sorted(images, key=_file_name))
    if not classes:
        raise DataError(f"{path}: no tars in it: wanted a tar of tars, n01440764.tar ...")
    return classes, ignored


def _open_val(
    path: Path, truth: Path, numbers: list[int], wnid_of: dict[int, str], wnids: list[str]
) -> TarImages:
    """The images of the validation tar, in the order of their numbers."""
    found: dict[int, TarInfo] = {}
    ignored = []
    with open(path, "rb") as file:
        for member in list_tar(file, str(path)):
            match = VAL_NAME.fullmatch(_file_name(member))
            if not member.isreg() or not match:
                ignored += [f"{path}: {member.name}"] * member.isreg()
                continue
            if int(match[1]) in found:
                raise DataError(f"{path}: {member.name} is in it twice: get the tar anew")
            found[int(match[1])] = member
    wanted = range(1, len(numbers) + 1)
    odd = sorted(found.keys() ^ set(wanted))
    if odd or not found:
        number = odd[0] if odd else 1
        lacks = truth if number in found else path
        raise DataError(
            f"{truth} has {len(numbers):,} lines, {path} {len(found):,} images: wanted a line for "
            f"each image. The first of which {lacks.name} knows nothing is "
            f"ILSVRC2012_val_{number:08}.JPEG: one of the two is not whole; get it anew"
        )
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    for line, number in enumerate(numbers, 1):
        if wnid_of[number] not in label_of:
            raise DataError(
                f"{truth}: line {line}: {number} is {wnid_of[number]}, for which {TRAIN} has no tar"
            )
    labels = np.array([label_of[wnid_of[number]] for number in numbers])
    places = _places([found[number] for number in wanted])
    images = TarImages(path, [places], labels, wnids)
    images.ignored = ignored
    return images


def is_image(member: TarInfo) -> bool:
    """Whether it is a file that, by its name, holds an image."""
    name = _file_name(member)
    ending = os.path.splitext(name)[1].lower()
    return member.isreg() and not name.startswith(".") and ending in ENDINGS


def _file_name(member: TarInfo) -> str:
    return PurePosixPath(member.name).name


def _places(members: list[TarInfo]) -> Places:
    names = np.array([os.fsencode(_file_name(member)) for member in members])
    offsets = np.array([member.offset_data for member in members], np.int64)
    return names, offsets, np.array([member.size for member in members], np.int64)
