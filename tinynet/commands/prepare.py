"""`prepare`: photographs to shards of 256 x 256 JPEGs, with what training must know about them."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from tinynet.commands import flags
from tinynet.commands.example import Example, command
from tinynet.console.printable import printable, quoted
from tinynet.console.progress import Progress
from tinynet.console.sentences import counted, megabytes
from tinynet.data import Dataset, colour_components, open_dataset
from tinynet.data.prepared import SKIPPED
from tinynet.data.preparing.destination import Destination
from tinynet.data.preparing.images import Recipe
from tinynet.data.preparing.prepare import open_source, prepare
from tinynet.devices import threads

SHOWN = 5  # lines of skipped.txt, or classes without images


def add_parser(commands, example: Example) -> None:
    help_ = "scale photographs to 256 x 256 once and for all, into shards that train reads"
    parser = flags.command(commands, "prepare", prepare_shards, help_)
    parser.add_argument(
        "source",
        metavar="SRC",
        help="the folder with ILSVRC2012's archives, or a folder or .tar with train/ and val/, "
        "each with one sub-folder per class",
    )
    parser.add_argument(
        "destination",
        metavar="DST",
        help="a folder, new or partly prepared: finished shards are checked and kept",
    )
    here = f"one a core: here {threads.workers()}"
    flags.add_workers(parser, f"threads that read, scale and write images ({here})")


def prepare_shards(example: Example, args: Namespace) -> int:
    """Prepare SRC in DST, continue it, or repair what is damaged."""
    progress, path = Progress(), Path(args.destination).expanduser()
    workers = args.workers or threads.workers()
    try:
        source = open_source(Path(args.source).expanduser(), progress)
        destination, made = prepare(source, path, Recipe(), workers, progress)
    except KeyboardInterrupt:
        progress.warn(f"finished shards stay in {path}; the same command continues")
        raise
    finally:
        progress.end()
    _report(destination, made)
    print(f"next     {command()} train --data {quoted(path)}")
    return 0


def _report(destination: Destination, made: int) -> None:
    """Print what the set holds, and what it does not and why."""
    path, size = destination.path, Recipe().size
    train, val = (
        open_dataset(path, split, size, store_size=size, cache=0) for split in ("train", "val")
    )
    if not made and not destination.mended:
        print("nothing left to do")
    shards = destination.state.shards
    total = sum(shard.bytes for shard in shards)
    print(
        f"data     {printable(path)}: {counted(len(train), 'image')} in "
        f"{counted(len(train.classes), 'class', 'classes')}; {len(val):,} for validation; "
        f"{counted(len(shards), 'shard')}, {megabytes(total, 0)} MB"
    )
    mean = train.statistics.mean.mean((1, 2))
    print("mean     red {:.1f}, green {:.1f}, blue {:.1f}".format(*mean))
    axes = np.linalg.norm(colour_components(train.statistics.covariance), axis=1)
    print("colours  {:.1f}, {:.1f}, {:.1f} (standard deviations, principal axes)".format(*axes))
    for dataset in (train, val):
        _warn_of_empty(dataset)
    skipped = destination.skipped()
    files = f"{counted(len(skipped), 'file')}: {printable(path / SKIPPED)}"
    print(f"skipped  {files if skipped else 'nothing'}")
    for line in skipped[:SHOWN]:
        print(f"         {printable(line)}")
    if len(skipped) > SHOWN:
        print(f"         and {counted(len(skipped) - SHOWN, 'other')}")


def _warn_of_empty(dataset: Dataset) -> None:
    """Print a line about the classes without an image, if there are any."""
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    empty = [dataset.classes[label] for label in np.flatnonzero(counts == 0)]
    if empty:
        names = "; ".join(map(printable, empty[:SHOWN])) + "; ..." * (len(empty) > SHOWN)
        share = f"{len(empty):,} of {counted(len(dataset.classes), 'class', 'classes')}"
        print(f"warning  no image in {dataset.split} of {share}: {names}")
