"""Fashion-MNIST: 60,000 + 10,000 gray images of 28 x 28 in ten classes (Xiao et al. 2017).

It took the place of MNIST's digits (LeCun et al. 1998), whose files have the same names; a folder
called mnist holds those. Four files in the IDX format: two zero bytes, a byte for the type (8:
unsigned bytes), one for the number of dimensions, each dimension as a big-endian 32-bit integer,
then the data. They may be gzipped. The test images are the validation split here.
"""

import lzma
import math
import zlib
from pathlib import Path

import numpy as np

from tinynet.data.compressed import unpacked
from tinynet.data.dataset import ArrayDataset
from tinynet.data.errors import DataError

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASSES = [
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
]
DIGITS = [*"0123456789"]
LARGEST = 2**28  # bytes of a file; the training images have 47 MB
PREFIXES = {"train": "train", "val": "t10k"}


def open_fashion_mnist(path: Path, split: str, image_size: int, store_size: int) -> ArrayDataset:
    """Fashion-MNIST, or MNIST from a folder of that name, from the IDX files in `path`."""
    images_file = _find(path, f"{PREFIXES[split]}-images-idx3-ubyte")
    labels_file = _find(path, f"{PREFIXES[split]}-labels-idx1-ubyte")
    pixels = _read_idx(images_file, dimensions=3)[:, None]  # (n, 1, h, w)
    labels = _read_idx(labels_file, dimensions=1)
    if len(pixels) != len(labels):
        raise DataError(
            f"{images_file} has {len(pixels):,} images and {labels_file} {len(labels):,} labels"
        )
    if labels.max() >= len(CLASSES):
        raise DataError(f"{labels_file} has the label {labels.max()}, wanted 0 to 9: damaged")
    name = kind_of_idx(path)
    classes = DIGITS if name == "mnist" else CLASSES
    return ArrayDataset(name, split, classes, labels, image_size, store_size, pixels)


def is_idx_folder(path: Path) -> bool:
    """Whether the folder `path` holds any of the image files."""
    return any(path.glob("*-images-idx3-ubyte*"))


def kind_of_idx(path: Path) -> str:
    """Which of the two a folder with such files holds, by its name or that of the folder it is in:
    "mnist", "MNIST/raw" and "mnist-digits" hold digits. The files themselves do not say."""
    names = [part.lower() for part in path.resolve().parts[-2:]]
    digits = any(name.startswith("mnist") for name in names)
    return "mnist" if digits and not any("fashion" in name for name in names) else "fashion-mnist"


def find_mnist(folder: Path) -> Path:
    """Where the digits lie: in `folder`/mnist."""
    if (place := folder / "mnist").is_dir():
        return place
    raise DataError(
        f"mnist: no files found. Put the four files (train-images-idx3-ubyte.gz ...) into {place}, "
        "or into another folder called mnist and give its path"
    )


def find_fashion_mnist(folder: Path) -> Path:
    """Where the files lie: in `folder`/fashion-mnist, or where Debian's package puts them."""
    for place in (folder / "fashion-mnist", DEBIAN_FOLDER):
        if place.is_dir():
            return place
    raise DataError(
        "fashion-mnist: no files found. On Debian or Ubuntu: apt install dataset-fashion-mnist; "
        f"elsewhere put the four files (train-images-idx3-ubyte.gz ...) into "
        f"{folder / 'fashion-mnist'}, or give the path of their folder"
    )


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    titled = "MNIST" if kind_of_idx(folder) == "mnist" else "Fashion-MNIST"
    raise DataError(f"{folder}: {name} or {name}.gz of {titled} missing")


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array in an IDX file."""
    header = 4 + 4 * dimensions
    try:
        with unpacked(path, LARGEST) as file:
            head = file.read(header)
            if len(head) < header or head[:4] != bytes([0, 0, 8, dimensions]):
                raise DataError(f"{path}: not an IDX file of bytes with {dimensions} dimensions")
            shape = tuple(np.frombuffer(head[4:], ">i4").tolist())
            size = math.prod(shape)
            wanted = " x ".join(map(str, shape))
            if min(shape) < 1 or size > LARGEST - header:
                raise DataError(
                    f"{path}: it says that it holds {wanted} bytes of data; wanted 1 to {LARGEST:,}"
                )
            data = file.read(size + 1)  # beyond the end, where gzip's checksum is
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: damaged or cut short ({error})") from error
    if len(data) != size:
        number = f"{len(data):,}" if len(data) < size else f"more than {size:,}"
        raise DataError(f"{path}: {number} bytes of data, wanted {wanted}")
    return np.frombuffer(data, np.uint8).reshape(shape)
