"""What a network takes the images of a data set for: how often which class for which, and where it
is surest of what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet.data import Dataset, Loader
from tinynet.training.evaluate import Network, mean_of_probabilities, predictions


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
    for batch, of_views in predictions(network, loader, views=1):
        log_p = mean_of_probabilities(of_views)
        said = log_p.argmax(axis=1)
        surest = np.exp(log_p[np.arange(len(said)), said])
        parts.append((batch.indices, batch.labels, said, surest))
        done += len(said)
        after_batch(done)
    return Verdicts(*map(np.concatenate, zip(*parts)))
