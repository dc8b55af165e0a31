"""Arrays from an .npz that somebody else may have written, or a disk have damaged.

`np.load` makes an array as large as the file says. Here one says what is wanted, and a file with
anything else is refused before it gets memory.
"""

import errno
import math
import os
import zipfile
from typing import BinaryIO

import numpy as np

from tinynet.files.regular_file import open_regular

Wanted = tuple[np.dtype | type, tuple[int | None, ...]]  # None where any length will do
LARGEST = 2**30  # bytes of one array


def read_npz(path: str | os.PathLike, wanted: dict[str, Wanted]) -> dict[str, np.ndarray]:
    """The arrays that are `wanted`, by name, each of its dtype and shape, for the caller to change.

    Raises OSError if the file cannot be read or is no file, and ValueError if it holds anything
    else: the checksum of each array is verified.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {name: _read(archive, name, *want) for name, want in wanted.items()}
        except MemoryError:
            raise
        except Exception as error:  # a damaged file can raise anything at all inside a reader
            if (
                isinstance(error, OSError) and error.errno != errno.EINVAL
            ):  # a place before its start
                raise OSError(error.errno, error.strerror, str(path)) from error
            raise ValueError(str(error) or type(error).__name__) from error


def _read(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype | type, shape: tuple[int | None, ...]
) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        found, fortran, kind = _read_header(file)
        fits = len(found) == len(shape) and all(b in (a, None) for a, b in zip(found, shape))
        size = math.prod(found) * kind.itemsize
        if kind != dtype or fortran or not fits or size > LARGEST:
            lengths = ", ".join("any" if length is None else str(length) for length in shape)
            raise ValueError(f"{name} is {kind} {found}, wanted {np.dtype(dtype)} ({lengths})")
        data = file.read(size + 1)  # beyond the end, where the checksum is compared
    if len(data) != size:
        raise ValueError(f"{name} has {len(data):,} bytes, wanted {size:,}")
    return np.frombuffer(bytearray(data), kind).reshape(found)


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """What an .npy says of its array: shape, whether it is stored column by column, dtype."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an .npy of version {version}, wanted (1, 0)")
    return np.lib.format.read_array_header_1_0(file)
