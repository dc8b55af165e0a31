"""DST while it is being prepared: who may write to it, how far it has come, how it is finished.

After each shard `.progress.npz` is replaced as a whole. It alone says what is done: which shards,
the sums over their images, how long the indices are, and the files that were skipped. Anything
beyond that, whole shards or parts of them, was left by a killed run and is made again.

It stays in the finished set, since all other files follow from it or from the shards: a damaged or
missing one is restored exactly as it was, without reading a photograph.
"""

import io
import os
import weakref
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tinynet.data.errors import DataError
from tinynet.data.folder import SPLITS
from tinynet.data.prepared import (
    DESCRIPTION,
    PROGRESS,
    RECORD,
    SKIPPED,
    STATISTICS,
    Shard,
    description_text,
    index_name,
    is_prepared,
    read_description,
    read_statistics,
    shards_of,
)
from tinynet.data.preparing.shards_write import checksum, records_of
from tinynet.data.preparing.state import State, read_state, save_state
from tinynet.data.statistics import Sums
from tinynet.files.file_lock import lock
from tinynet.files.whole_file import naming, whole_file


class Destination:
    """The folder at `path`, locked, which is to hold what `wanted` describes.

    `state` is how far it has come; `mended` counts the restored files, each reported to `warn`.
    Raises DataError if the folder holds anything else, or another process is at work on it.
    """

    def __init__(
        self, path: Path, wanted: dict, ignored: list[str], warn: Callable[[str], None]
    ) -> None:
        self.path, self.mended, self._wanted, self._warn = path, 0, wanted, warn
        self._finished = self._is_older = False  # according to dataset.json
        if path.exists() and not path.is_dir():
            raise DataError(f"{path} is a file, wanted a folder")
        path.mkdir(parents=True, exist_ok=True)
        if not is_prepared(path) and not all(map(_is_ours, path.iterdir())):
            raise DataError(f"{path} is not empty and holds no prepared data set: give another DST")
        self._lock()
        if is_prepared(path):
            self._resume(ignored)
        else:
            self._begin(ignored)

    def commit(self, shard: Shard, records: np.ndarray, skipped: list[str], sums: Sums) -> None:
        """Record that the shard is in its place, and what is in it."""
        state = self.state
        index, lines = records.tobytes(), _lines(skipped)
        _append(self.path / index_name(shard.split), index)
        _append(self.path / SKIPPED, lines)
        state.index_crc32[shard.split] = zlib.crc32(index, state.index_crc32[shard.split])
        state.skipped += lines
        state.shards.append(shard)
        state.images[shard.split] += len(records)
        state.sums.add_all(sums)
        save_state(self.path, self.state, self._wanted)

    def mend(self) -> None:
        """Restore damaged indices; the finished shards must be whole."""
        for split in SPLITS:
            file = self.path / index_name(split)
            if not file.is_file() or checksum(file)[1] != self.state.index_crc32.get(split):
                shards = [shard for shard in self.state.shards if shard.split == split]
                records = [records_of(self.path, shard).tobytes() for shard in shards]
                self._give(file.name, b"".join(records), told=True)

    def finish(self) -> None:
        """All shards are done: write what describes the whole set, dataset.json last."""
        if self.state.sums is None:
            return  # dataset.json and statistics.npz exist, and are all that is known
        statistics, file = self.state.sums.statistics(), io.BytesIO()
        np.savez(file, mean=statistics.mean, covariance=statistics.covariance)
        self._give(STATISTICS, file.getvalue(), told=self._finished)
        fields = [(s.split, s.number, s.bytes, s.crc32) for s in self.state.shards]
        rest = {
            "finished": True,
            "images": self.state.images,
            "shards": fields,
            "index_crc32": self.state.index_crc32,
        }
        # An older `prepare` wrote no checksums: theirs is replaced, but was not damaged.
        told = self._finished and not self._is_older
        self._give(DESCRIPTION, description_text({**self._wanted, **rest}), told)

    def skipped(self) -> list[str]:
        """The lines of skipped.txt."""
        lines = self.state.skipped.split(b"\n")[:-1]  # splitlines would cut names at other letters
        return [line.decode("utf-8", "surrogateescape") for line in lines]

    def _lock(self) -> None:
        try:
            weakref.finalize(self, os.close, lock(self.path / SKIPPED))  # it is never replaced
        except BlockingIOError:
            raise DataError(f"{self.path}: another `prepare` is at work on it") from None

    def _unfinished(self) -> bytes:
        return description_text({**self._wanted, "finished": False})

    def _give(self, name: str, data: bytes, told: bool) -> None:
        """Write the file unless it holds `data` already; `told`: report it, as it should have."""
        file = self.path / name
        if file.is_file() and file.read_bytes() == data:
            return
        with whole_file(file) as opened:
            opened.write(data)
        if told:
            self._tell(name)

    def _tell(self, name: str) -> None:
        self._warn(f"{self.path / name} was missing or damaged and has been restored")
        self.mended += 1

    def _begin(self, ignored: list[str]) -> None:
        self._give(DESCRIPTION, self._unfinished(), told=False)
        self._clear_parts()
        for split in SPLITS:
            _write(self.path / index_name(split), b"")
        _write(self.path / SKIPPED, _lines(ignored))
        self.state = State(Sums(self._wanted["size"]), skipped=_lines(ignored))
        save_state(self.path, self.state, self._wanted)

    def _resume(self, ignored: list[str]) -> None:
        """Continue from what `.progress.npz` says is there, or else dataset.json."""
        try:
            before, self.state = read_state(self.path)
        except DataError:
            self._resume_without_progress(ignored)
            return
        _check_same(self.path, before, self._wanted)
        self._clear_parts()
        self._cut_back()
        try:
            found = read_description(self.path)
            self._finished, self._is_older = found["finished"], "crc32" not in found
        except DataError:
            self._give(DESCRIPTION, self._unfinished(), told=True)

    def _resume_without_progress(self, ignored: list[str]) -> None:
        """Continue by dataset.json alone, if statistics.npz is whole: it could not be restored."""
        path = self.path
        try:
            before = read_description(path)
        except DataError:
            raise DataError(
                f"{path}: neither {DESCRIPTION} nor {PROGRESS} can be read, and nothing else "
                "records what it was prepared from: give another DST"
            ) from None
        _check_same(path, before, self._wanted)
        try:
            if before["finished"]:
                read_statistics(path, before["size"])
                skipped = (path / SKIPPED).read_bytes()
                known = before.get("index_crc32", {})
                self.state = State(None, shards_of(before), before["images"], known, skipped)
                self._clear_parts()
                left_out = sum(before["files"].values()) - sum(before["images"].values())
                if len(self.skipped()) < left_out:
                    self._warn(
                        f"{path / SKIPPED} was missing or damaged and cannot be restored: "
                        f"images that could not be read: {left_out:,}"
                    )
                return
        except DataError as error:
            self._warn(str(error).split(";")[0])
        if any(path.glob("*.tar")):
            self._warn(
                f"{path / PROGRESS} is missing or damaged and can only be rebuilt from the "
                "photographs: all are read again"
            )
        self._begin(ignored)

    def _cut_back(self) -> None:
        """Remove from indices and skipped.txt what a killed run added after its last state."""
        for split in SPLITS:
            file, size = self.path / index_name(split), self.state.images[split] * RECORD.itemsize
            if file.is_file() and file.stat().st_size > size:
                os.truncate(file, size)
        file = self.path / SKIPPED  # it holds the lock, so it is changed in place
        found = file.read_bytes()
        if not found.startswith(self.state.skipped):
            _write(file, self.state.skipped)
            self._tell(SKIPPED)
        elif found != self.state.skipped:
            os.truncate(file, len(self.state.skipped))

    def _clear_parts(self) -> None:
        for part in filter(_is_part, self.path.iterdir()):
            part.unlink()


def _check_same(path: Path, before: dict, wanted: dict) -> None:
    """Raise DataError unless the set at `path` is the one to be made."""
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
    """Whether a run killed at its very beginning could have left this."""
    return file.name == SKIPPED or _is_part(file)


def _is_part(file: Path) -> bool:
    return file.name.startswith(".") and file.name.endswith(".part")


def _write(path: Path, data: bytes) -> None:
    with naming(path):
        path.write_bytes(data)


def _append(path: Path, data: bytes) -> None:
    with naming(path), open(path, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _lines(texts: Iterable[str]) -> bytes:
    escaped = (text.replace("\n", "\\n") + "\n" for text in texts)
    return "".join(escaped).encode("utf-8", "surrogateescape")
