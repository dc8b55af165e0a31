"""What is found in a finished run: errors over its epochs, and what its last network does.

All as plain numbers, small enough to be kept after the run is gone: shares from 0 to 1, not
percent.
"""

import numpy as np

from tinynet.commands.example import Example
from tinynet.data import Dataset, Loader, Sample, open_dataset
from tinynet.files.whole_file import whole_file
from tinynet.reports.ablation import training_errors
from tinynet.reports.colour_score import colour_scores, convolutions, count_towers
from tinynet.training.checkpoint import load_network
from tinynet.training.evaluate import (
    CENTRE,
    Network,
    evaluate,
    log_probabilities_of_views,
    mean_of_probabilities,
)
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import Settings

PROBABILITIES = "probabilities.npy"  # in the run's folder: float32 (images, classes), of 1 view
DECIMALS = 6


def measure(example: Example, settings: Settings, folder: RunFolder, views: int) -> dict:
    """What the run in `folder` came to; the probabilities of its validation images beside it.

    `views`: 10 to see them in as many, too.
    """
    log = folder.read_log()
    validations = [line for line in log if "val_top1_error" in line]
    devices = tuple(settings.devices.split(","))
    network, _ = load_network(folder.steps()[-1], example.name, example.build, devices)
    sizes = (network.inputs.image_size, settings.seed, network.store_size)
    train_set, val_set = (open_dataset(settings.data, split, *sizes) for split in ("train", "val"))
    options = {"batch_size": settings.batch_size, "workers": settings.workers}
    sample = Sample(train_set, len(val_set))
    seen = evaluate([network], [sample], **options, on_skip=lambda name, reason: None)
    found = {
        "classes": len(network.classes),
        "seconds": round(log[-1]["seconds"], 1),
        "top1": [_rounded(line["val_top1_error"]) for line in validations],
        "top5": [_rounded(line["val_top5_error"]) for line in validations],
        "training": [_rounded(error) for error in training_errors(log)],
        "fitted": seen.scores.top1_error,
        **_views(network, val_set, options, folder, views),
    }
    weight = convolutions(network.model)[0].state_dict()["weight"]
    if weight.shape[1] == 3:
        found["colours"] = [_rounded(float(score)) for score in colour_scores(weight)]
        found["towers"] = count_towers(network.model)
    return found


def _views(
    network: Network, val_set: Dataset, options: dict, folder: RunFolder, views: int
) -> dict:
    """The error with so many views, unless that is one; and all probabilities."""
    loader = Loader(val_set, options["batch_size"], seed=0, workers=options["workers"], train=False)
    labels, alone, together = [], [], []
    for batch in loader.epoch(0):
        of_views = log_probabilities_of_views(network, batch.images, views)
        labels.append(batch.labels)
        alone.append(np.exp(of_views[CENTRE[views]]))
        together.append(mean_of_probabilities(of_views))
    labels, alone, together = map(np.concatenate, (labels, alone, together))
    with whole_file(folder.path / PROBABILITIES) as file:
        np.save(file, alone.astype(np.float32))
    if views == 1:
        return {}
    return {f"top1_of_{views}_views": float(np.mean(together.argmax(1) != labels))}


def _rounded(share: float) -> float:
    return round(share, DECIMALS)
