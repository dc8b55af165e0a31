"""ImageNet's classes: WordNet ids such as n01440764, and the words for them in synset_words.txt.

The file has one line per class, "n01440764 tench, Tinca tinca", in ascending order of the ids: line
i, counted from 0, is class i.
"""

import re
from pathlib import Path

from tinynet.data.errors import DataError
from tinynet.data.tree import Folder, Tree

SYNSET_WORDS = "synset_words.txt"
LARGEST = 2**24  # bytes; that of ImageNet has 32 KB
WORDNET_ID = re.compile(r"n[0-9]{8}")


def read_synset_words(tree: Tree, path: Path, top: str = "") -> tuple[str, str]:
    """The synset_words.txt that goes with the data, and where it lies; "" where there is none.

    It is looked for in `top` of the tree, above it, and beside `path`, the tree's own place.
    """
    places = [(tree, top + SYNSET_WORDS), (tree, SYNSET_WORDS)]
    places.append((Folder(path.resolve().parent), SYNSET_WORDS))
    for where, file in places:
        if where.has(file):
            if where.size(file) > LARGEST:
                raise DataError(f"{where.describe(file)}: larger than {LARGEST:,} bytes")
            return where.read(file).decode(errors="replace"), where.describe(file)
    return "", ""


def class_names(folders: list[str], synset_words: str) -> list[str]:
    """The folders' names, with the words of those that are WordNet ids."""
    lines = {line.split(" ", 1)[0]: line.strip() for line in synset_words.splitlines()}
    return [lines.get(name, name) if WORDNET_ID.fullmatch(name) else name for name in folders]


def check_order(folders: list[str], synset_words: str, place: str) -> None:
    """DataError unless the file at `place` knows all ids among the folders, in ascending order.

    With as many lines as there are folders, line i then is class i: the numbers of the classes are
    those of every network that was trained on ImageNet in the order of this file.
    """
    known = [line.split(" ", 1)[0] for line in synset_words.splitlines() if line.strip()]
    for number, (before, wnid) in enumerate(zip(known, known[1:]), 2):
        if wnid <= before:
            raise DataError(
                f"{place}: line {number}: {wnid} comes after {before}: wanted ascending WordNet "
                "ids, for classes are numbered in that order. Sort the file, or remove it"
            )
    for name in folders:
        if known and WORDNET_ID.fullmatch(name) and name not in known:
            raise DataError(
                f"{place}: no line for the class {name}: wanted one for every class. Complete the "
                "file, or remove it"
            )
