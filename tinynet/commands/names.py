"""--names: a file of words for the classes of a network, where its data gave none.

n01440764 tench, Tinca tinca         a class, as the network calls it, and words for it; or
tench                                as many lines as there are classes, in their order
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tinynet.console.printable import printable
from tinynet.data.synsets import WORDNET_ID
from tinynet.files.regular_file import read_regular
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network

LARGEST = 2**24  # bytes: ImageNet's 21,841 classes take about 1 MB


def add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names",
        metavar="FILE",
        help="words for the classes: a line for each, its name and the words, as in "
        "synset_words.txt, or in the network's order the words alone (the names of the data)",
    )


def with_words(network: Network, file: str | None, others: Sequence[str] = ()) -> Network:
    """The network with words for its classes: those of `file`, if given, else of `others`.

    `others`: the same classes as the data names them now; of a WordNet id they may know the words.
    UserError if the file does not name all classes.
    """
    if file is not None:
        return replace(network, classes=read_names(network.classes, Path(file)))
    bare = [bool(WORDNET_ID.fullmatch(name)) for name in network.classes]
    if not any(bare) or len(others) != len(bare):
        return network
    classes = [o if is_bare else n for n, o, is_bare in zip(network.classes, others, bare)]
    return replace(network, classes=classes)


def read_names(classes: Sequence[str], file: Path) -> list[str]:
    """Words for these classes. UserError if the file does not name all of them."""
    lines = read_regular(file, LARGEST).decode(errors="replace").splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    words = {}
    for line in lines:
        name, _, its = line.partition(" ")
        words[name] = line if WORDNET_ID.fullmatch(name) else its.strip() or name
    own = [name.split(" ", 1)[0] for name in classes]  # of "n01440764 tench" the id
    if all(name in words for name in own):
        return [words[name] for name in own]
    if len(lines) == len(classes):
        return lines
    missing = next(name for name in own if name not in words)
    raise UserError(
        f"--names {printable(str(file))}: it has no line for the class "
        f"{printable(missing)}, and {len(lines):,} in all: wanted a line for each of the network's "
        f"{len(classes):,} classes, with its name and words for it, or in their order the words "
        "alone"
    )
