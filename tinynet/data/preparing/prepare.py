"""From photographs to a prepared set: squares of 256 pixels, as JPEGs in tar shards.

Decoding a photograph costs several times as much as decoding its 256 x 256 copy, and training looks
at each ninety times. So the work is done once: the shorter side is scaled to 256, the centre square
cut (the paper's section 2) and encoded as JPEG again; the statistics are gathered on the way.

Threads do it, since Pillow and NumPy release Python's global lock for all but a twelfth of the
time. Processes were about a tenth faster on two cores, but a kill would leave them behind. The
calling thread writes what they made, shard by shard, and never lets them get more than a few tasks
ahead, so memory does not grow with the data. What a shard holds follows from the source and the
recipe alone: a run that was killed ends with the same bytes as one that was not.
"""

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np

from tinynet.console.progress import Progress, TimeLeft
from tinynet.data.errors import DataError
from tinynet.data.prepared import FORMAT, SKIPPED, Shard, is_prepared, shard_name
from tinynet.data.preparing.destination import Destination
from tinynet.data.preparing.ilsvrc import TRAIN, is_ilsvrc, open_ilsvrc
from tinynet.data.preparing.images import Job, Made, Recipe, make, plan
from tinynet.data.preparing.shards_write import ShardWriter, is_whole
from tinynet.data.preparing.source import Source, fingerprint, open_tree
from tinynet.data.statistics import Sums
from tinynet.files.whole_file import whole_file

PART = 16  # images per task
AHEAD = 4  # tasks per worker that may wait to be written
TOLD = 10  # skipped files reported right away; skipped.txt has all of them
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Item, Result = TypeVar("Item"), TypeVar("Result")


def open_source(path: Path, progress: Progress) -> Source:
    """What `path` holds: ILSVRC's archives, or a folder or .tar with a folder per class."""
    if not path.exists():
        raise DataError(f"{path}: no such folder or .tar to prepare")
    if is_prepared(path):
        raise DataError(f"{path} is prepared already: wanted the photographs themselves")
    if is_ilsvrc(path):
        progress.begin(f"listing {TRAIN}", 100)
        source = open_ilsvrc(path, lambda at, end: progress.advance(100 * at // end))
        progress.end()
        return source
    if path.name.startswith("ILSVRC2012_img_"):
        raise DataError(f"{path}: wanted the folder that contains it and the other archives")
    return open_tree(path)


def prepare(
    source: Source, path: Path, recipe: Recipe, workers: int, progress: Progress
) -> tuple[Destination, int]:
    """Make the prepared set at `path`, continue it, or repair what is damaged in it.

    Existing shards are read and checked first. Returns the finished set, and the number of shards
    that had to be made. Raises DataError; what was done is kept.
    """
    _check_place(source, path)
    wanted = {
        "format": FORMAT,
        **asdict(recipe),
        "source": fingerprint(source),
        "files": {split: len(images) for split, images in source.splits.items()},
        "classes": source.classes,
    }
    ignored = [
        f"{name}: {reason}"
        for images in source.splits.values()
        for name, reason in images.ignored.items()
    ]
    destination = Destination(
        path, wanted, [_within(source, text) for text in ignored], progress.warn
    )
    jobs = plan(source, recipe)
    shop = _Workshop(source, recipe, destination, workers, progress)
    try:
        damaged = shop.check()
        rest = jobs[len(destination.state.shards) :]
        shop.make([jobs[i] for i in damaged], again=True)
        destination.mend()
        shop.make(rest, again=False)
        _check_counts(source, destination)
        destination.finish()
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DataError(
            f"{path}: {error.strerror}: {len(destination.state.shards):,} of {len(jobs):,} shards "
            "are done and stay. Make room, and run the same command again"
        ) from error
    return destination, len(damaged) + len(rest)


class _Workshop:
    """Workers that make the shards of one source in one destination."""

    def __init__(
        self,
        source: Source,
        recipe: Recipe,
        destination: Destination,
        workers: int,
        progress: Progress,
    ) -> None:
        self._source, self._recipe, self._destination = source, recipe, destination
        self._workers, self._progress = workers, progress
        self._skipped = 0

    def check(self) -> list[int]:
        """The indices of the finished shards that are not as they were written."""
        path, shards, damaged = self._destination.path, self._destination.state.shards, []
        self._progress.begin("checking existing shards", len(shards))
        with ThreadPoolExecutor(self._workers) as pool:
            results = pool.map(is_whole, [path] * len(shards), shards)
            for i, (shard, whole) in enumerate(zip(shards, results)):
                self._progress.advance(i + 1)
                if not whole:
                    damaged.append(i)
                    self._progress.warn(f"{path / shard.name} is damaged and will be made again")
        self._progress.end()
        return damaged

    def make(self, jobs: list[Job], again: bool) -> None:
        """Make shards, one after the other; `again`: their images are counted already."""
        total = sum(len(job.indices) for job in jobs)
        self._done, self._left = 0, TimeLeft(total, 0)
        self._progress.begin("preparing", total)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="tinynet-data") as pool:
            parts = in_order(pool, self._make_part, _parts(jobs), AHEAD * self._workers)
            for job in jobs:
                path = self._destination.path / shard_name(job.split, job.number)
                self._make_shard(job, path, parts, again)
                left = self._left(self._done)
                self._progress.line(f"{path} {self._done:,} of {total:,} images, {left} left")
        self._progress.end()

    def _make_shard(self, job: Job, path: Path, parts: Iterator[Made], again: bool) -> None:
        """Write what the workers made of the job's images, then record the shard as done."""
        sums, skipped = Sums(self._recipe.size), []
        with whole_file(path) as file:
            writer = ShardWriter(file, job.split, job.number)
            for _ in _starts(job):
                part = next(parts)
                for image in part.images:
                    writer.add(*image)
                sums.add_all(part.sums)
                skipped += part.skipped
                self._done += len(part.images) + len(part.skipped)
                self._progress.advance(self._done, f"{self._left(self._done)} left")
            shard, records = writer.finish()
            if again:
                self._check_same(shard)
        if not again:
            self._tell(skipped)
            skipped = [_within(self._source, line) for line in skipped]
            self._destination.commit(shard, records, skipped, sums)

    def _make_part(self, part: tuple[str, np.ndarray]) -> Made:
        split, indices = part
        return make(self._source.splits[split], indices, self._recipe, split == "train")

    def _check_same(self, shard: Shard) -> None:
        if shard not in self._destination.state.shards:
            raise DataError(
                f"{self._destination.path / shard.name} cannot be reproduced: this is another "
                f"version of Pillow, or photographs in {self._source.path} have changed. Remove "
                f"{self._destination.path} and prepare it again"
            )

    def _tell(self, skipped: list[str]) -> None:
        for line in skipped:
            self._skipped += 1
            if self._skipped <= TOLD:
                self._progress.warn(f"skipped {line}")
            elif self._skipped == TOLD + 1:
                skipped = self._destination.path / SKIPPED
                self._progress.warn(f"more files are skipped; {skipped} lists them all")


def in_order(
    pool: Executor, task: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """task(item) for every item, in order; the pool works at most `ahead` items in advance."""
    pending: deque[Future] = deque()
    for item in items:
        pending.append(pool.submit(task, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _starts(job: Job) -> range:
    return range(0, len(job.indices), PART)


def _parts(jobs: list[Job]) -> Iterator[tuple[str, np.ndarray]]:
    for job in jobs:
        for start in _starts(job):
            yield job.split, job.indices[start : start + PART]


def _within(source: Source, description: str) -> str:
    """The description of a file without the path of the source, which may move."""
    return description.removeprefix(str(source.path)).lstrip("/: ")


def _check_place(source: Source, path: Path) -> None:
    for images in source.splits.values():
        if images.folder and path.resolve().is_relative_to(images.folder.resolve()):
            raise DataError(
                f"{path} is inside the photographs' folder and would be taken for one of its "
                f"classes: give a DST outside {images.folder}"
            )


def _check_counts(source: Source, destination: Destination) -> None:
    for split, count in destination.state.images.items():
        if count == 0:
            raise DataError(
                f"{source.path}: not one of the {len(source.splits[split]):,} images of {split} "
                f"could be read: see {destination.path / SKIPPED}"
            )
