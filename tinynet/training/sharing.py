"""A batch that several ranks share: each has a part of its images, and knows where that part lies.

Every rank draws the same order of the images, and loads its part of each batch alone. An image that
cannot be read is left out, so before each batch the ranks tell one another how many images they
have: the place of an image in the batch decides what dropout draws for it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tinynet.data import Batch, Loader
from tinynet.nn import Dropout, Module
from tinynet.parallel.ranks import STUCK, Alone
from tinynet.training.errors import Interrupted


@dataclass(frozen=True)
class Share:
    """This rank's part of a batch of `images`; `first` is the place of its first image there."""

    batch: Batch
    first: int
    images: int


def shares(
    batches: Iterable[Batch], loader: Loader, ranks: Alone, stop: Callable[[], bool]
) -> Iterator[Share]:
    """The `batches` of `loader` as the ranks share them.

    Raises Interrupted, between two batches, on all ranks if `stop()` is true on any.
    """
    if ranks.size == 1:
        for batch in batches:
            yield Share(batch, 0, len(batch.labels))
            if stop():
                raise Interrupted
        return
    came = seen = 0
    for batch in batches:
        news, loader.news = loader.news, []
        told = ranks.gather((len(batch.labels), news, stop()), STUCK)
        counts, of_all, stopping = zip(*told)
        for others_news in of_all:
            loader.learn(others_news)
        if any(stopping):
            ranks.all_stop()
            raise Interrupted
        came, seen = came + 1, seen + sum(counts)
        if sum(counts):
            yield Share(batch, sum(counts[: ranks.rank]), sum(counts))
            ranks.has_trained()
    if came == len(loader) and not seen:
        ranks.all_stop()
        loader.refuse()


def place_dropout(model: Module, first: int) -> None:
    """From now on `model` sees a part of a batch that begins with image number `first` of it."""
    for _, module in model.named_modules():
        if isinstance(module, Dropout):
            module.first = first


def pass_dropout(model: Module) -> None:
    """Count a step in which this rank had no image, and its `model` nothing to do."""
    for _, module in model.named_modules():
        if isinstance(module, Dropout):
            module.counter += 1
