"""What a network takes the images of a data set for: how often which class for which, and where it
is surest of what is wrong; and a few images of all classes, to be shown."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet.data import BadImage, DataError, Dataset, Loader
from tinynet.training.evaluate import Network, log_probabilities


@dataclass(frozen=True)
class Verdicts:
    """For each image that could be read, in order, by its centre crop."""

    indices: np.ndarray  # (n,), of the image in its dataset
    labels: np.ndarray  # (n,), the true class
    said: np.ndarray  # (n,), the likeliest class
    probability: np.ndarray  # (n,), of that class

    def confusion(self, classes: int) -> np.ndarray:
        """How many images of each class are taken for each: (true class, class said)."""
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (self.labels, self.said), 1)
        return counts

    def mistakes(self) -> np.ndarray:
        """Where the likeliest class is wrong: places in these arrays, the surest mistake first."""
        wrong = np.flatnonzero(self.said != self.labels)
        return wrong[np.argsort(-self.probability[wrong], kind="stable")]


def judge(
    network: Network, dataset: Dataset, workers: int, after_batch: Callable[[int], None]
) -> Verdicts:
    """Show the network all images; `after_batch(done)` counts them. DataError if none is readable.

    Images that cannot be read are left out without a word: validation reports them.
    """
    loader = Loader(
        dataset, 128, seed=0, workers=workers, train=False, on_skip=lambda name, why: None
    )
    parts, done = [], 0
    for batch in loader.epoch(0):
        log_p = log_probabilities(network, batch.images)
        said = log_p.argmax(axis=1)
        surest = np.exp(log_p[np.arange(len(said)), said])
        parts.append((batch.indices, batch.labels, said, surest))
        done += len(said)
        after_batch(done)
    return Verdicts(*map(np.concatenate, zip(*parts)))


def most_confused(counts: np.ndarray, most: int) -> np.ndarray:
    """The classes of a confusion matrix, in order; if they are many, the `most` mistaken."""
    wrong = counts - np.diag(counts.diagonal())
    return np.sort(np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")[:most])


def a_few(dataset: Dataset, count: int) -> list[int]:
    """The indices of `count` readable images from as many classes as possible, always the same.

    Raises DataError if there are none.
    """
    seen: Counter[int] = Counter()
    rounds = {}  # of each image: how many of its class come before it
    for i in np.random.default_rng(0).permutation(len(dataset)):
        rounds[int(i)] = seen[dataset.labels[i]]
        seen[dataset.labels[i]] += 1
    chosen: list[int] = []
    for i in sorted(rounds, key=rounds.get):
        try:
            dataset.load(i)
        except BadImage:
            continue  # validation, which looks at all images, reports it
        chosen.append(i)
        if len(chosen) == count:
            break
    if not chosen:
        raise DataError(f"{dataset.name}: no image of {dataset.split} could be read")
    return chosen
