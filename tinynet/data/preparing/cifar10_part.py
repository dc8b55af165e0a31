"""A part of CIFAR-10 as a data set of its own, in the same format: experiments need it small.

The images are the first ones of each split, or those after the first `skip`; they lie there in no
order, so each class has about its share. The folder can be given wherever CIFAR-10 can.
"""

from pathlib import Path

import numpy as np

from tinynet.data.cifar10 import FILES, PLACES
from tinynet.data.dataset import Dataset
from tinynet.data.errors import DataError
from tinynet.files.whole_file import whole_file

SIDE = 32


def has_part(folder: Path) -> bool:
    """Whether a part was written into `folder`, all of it."""
    return all((folder / PLACES[-1] / name).exists() for names in FILES.values() for name in names)


def write_part(
    datasets: dict[str, Dataset], folder: Path, train: int, val: int, skip: int = 0
) -> None:
    """Write `train` and `val` images of CIFAR-10, `datasets` by split, into `folder`.

    `skip`: how many training images to pass over first. Raises DataError if there are too few, or
    if they are not CIFAR-10's.
    """
    place = folder / PLACES[-1]
    place.mkdir(parents=True, exist_ok=True)
    for split, first, count in (("train", skip, train), ("val", 0, val)):
        dataset, names = datasets[split], FILES[split]
        if dataset.store_size != SIDE or first + count > len(dataset):
            raise DataError(
                f"{dataset.name}: wanted {first + count:,} images for {split}, as CIFAR-10 has "
                f"them, found {len(dataset):,}"
            )
        for name, indices in zip(names, np.array_split(range(first, first + count), len(names))):
            with whole_file(place / name) as file:
                file.writelines(_record(dataset, i) for i in indices)


def _record(dataset: Dataset, i: int) -> bytes:
    """A byte for the label, then 1,024 each of red, green and blue."""
    return bytes([int(dataset.labels[i])]) + dataset.read(i).tobytes()
