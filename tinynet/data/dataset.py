"""A dataset: numbered images, each with a label, each given as uint8 (3, S, S).

Every dataset stores or makes its images a little larger (S, `store_size`) than the network sees
them (`image_size`), 256 to 224 in the paper, so that training can cut a different crop each time.
Cropping, flipping and subtracting the mean are arithmetic on whole batches, not done here.
"""

import math
import mmap
from abc import ABC, abstractmethod

import numpy as np
from PIL import Image

from tinynet.console.printable import complain
from tinynet.console.sentences import megabytes
from tinynet.data.images import fit_square, to_array

CACHE_LIMIT = 2**30  # bytes of decoded images kept in memory, for a split that fits in whole


class Dataset(ABC):
    """What the loader sees. Each kind of dataset defines `read` and `describe` for one image.

    Attributes: `name`; `split` ("train" or "val"); `classes`, readable names; `labels`, int64
    (len,); `image_size`; `store_size`; `prepared`, false where `prepare` would save work with each
    image; `ignored`, the files left out because they cannot be images, and why; `statistics`, what
    `measure` would find in the images, if known beforehand.
    """

    prepared = True

    def __init__(
        self,
        name: str,
        split: str,
        classes: list[str],
        labels: np.ndarray,
        image_size: int,
        store_size: int,
    ) -> None:
        self.name = name
        self.split = split
        self.classes = classes
        self.labels = np.asarray(labels, np.int64)
        self.image_size = image_size
        self.store_size = store_size
        self.ignored: dict[str, str] = {}
        self.statistics = None
        self._cache = None

    def keep_decoded(self, limit: int = CACHE_LIMIT) -> None:
        """From now on, keep each image that was decoded, if all of them have at most `limit` bytes.

        Where there is no memory for them, a line on stderr says so, and none is kept.
        """
        shape = (len(self), 3, self.store_size, self.store_size)
        size = math.prod(shape)
        if not 0 < size <= limit:
            return
        try:
            # Each page of 4 KB takes memory once it is written; np.empty asks for pages of 2 MB.
            self._cache = np.frombuffer(mmap.mmap(-1, size), np.uint8).reshape(shape)
            self._cached = np.zeros(len(self), bool)
        except (OSError, MemoryError) as error:
            self._cache = None
            reason = getattr(error, "strerror", None) or "no memory"
            complain(
                f"warning: the decoded images of {self.name}/{self.split}, {megabytes(size, 0)} MB,"
                f" are not kept in memory ({reason}): each epoch decodes them again"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, i: int) -> np.ndarray:
        """Image `i` as uint8 (3, S, S), to be read only. Raises BadImage. Thread-safe."""
        if self._cache is None:
            return self.read(i)
        if not self._cached[i]:
            # Two threads may both come here; they write the same bytes, and the mark comes last.
            self._cache[i] = self.read(i)
            self._cached[i] = True
        return self._cache[i]

    @abstractmethod
    def read(self, i: int) -> np.ndarray:
        """Make image `i`: uint8 (3, S, S). Raises BadImage."""

    def describe(self, i: int) -> str:
        """The name of image `i` in messages."""
        return f"{self.name}/{self.split}/{i}"


class Sample(Dataset):
    """`count` images of another dataset, or all if it has fewer, in its order.

    They are taken at even distances from the images class by class, so that each class has its
    share of the sample, in whichever order the dataset has them.
    """

    def __init__(self, whole: Dataset, count: int) -> None:
        self._whole = whole
        count = min(count, len(whole))
        by_class = np.argsort(whole.labels, kind="stable")
        self._chosen = np.sort(by_class[np.arange(count) * len(whole) // max(count, 1)])
        labels = whole.labels[self._chosen]
        sizes = whole.image_size, whole.store_size
        super().__init__(whole.name, whole.split, whole.classes, labels, *sizes)

    def read(self, i: int) -> np.ndarray:
        return self._whole.load(self._chosen[i])

    def describe(self, i: int) -> str:
        return self._whole.describe(self._chosen[i])


class ArrayDataset(Dataset):
    """Small images, all in memory: `pixels` uint8 (N, 3, h, w), or (N, 1, h, w) for gray."""

    def __init__(
        self,
        name: str,
        split: str,
        classes: list[str],
        labels: np.ndarray,
        image_size: int,
        store_size: int,
        pixels: np.ndarray,
    ) -> None:
        super().__init__(name, split, classes, labels, image_size, store_size)
        self._pixels = pixels

    def keep_decoded(self, limit: int = CACHE_LIMIT) -> None:
        """Nothing: to scale a 32 x 32 image costs next to nothing."""

    def read(self, i: int) -> np.ndarray:
        pixels = self._pixels[i]
        gray = len(pixels) == 1
        if pixels.shape[1:] == (self.store_size, self.store_size):
            return np.repeat(pixels, 3, axis=0) if gray else pixels
        image = Image.fromarray(pixels[0] if gray else pixels.transpose(1, 2, 0))
        return to_array(fit_square(image, self.store_size))
