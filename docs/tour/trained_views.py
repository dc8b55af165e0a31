"""Ten views of a trained network: the mean of probabilities beside the mean of logits.

python docs/tour/trained_views.py RUN
"""

import sys
from pathlib import Path

import numpy as np

from tinynet.data import Loader, open_dataset
from tinynet.models.alexnet import EXAMPLE
from tinynet.training.checkpoint import load_network
from tinynet.training.evaluate import (
    CENTRE,
    log_probabilities_of_views,
    mean_of_probabilities,
)
from tinynet.training.run_folder import RunFolder
from tinynet.training.scores import Scores, Tally


def softmax_of_mean(logits: list[np.ndarray]) -> np.ndarray:
    """The log of it; log probabilities are logits, but for a number that softmax takes away."""
    mean = np.mean(np.asarray(logits, np.float64), axis=0)
    return mean - np.logaddexp.reduce(mean, axis=1, keepdims=True)


def scores(run: Path) -> dict[str, Scores]:
    example = EXAMPLE
    network, its = load_network(RunFolder(run).steps()[-1], example.name, example.build, ("cpu",))
    sizes = network.inputs.image_size, its["seed"], network.store_size
    loader = Loader(open_dataset(its["data"], "val", *sizes), 64, seed=0, workers=2, train=False)
    kinds = {
        "one view": lambda views: views[CENTRE[10]],
        "ten, mean of probabilities": mean_of_probabilities,
        "ten, mean of logits": softmax_of_mean,
    }
    tallies = {kind: Tally() for kind in kinds}
    for batch in loader.epoch(0):
        views = log_probabilities_of_views(network, batch.images, 10)
        for kind, of_views in kinds.items():
            log_p = of_views(views)
            loss = -np.take_along_axis(log_p, batch.labels[:, None], axis=1).sum()
            tallies[kind].add(float(loss), log_p, batch.labels)
    return {kind: tally.scores() for kind, tally in tallies.items()}


def main() -> None:
    for kind, its in scores(Path(sys.argv[1])).items():
        print(f"{kind:<28} top-1 error {its.top1_error:7.2%}   loss {its.loss:.4f}")


if __name__ == "__main__":
    main()
