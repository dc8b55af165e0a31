"""Data: from files on disk to batches of uint8 images. NumPy and Pillow, no tensors.

    dataset = open_dataset("photos.tar", "train", image_size=224)
    mean = measure(dataset).mean
    for batch in Loader(dataset, 128, seed=0, workers=2, train=True).epoch(0):
        batch.images, batch.labels, batch.top, batch.left, batch.flip, batch.colour

The files, in the order to read them:

    errors.py          what is wrong with the data, said to whoever gave them
    png.py, images.py  one file to pixels
    encoded.py         and pixels to a picture in a page
    dataset.py         what all datasets share
    shapes.py          drawn, so that nothing is downloaded
    compressed.py      an archive is unpacked no further than it can be right
    cifar10.py, fashion_mnist.py
    tar.py, tree.py    a folder, or an archive read as one
    synsets.py         the classes of ImageNet, and the words for them
    folder.py          photographs in a folder for each class
    statistics.py      the mean image, and how colours vary
    loader.py          batches, decoded ahead of training
    prepared.py        photographs load faster from a prepared set: its format
    shards.py          and a dataset that reads it
    preparing/         and what makes one
"""

from pathlib import Path

from tinynet.data.cifar10 import PLACES, download, find_cifar10, is_cifar10_folder, open_cifar10
from tinynet.data.dataset import CACHE_LIMIT, Dataset, Sample
from tinynet.data.errors import BadImage, DataError
from tinynet.data.fashion_mnist import (
    find_fashion_mnist,
    find_mnist,
    is_idx_folder,
    kind_of_idx,
    open_fashion_mnist,
)
from tinynet.data.folder import FolderDataset
from tinynet.data.images import decode_image
from tinynet.data.loader import Batch, Loader
from tinynet.data.prepared import is_prepared
from tinynet.data.shapes import Shapes
from tinynet.data.shards import ShardDataset
from tinynet.data.statistics import Statistics, colour_components, measure

__all__ = [
    "BadImage",
    "Batch",
    "DataError",
    "Dataset",
    "Loader",
    "NAMES",
    "Sample",
    "Statistics",
    "colour_components",
    "decode_image",
    "kind_of_data",
    "measure",
    "open_dataset",
]

DATA_FOLDER = Path("data")  # where datasets known by name are looked for and downloaded to
NAMES = ("shapes", "cifar10", "fashion-mnist", "mnist")
COMPRESSED = (".tar.gz", ".tgz", ".tar.xz", ".txz")


def open_dataset(
    spec: str | Path,
    split: str,
    image_size: int,
    seed: int = 0,
    store_size: int | None = None,
    *,
    cache: int = CACHE_LIMIT,
    fetch: bool = True,
) -> Dataset:
    """The "train" or "val" split of the dataset that `spec` names.

    `spec`: one of NAMES, or a path: a CIFAR-10 archive (.tar.gz, .tar.xz) or its folder, a folder
    with the files of Fashion-MNIST or, if that is its name, mnist, a folder that `prepare` made, or
    a folder or plain .tar with train/ and val/, each with one sub-folder per class. A missing
    CIFAR-10 archive of the official name, cifar-10-binary.tar.gz, is downloaded, unless `fetch` is
    false: it must be where not the user but a file names the data.

    The network sees crops of `image_size` pixels a side, cut from images of `store_size`, by
    default in the paper's proportion of 224 to 256. `seed` draws the shapes. Decoded images stay in
    memory if all of the split have at most `cache` bytes. Raises DataError.
    """
    if split not in ("train", "val"):
        raise ValueError(f"open_dataset: split is {split!r}, wanted 'train' or 'val'")
    if image_size < 1:
        raise ValueError(f"open_dataset: image_size is {image_size}, wanted at least 1")
    if store_size is None:
        store_size = round(image_size * 256 / 224)
    if store_size < image_size:
        raise ValueError(f"open_dataset: store_size {store_size} < image_size {image_size}")
    sizes = (image_size, store_size)
    try:
        dataset = _open(spec, split, sizes, seed, fetch)
    except OSError as error:
        raise DataError(f"{error.filename or spec}: {error.strerror or error}") from error
    dataset.keep_decoded(cache)
    return dataset


def kind_of_data(spec: str | Path) -> str:
    """What `spec` names, judging by names alone: one of NAMES, or "folder".

    The last is photographs in classes, prepared or not.
    """
    if spec in NAMES:
        return spec
    path = Path(spec).expanduser()
    if path.name.endswith(COMPRESSED) or (path.is_dir() and is_cifar10_folder(path)):
        return "cifar10"
    if path.is_dir() and is_idx_folder(path):
        return kind_of_idx(path)
    return "folder"


def _open(spec: str | Path, split: str, sizes: tuple[int, int], seed: int, fetch: bool) -> Dataset:
    kind, path = kind_of_data(spec), Path(spec).expanduser()
    if spec in NAMES:
        if kind == "shapes":
            return Shapes(split, *sizes, seed)
        if kind == "fashion-mnist":
            path = find_fashion_mnist(DATA_FOLDER)
        elif kind == "mnist":
            path = find_mnist(DATA_FOLDER)
        else:
            path = find_cifar10(DATA_FOLDER) or DATA_FOLDER / PLACES[0]
    if not path.exists():
        official = path.name == PLACES[0]
        if not (official and fetch):
            raise DataError(
                f"{path}: no such dataset: wanted {', '.join(NAMES)}, or the path of a "
                "folder or archive; if the data of a run has moved, --data gives its new place"
                + "; --data cifar10 downloads these"
                * official
            )
        download(path)
    if kind == "folder":
        return (ShardDataset if is_prepared(path) else FolderDataset)(path, split, *sizes)
    opener = open_cifar10 if kind == "cifar10" else open_fashion_mnist
    return opener(path, split, *sizes)
