"""A prepared data set, which training reads image by image, in any order.

A shard is a plain tar, so an image is read with one `pread` at its offset from the index; other
programs read the same shards from front to back. The checksum is there because a JPEG damaged in
the middle still decodes, to another picture.
"""

import os
import tarfile
import zlib
from pathlib import Path

import numpy as np

from tinynet.data.dataset import Dataset
from tinynet.data.errors import BadImage, DataError
from tinynet.data.images import decode_image
from tinynet.data.prepared import (
    CURE,
    check_sizes,
    read_description,
    read_index,
    read_statistics,
    shard_name,
    shards_of,
)
from tinynet.files.regular_file import open_regular


class ShardDataset(Dataset):
    """The images of `split` in the prepared set at `path`."""

    def __init__(self, path: Path, split: str, image_size: int, store_size: int) -> None:
        description = read_description(path)
        if not description["finished"]:
            raise DataError(
                f"{path}: not finished: run the same `prepare SRC DST` again; it continues where "
                "it stopped"
            )
        self._path = path
        check_sizes(path, [shard for shard in shards_of(description) if shard.split == split])
        self._records = read_index(path, split, description)
        super().__init__(
            path.resolve().name,
            split,
            description["classes"],
            self._records["label"],
            image_size,
            store_size,
        )
        if split == "train" and store_size == description["size"]:
            self.statistics = read_statistics(path, store_size)

    def read(self, i: int) -> np.ndarray:
        shard, offset, size, _, crc32 = self._records[i].tolist()
        try:
            # Opened each time: a thousand shards would be too many open files.
            file = os.open(self._path / shard_name(self.split, shard), os.O_RDONLY | os.O_NONBLOCK)
            try:
                data = os.pread(file, size, offset)
            finally:
                os.close(file)
        except OSError as error:
            raise BadImage(self.describe(i), error.strerror or str(error)) from error
        if len(data) != size or zlib.crc32(data) != crc32:
            raise BadImage(self.describe(i), f"damaged since it was prepared; {CURE}")
        try:
            return decode_image(data, self.store_size)
        except BadImage as error:  # its name takes a second look into the shard
            raise BadImage(self.describe(i), error.reason) from error

    def describe(self, i: int) -> str:
        shard, offset = self._records[i].tolist()[:2]
        path = self._path / shard_name(self.split, shard)
        try:  # the image's name is in the header before it in the shard
            with open_regular(path) as file:
                header = os.pread(file.fileno(), tarfile.BLOCKSIZE, offset - tarfile.BLOCKSIZE)
            return f"{path}: {tarfile.TarInfo.frombuf(header, 'utf-8', 'surrogateescape').name}"
        except (OSError, tarfile.HeaderError):
            return f"{path}: the image at byte {offset:,}"
