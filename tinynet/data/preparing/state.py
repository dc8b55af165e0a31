"""How far a set being prepared has come: what `.progress.npz` holds, written after each shard."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from tinynet.data.errors import DataError
from tinynet.data.folder import SPLITS
from tinynet.data.prepared import (
    CURE,
    PROGRESS,
    Bytes,
    Checksums,
    Count,
    Counts,
    Crc32,
    Made,
    Shard,
    read_arrays,
)
from tinynet.data.statistics import Sums
from tinynet.files.json_file import checked, parse_json
from tinynet.files.whole_file import whole_file

ShardRow = tuple[Annotated[int, Meta(ge=0, lt=len(SPLITS))], Count, Bytes, Crc32]


@dataclass
class State:
    """What is done: `shards` in the order they were made, and what was in them."""

    sums: Sums | None  # over the training images; None where only dataset.json describes the set
    shards: list[Shard] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    index_crc32: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    skipped: bytes = b""  # what skipped.txt holds


def save_state(path: Path, state: State, wanted: dict) -> None:
    """Replace the file in the folder `path` as a whole; `wanted` is what is being made there."""
    sums = state.sums
    shards = [(SPLITS.index(s.split), s.number, s.bytes, s.crc32) for s in state.shards]
    with whole_file(path / PROGRESS) as file:
        np.savez(
            file,
            shards=np.array(shards, np.int64).reshape(-1, 4),
            images=[state.images[split] for split in SPLITS],
            index_crc32=[state.index_crc32[split] for split in SPLITS],
            skipped=np.frombuffer(state.skipped, np.uint8),
            wanted=np.frombuffer(json.dumps(wanted).encode(), np.uint8),
            summed=sums.images,
            total=sums.total,
            products=sums.products,
        )


def read_state(path: Path) -> tuple[Made, State]:
    """What is being made in the folder `path`, and how far it has come. Raises DataError."""
    try:
        return _read(path / PROGRESS)
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path / PROGRESS}: damaged ({error}); {CURE}") from error


def _read(file: Path) -> tuple[Made, State]:
    (text,) = read_arrays(file, {"wanted": (np.uint8, (None,))}).values()
    made = checked(parse_json(text.tobytes()), Made)
    sums = Sums(made["size"])
    found = read_arrays(
        file,
        {
            "summed": (np.int64, ()),
            "total": (sums.total.dtype, sums.total.shape),
            "products": (np.int64, (3, 3)),
            "shards": (np.int64, (None, 4)),
            "images": (np.int64, (len(SPLITS),)),
            "index_crc32": (np.int64, (len(SPLITS),)),
            "skipped": (np.uint8, (None,)),
        },
    )
    sums.images = int(found["summed"])
    sums.total, sums.products = found["total"], found["products"]
    shards = checked(found["shards"].tolist(), list[ShardRow])
    return made, State(
        sums,
        [Shard(SPLITS[k], *rest) for k, *rest in shards],
        checked(dict(zip(SPLITS, found["images"].tolist())), Counts),
        checked(dict(zip(SPLITS, found["index_crc32"].tolist())), Checksums),
        found["skipped"].tobytes(),
    )
