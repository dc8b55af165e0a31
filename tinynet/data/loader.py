"""The loader: batches of images for one epoch, decoded ahead of training by worker threads.

All random numbers are drawn before the epoch starts, from (seed, epoch), and belong to the image,
not to the thread that decodes it. So the samples are the same for any number of workers, an
interrupted epoch can resume at any batch, and a batch can be split over many machines.

Threads are enough, since Pillow releases Python's global lock while it decodes and scales. They
stay `prefetch` batches ahead and no more; the loader counts the seconds that training waited.
"""

import math
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tinynet.console.printable import complain
from tinynet.data.dataset import Dataset
from tinynet.data.errors import BadImage, DataError

PART = 16  # images per task: so few that all workers share a batch, and the first comes soon


@dataclass(frozen=True)
class Batch:
    """n images and what is to be done to them; `number` is the batch's place in the epoch."""

    images: np.ndarray  # uint8 (n, 3, S, S)
    labels: np.ndarray  # int64 (n,)
    top: np.ndarray  # int32 (n,), the crop's first row
    left: np.ndarray  # int32 (n,), the crop's first column
    flip: np.ndarray  # int32 (n,), 1 where the crop is mirrored left to right
    colour: np.ndarray  # float32 (n, 3), standard normal: how far along each colour component
    indices: np.ndarray  # int64 (n,), which images of the dataset
    number: int


def print_skip(name: str, reason: str) -> None:
    """What `Loader` does with a bad image unless told otherwise: one line on stderr."""
    complain(f"skipped {name}: {reason}")


class Loader:
    """Batches of `dataset`: shuffled, cropped and flipped at random for training, else as it is.

    Training drops an incomplete last batch, unless it is the only one; without `train` all images
    come, in order, with the centre crop. `crop` and `flip` can switch off the two augmentations.

    Images that cannot be read are left out of their batch. `skipped` has the name and reason of
    each, and `on_skip(name, reason)` is called once for each; the reason says when a class has none
    left. Files that cannot be images are reported in one call for each reason. `wait_seconds` is
    how long the caller has waited for batches.

    With `part`, what it gives of n things, each batch holds only this part of its images: that of
    one of the ranks that share an epoch. It may be empty. What the others could not read they tell
    one another (`news`, `learn`).
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        seed: int,
        workers: int,
        train: bool,
        crop: bool = True,
        flip: bool = True,
        prefetch: int = 3,
        on_skip: Callable[[str, str], None] = print_skip,
        part: Callable[[int], slice] | None = None,
    ) -> None:
        for name, value in (
            ("batch_size", batch_size),
            ("workers", workers),
            ("prefetch", prefetch),
        ):
            if value < 1:
                raise ValueError(f"Loader: {name} is {value}, wanted at least 1")
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self.train = train
        self.crop = crop
        self.flip = flip
        self.prefetch = prefetch
        self.on_skip = on_skip
        self.part = part
        self.news: list[tuple[str, str, int]] = []  # name, reason and label of images found bad
        self.skipped: dict[str, str] = {}
        self._readable = np.bincount(dataset.labels)  # images of each class, as far as is known
        self.wait_seconds = 0.0
        most = min(batch_size, len(dataset))
        if part is not None:
            most = max(p.stop - p.start for p in map(part, range(most + 1)))
        self._memory = _Memory(most, 3, dataset.store_size, dataset.store_size)
        self._skip_ignored()

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.train and whole else whole + (rest > 0)

    def epoch(self, epoch: int, start_batch: int = 0) -> Iterator[Batch]:
        """The batches of epoch number `epoch` from `start_batch` on, always the same ones.

        The threads end with the iterator: when it is exhausted, closed (`break` does that) or left
        by an exception. Raises DataError if no image of a whole epoch could be read.
        """
        order, *drawn = self.draw(epoch)
        numbers = range(start_batch, len(self))
        starting = iter(numbers)
        started: deque[_Pending] = deque()
        delivered = False
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="tinynet-data")

        def start_one() -> None:
            number = next(starting, None)
            if number is not None:
                indices = order[number * self.batch_size : (number + 1) * self.batch_size]
                indices = indices if self.part is None else indices[self.part(len(indices))]
                images = self._memory.take()[: len(indices)]
                started.append(_Pending(pool, self.dataset, indices, images))

        try:
            for _ in range(self.prefetch):
                start_one()
            for number in numbers:
                images, indices = self._wait(started.popleft())
                start_one()
                if len(indices) or self.part is not None:  # not all of them were bad
                    delivered = True
                    labels = self.dataset.labels[indices]
                    chosen = [values[indices] for values in drawn]
                    yield Batch(images, labels, *chosen, indices, number)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if len(numbers) and not delivered and start_batch == 0:
            self.refuse()

    def draw(self, epoch: int) -> tuple[np.ndarray, ...]:
        """The order of the images; then top, left, flip and colour of each, by its index."""
        count = len(self.dataset)
        slack = self.dataset.store_size - self.dataset.image_size
        order = np.arange(count)
        top = np.full(count, slack // 2, np.int32)
        left = np.full(count, slack // 2, np.int32)
        flip = np.zeros(count, np.int32)
        colour = np.zeros((count, 3), np.float32)
        if self.train:
            order = np.random.default_rng([self.seed, epoch]).permutation(count)
            rng = np.random.default_rng([self.seed, epoch, 1])
            offsets = rng.integers(0, slack, (2, count), np.int32, endpoint=True)
            flips = rng.integers(0, 1, count, np.int32, endpoint=True)
            rng = np.random.default_rng([self.seed, epoch, 2])
            colour = rng.standard_normal((count, 3), np.float32)
            if self.crop:
                top, left = offsets
            if self.flip:
                flip = flips
        return order, top, left, flip, colour

    def _wait(self, pending: "_Pending") -> tuple[np.ndarray, np.ndarray]:
        began = time.perf_counter()
        try:
            images, indices, bad = pending.result()
        finally:
            self.wait_seconds += time.perf_counter() - began
        for index, error in bad:
            if error.name not in self.skipped:
                self._skip(error.name, error.reason, self.dataset.labels[index])
                self.news.append((error.name, error.reason, int(self.dataset.labels[index])))
        return images, indices

    def learn(self, news: list[tuple[str, str, int]]) -> None:
        """Take note of the `news` of a loader that has another part of the images."""
        for name, reason, label in news:
            if name not in self.skipped:
                self._skip(name, reason, label)

    def _skip(self, name: str, reason: str, label: int) -> None:
        self._readable[label] -= 1
        if self._readable[label] == 0:
            reason += (
                f"; this leaves class {self.dataset.classes[label]} without an image in "
                f"{self.dataset.split}"
            )
        self.skipped[name] = reason
        self.on_skip(name, reason)

    def _skip_ignored(self) -> None:
        self.skipped |= self.dataset.ignored
        first: dict[str, str] = {}  # of each reason
        for name, reason in self.skipped.items():
            first.setdefault(reason, name)
        counts = Counter(self.skipped.values())
        for reason, name in first.items():
            self.on_skip(name, f"{reason}{_and(counts[reason] - 1)}")

    def refuse(self) -> None:
        """Raise DataError: no image of an epoch could be read."""
        ignored = self.dataset.ignored
        name, reason = next(item for item in self.skipped.items() if item[0] not in ignored)
        raise DataError(
            f"{self.dataset.name}: not one of the {len(self.dataset):,} images of "
            f"{self.dataset.split} could be read; the first: {name}: {reason}"
        )


def _and(others: int) -> str:
    if others == 0:
        return ""
    return "; 1 other, too" if others == 1 else f"; {others:,} others, too"


class _Memory:
    """Arrays for images in reused memory: fresh pages would cost a fifth of the decoding time."""

    def __init__(self, *shape: int) -> None:
        self._shape = shape
        self._free: list[memoryview] = []

    def take(self) -> np.ndarray:
        """A uint8 array of the shape; its memory is reused once it and all its views are gone."""
        memory = self._free.pop() if self._free else np.empty(math.prod(self._shape), np.uint8).data
        array = np.frombuffer(memory, np.uint8)  # the base of all its views
        weakref.finalize(array, self._free.append, memory)
        return array.reshape(self._shape)


class _Pending:
    """A batch in progress: the pool fills `images`, a few per task."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        dataset: Dataset,
        indices: np.ndarray,
        images: np.ndarray,
    ) -> None:
        self._indices = indices
        self._images = images
        starts = range(0, len(indices), PART)
        self._tasks: list[Future] = [pool.submit(self._fill, dataset, start) for start in starts]

    def _fill(self, dataset: Dataset, start: int) -> list[tuple[int, BadImage]]:
        """Load up to PART images; return the places of the bad ones, and what is wrong there."""
        bad = []
        for place in range(start, min(start + PART, len(self._indices))):
            try:
                self._images[place] = dataset.load(self._indices[place])
            except BadImage as error:
                bad.append((place, error))
        return bad

    def result(self) -> tuple[np.ndarray, np.ndarray, list[tuple[int, BadImage]]]:
        """Wait; return the good images, their indices, and index and error of each bad one."""
        bad = [item for task in self._tasks for item in task.result()]
        if not bad:
            return self._images, self._indices, []
        places = [place for place, _ in bad]
        errors = [(self._indices[place], error) for place, error in bad]
        return np.delete(self._images, places, 0), np.delete(self._indices, places), errors
