"""What training must know about all its images: their mean, and how their colours vary together.

The mean image is subtracted from the network's input (the paper's section 2, "mean activity"); the
covariance of red, green and blue gives the colour noise of section 4.1. Sums are exact, over
integers, so the number of threads, the order of work and the division into shards change no bit.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from tinynet.data.dataset import Dataset
from tinynet.data.errors import BadImage, DataError

PART = 64  # images per task
ROWS = 64  # of each image, or a few more, give the covariance of the colours


@dataclass(frozen=True)
class Statistics:
    """`mean` float64 (3, S, S) of 0..255; `covariance` float64 (3, 3) of the channels."""

    mean: np.ndarray
    covariance: np.ndarray


class Sums:
    """Exact sums over at most `limit` images, uint8 (3, S, S).

    `total` (3, S, S) sums each pixel; `products`, int64 (3, 3), sums the products of each two
    channels over some 64 rows of every image: the rows between would say the same of the colours,
    and cost as much as all the rest here.
    """

    def __init__(self, size: int, limit: int = 2**24) -> None:
        self.images = 0
        self.total = np.zeros((3, size, size), np.min_scalar_type(255 * limit))  # few bytes: fast
        self.products = np.zeros((3, 3), np.int64)
        self._step = max(1, size // ROWS)
        # A sum of products over a row must be an integer that the type holds: 24 or 53 bits.
        real = np.float32 if size * 255**2 <= 2**24 else np.float64
        self._rows = np.empty(self.total[:, :: self._step].shape, real)

    def add(self, image: np.ndarray) -> None:
        self.images += 1
        self.total += image
        rows = self._rows
        rows[...] = image[:, :: self._step]
        products = np.vecdot(rows[:, None], rows)  # (3, 3, rows)
        self.products += products.sum(2, dtype=np.float64).astype(np.int64)

    def add_all(self, other: "Sums") -> None:
        """Add the sums of another."""
        self.images += other.images
        self.total += other.total
        self.products += other.products

    def statistics(self) -> Statistics:
        """The statistics of the images added, at least one."""
        mean = self.total / self.images
        rows = mean[:, :: self._step]
        channels = rows.mean((1, 2))
        pixels = self.images * rows[0].size
        return Statistics(mean, self.products / pixels - np.outer(channels, channels))


def measure(
    dataset: Dataset,
    limit: int = 10_000,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int = 2,
) -> Statistics:
    """The statistics of a dataset's images as they are stored, before any crop.

    Of more than `limit` images a sample is taken, the same in each call. Bad images are left out.
    `progress` is called with the number of images done and the total.
    """
    if dataset.statistics is not None:
        return dataset.statistics
    indices = np.arange(len(dataset))
    if len(dataset) > limit:
        indices = np.sort(np.random.default_rng(0).choice(len(dataset), limit, replace=False))
    parts = [indices[start : start + PART] for start in range(0, len(indices), PART)]
    sums, done = Sums(dataset.store_size), 0
    with ThreadPoolExecutor(workers, thread_name_prefix="tinynet-data") as pool:
        for part, found in zip(parts, pool.map(_sum_images, repeat(dataset), parts)):
            sums.add_all(found)
            done += len(part)
            progress(done, len(indices))
    if sums.images == 0:
        raise DataError(f"{dataset.name}: no image of {dataset.split} could be read for the mean")
    return sums.statistics()


def _sum_images(dataset: Dataset, indices: Sequence[int]) -> Sums:
    sums = Sums(dataset.store_size, len(indices))
    for i in indices:
        try:
            sums.add(dataset.load(i))
        except BadImage:
            continue  # the loader reports it when training comes to it
    return sums


def colour_components(covariance: np.ndarray) -> np.ndarray:
    """The principal components of the colours, float64 (3, 3): row k is sqrt(lambda_k) * p_k.

    The paper's section 4.1 adds to each image a sum over k of alpha_k * lambda_k * p_k, with alpha
    from N(0, 0.1), and calls lambda the eigenvalues: for pixels in 0..255 they are in the thousands
    and would drown the picture. The released source takes their square roots, as is done here.
    Largest component first; each row's element of largest magnitude is made positive.
    """
    values, vectors = np.linalg.eigh(covariance)
    rows = (np.sqrt(values.clip(0)) * vectors).T[::-1]
    largest = np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1)
    return rows * np.where(largest < 0, -1, 1)
