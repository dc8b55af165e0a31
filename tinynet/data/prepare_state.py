"""DST while it is being prepared: whose it is, how far it has come, and how it is finished.

After each shard `.progress.npz` is replaced as a whole. It alone says what is done: how many
shards, the sums over their images, and how long index and list of skipped files are. Whatever lies
beyond, in whole shards or in parts of them, is what a killed run left, and is made once more.
"""

import fcntl
import json
import os
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinynet.data.errors import DataError
from tinynet.data.folder import SPLITS
from tinynet.data.shards import (
    DESCRIPTION,
    RECORD,
    SKIPPED,
    STATISTICS,
    Shard,
    index_name,
    is_prepared,
    read_arrays,
    read_description,
)
from tinynet.data.statistics import Sums
from tinynet.whole_file import whole_file

PROGRESS = ".progress.npz"


@dataclass
class State:
    """What is done: `shards` in the order in which they were made, and what was in them."""

    sums: Sums  # over the training images
    shards: list[Shard] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    skipped_bytes: int = 0  # of skipped.txt


class Destination:
    """The folder at `path`, which shall hold what `wanted` describes, and no one else may write to.

    `state` is how far it has come. Raises DataError where it holds anything else.
    """

    def __init__(self, path: Path, wanted: dict, ignored: list[str]) -> None:
        self.path, self.finished, self._wanted = path, False, wanted
        if path.exists() and not path.is_dir():
            raise DataError(f"{path} is a file, wanted a folder")
        path.mkdir(parents=True, exist_ok=True)
        if not is_prepared(path) and not all(map(_is_ours, path.iterdir())):
            raise DataError(f"{path} is not empty and holds no prepared data set: give another DST")
        self._lock()
        if is_prepared(path):
            before = read_description(path)
            _check_same(path, before, wanted)
            self.finished = before["finished"]
        else:
            self._describe({"finished": False})
        for part in filter(_is_part, path.iterdir()):
            part.unlink()
        if self.finished:
            self.state = State(Sums(0), [Shard(*fields) for fields in before["shards"]])
            (path / PROGRESS).unlink(missing_ok=True)  # killed between the last two steps
        elif (path / PROGRESS).exists():
            self._read_state()
        else:
            self._begin(ignored)

    def commit(self, shard: Shard, records: np.ndarray, skipped: list[str], sums: Sums) -> None:
        """The shard is in its place: write down that it is, and what is in it."""
        state = self.state
        _append(self.path / index_name(shard.split), records.tobytes())
        state.skipped_bytes += _append(self.path / SKIPPED, _lines(skipped))
        state.shards.append(shard)
        state.images[shard.split] += len(records)
        state.sums.add_all(sums)
        self._save_state()

    def finish(self) -> None:
        """All shards are there: write what tells of the whole, the description last."""
        statistics = self.state.sums.statistics()
        with whole_file(self.path / STATISTICS) as file:
            np.savez(file, mean=statistics.mean, covariance=statistics.covariance)
        fields = [(s.split, s.number, s.bytes, s.crc32) for s in self.state.shards]
        self._describe({"finished": True, "images": self.state.images, "shards": fields})
        (self.path / PROGRESS).unlink()

    def skipped(self) -> list[str]:
        """The lines of skipped.txt."""
        return (self.path / SKIPPED).read_text("utf-8", "surrogateescape").splitlines()

    def _lock(self) -> None:
        # A file that is never replaced, open for writing, as file systems of a network ask for.
        file = os.open(self.path / SKIPPED, os.O_WRONLY | os.O_CREAT, 0o666)
        weakref.finalize(self, os.close, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{self.path}: another `prepare` is at work on it") from None

    def _describe(self, rest: dict) -> None:
        lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in {**self._wanted, **rest}.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        with whole_file(self.path / DESCRIPTION) as file:
            file.write(text.encode())

    def _begin(self, ignored: list[str]) -> None:
        for split in SPLITS:
            (self.path / index_name(split)).write_bytes(b"")
        (self.path / SKIPPED).write_bytes(_lines(ignored))
        self.state = State(Sums(self._wanted["size"]), skipped_bytes=len(_lines(ignored)))
        self._save_state()

    def _save_state(self) -> None:
        state, sums = self.state, self.state.sums
        shards = [(SPLITS.index(s.split), s.number, s.bytes, s.crc32) for s in state.shards]
        with whole_file(self.path / PROGRESS) as file:
            np.savez(
                file,
                shards=np.array(shards, np.int64).reshape(-1, 4),
                images=[state.images[split] for split in SPLITS],
                skipped_bytes=state.skipped_bytes,
                summed=sums.images,
                total=sums.total,
                products=sums.products,
            )

    def _read_state(self) -> None:
        """The state as it was saved; the files that go with it lose what was added later."""
        names = ("summed", "total", "products", "shards", "images", "skipped_bytes")
        summed, total, products, shards, images, skipped = read_arrays(self.path / PROGRESS, *names)
        sums = Sums(self._wanted["size"])
        sums.images, sums.total, sums.products = int(summed), total, products
        shards = [Shard(SPLITS[k], *rest) for k, *rest in shards.tolist()]
        images = dict(zip(SPLITS, images.tolist()))
        self.state = State(sums, shards, images, int(skipped))
        os.truncate(self.path / SKIPPED, self.state.skipped_bytes)
        for split in SPLITS:
            os.truncate(self.path / index_name(split), images[split] * RECORD.itemsize)


def _check_same(path: Path, before: dict, wanted: dict) -> None:
    """DataError unless the set at `path` is what is to be made."""
    for name, value in wanted.items():
        if name not in ("source", "files", "classes") and before.get(name) != value:
            there = before.get(name)
            raise DataError(
                f"{path} was prepared with {name} {there}, wanted {value}: give another DST"
            )
    if any(before[name] != wanted[name] for name in ("source", "files", "classes")):
        raise DataError(
            f"{path} holds what was prepared from other files ({_counts(before)}; the source has "
            f"{_counts(wanted)}): give another DST, or put the source back as it was"
        )


def _counts(description: dict) -> str:
    train, val = (description["files"][split] for split in SPLITS)
    return f"{train:,} and {val:,} for validation in {len(description['classes']):,} classes"


def _is_ours(file: Path) -> bool:
    """Whether a run that was killed at its very beginning can have left this."""
    return file.name == SKIPPED or _is_part(file)


def _is_part(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".part")


def _append(path: Path, data: bytes) -> int:
    with open(path, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return len(data)


def _lines(texts: Iterable[str]) -> bytes:
    escaped = (text.replace("\n", "\\n") + "\n" for text in texts)
    return "".join(escaped).encode("utf-8", "surrogateescape")
