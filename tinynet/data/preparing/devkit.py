"""What ILSVRC's development kit says: the class of each validation image, and the classes' numbers.

    ILSVRC2012_validation_ground_truth.txt    line i: the ILSVRC2012_ID of validation image i
    meta.mat                                  of each class its ILSVRC2012_ID, WordNet id and words

Both are found in ILSVRC2012_devkit_t12.tar.gz as it is downloaded, in the folder it unpacks to, or
beside the images. In place of meta.mat, which takes SciPy to read, a text will do that has
one line per class, its WordNet id and then its ID: ilsvrc2012_ids.tsv, or the localization kit's
map_clsloc.txt.

The IDs number the classes in an order of their own. They are turned into WordNet ids, and those
into labels, by ascending order: a mix-up of the two orders costs 99.9 % of the validation images.
"""

import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tinynet.data.compressed import unpacked
from tinynet.data.errors import DataError
from tinynet.data.preparing import meta_mat
from tinynet.data.synsets import WORDNET_ID
from tinynet.files.json_file import checked, parse_json
from tinynet.files.regular_file import read_regular

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
MAT = "meta.mat"
IDS = ("ilsvrc2012_ids.tsv", "map_clsloc.txt", MAT)
DEVKIT = "ILSVRC2012_devkit_t12"
LARGEST_FILE, LARGEST_KIT = 2**24, 2**26  # bytes; the kit has a few million, unpacked
MAT_SECONDS = 120  # for a file that is read in one
NUMBER = re.compile("[0-9]{1,9}")
WANTED = f"wanted {DEVKIT}.tar.gz of the development kit, packed or unpacked, or"


@dataclass(frozen=True)
class KitFile:
    """A file of the kit, wherever it lies: `place` is what messages call it."""

    place: str
    data: bytes

    @property
    def name(self) -> str:
        return PurePosixPath(self.place).name

    @property
    def lines(self) -> list[str]:
        return self.data.decode(errors="replace").split("\n")


@dataclass(frozen=True)
class Class:
    """A line of the table of classes; `words` are "" where the table has none."""

    number: int  # the ILSVRC2012_ID
    wnid: str
    words: str = ""


def find_kit(folder: Path) -> tuple[KitFile, KitFile]:
    """The ground truth and the table of classes that go with the images in `folder`."""
    truth = _find(folder, (GROUND_TRUTH,))
    table = _find(folder, IDS)
    if truth is None:
        raise DataError(
            f"{folder}: no {GROUND_TRUTH}: {WANTED} that text of it, in which line i is the "
            "ILSVRC2012_ID of validation image i"
        )
    if table is None:
        raise DataError(
            f"{folder}: no {', '.join(IDS[:-1])} or {MAT}: {WANTED} a text with lines such as "
            "`n02119789 1 kit_fox`, a WordNet id and its ILSVRC2012_ID"
        )
    return truth, table


def read_classes(table: KitFile) -> list[Class]:
    """The classes that have images of their own, each with another number and WordNet id."""
    classes = _read_mat(table) if table.name == MAT else _read_lines(table)
    numbers, wnids = set(), set()
    for row in classes:
        if not WORDNET_ID.fullmatch(row.wnid):
            raise DataError(f"{table.place}: {row.wnid!r} is no WordNet id such as n01440764")
        if row.number in numbers or row.wnid in wnids:
            raise DataError(f"{table.place}: {row.wnid} or {row.number} is in it twice")
        numbers.add(row.number)
        wnids.add(row.wnid)
    return classes


def read_ground_truth(truth: KitFile, wnid_of: dict[int, str], table: KitFile) -> list[int]:
    """The ILSVRC2012_ID on each line, one of those in the table."""
    numbers = []
    for number, line in enumerate(truth.lines, 1):
        text = line.strip()
        if NUMBER.fullmatch(text) and int(text) in wnid_of:
            numbers.append(int(text))
        elif text:
            raise DataError(
                f"{truth.place}: line {number}: {text[:40]!r} is none of the {len(wnid_of):,} ids "
                f"in {table.place}"
            )
    return numbers


def _read_lines(table: KitFile) -> list[Class]:
    """On each line a WordNet id and, right after it, the other one."""
    classes = []
    for number, line in enumerate(table.lines, 1):
        fields = line.split()
        wnid = next((field for field in fields if WORDNET_ID.fullmatch(field)), None)
        after = fields[fields.index(wnid) + 1 :] if wnid else []
        if not after and number == 1 or not fields:
            continue  # a heading, or an empty line
        if not after or not NUMBER.fullmatch(after[0]):
            raise DataError(
                f"{table.place}: line {number}: wanted a WordNet id and its number: {line!r}"
            )
        classes.append(Class(int(after[0]), wnid))
    return classes


def _read_mat(table: KitFile) -> list[Class]:
    """The struct array `synsets`, whose leaves are the classes."""
    program = [sys.executable, meta_mat.__file__]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each thread would want memory
    try:
        done = subprocess.run(
            program, input=table.data, capture_output=True, timeout=MAT_SECONDS, env=alone
        )
        if done.returncode == meta_mat.NO_SCIPY:
            raise DataError(
                f"{table.place}: a MATLAB file, and SciPy, which reads it, is not installed: "
                f"`pip install scipy`, or put {IDS[0]} or {IDS[1]} beside the images"
            )
        if done.returncode:
            told = done.stderr.decode(errors="replace").split("\n")[0]
            raise ValueError(told or f"its reader ended with status {done.returncode}")
        rows = checked(parse_json(done.stdout), list[tuple[int, str, str]])
    except DataError:
        raise
    except (ValueError, subprocess.TimeoutExpired) as error:
        raise DataError(
            f"{table.place}: damaged, or not the kit's ({error}); download the development kit "
            "again"
        ) from error
    return [Class(*row) for row in rows]


def _find(folder: Path, names: tuple[str, ...]) -> KitFile | None:
    """The first file of one of these names, beside the images or in the kit."""
    for place in (folder, folder / DEVKIT / "data"):
        for name in names:
            if (place / name).is_file():
                try:
                    return KitFile(str(place / name), read_regular(place / name, LARGEST_FILE))
                except OSError as error:
                    raise DataError(f"{place / name}: {error.strerror}") from error
    packed = folder / f"{DEVKIT}.tar.gz"
    return _find_packed(packed, names) if packed.is_file() else None


def _find_packed(packed: Path, names: tuple[str, ...]) -> KitFile | None:
    try:
        with (
            unpacked(packed, LARGEST_KIT) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for member in tar:
                if member.isfile() and os.path.basename(member.name) in names:
                    place = f"{packed}: {member.name}"
                    if member.size > LARGEST_FILE:
                        raise DataError(f"{place}: larger than {LARGEST_FILE:,} bytes")
                    return KitFile(place, tar.extractfile(member).read())
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise anything at all inside tarfile
        raise DataError(f"{packed}: damaged or cut short; download it again") from error
    return None
