"""What a network makes of images it was not trained on: errors on a data set, classes of a picture.

One view of an image is its centre crop. Ten views, as in the paper's section 4.1, are its four
corner crops, its centre crop and their mirror images; nine, as in the authors' CIFAR-10 nets, are
crops on a grid of 3 x 3. An ensemble is several networks. Either way the probabilities are
averaged, not the logits. Validation during training runs this same code.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product, zip_longest

import numpy as np

from tinynet import functional as F
from tinynet.data import DataError, Dataset, Loader
from tinynet.data.loader import print_skip
from tinynet.nn import Module
from tinynet.parallel.divided import without_images
from tinynet.parallel.ranks import ONE_PROCESS, Alone
from tinynet.tape import no_grad
from tinynet.training.inputs import Inputs
from tinynet.training.non_finite import first_bad_layer
from tinynet.training.scores import Scores, Tally
from tinynet.training.sharing import Share, shares


@dataclass(frozen=True)
class Network:
    """A model with all that it takes to feed it images and to name what it sees."""

    model: Module
    inputs: Inputs
    classes: list[str]
    store_size: int  # pixels per side of the images from which crops are cut


@dataclass(frozen=True)
class Evaluation:
    """What was found: of all networks and views together, and of fewer beside it."""

    scores: Scores
    one_view: Scores  # of the centre crops alone
    members: list[Scores]  # of each network alone


def evaluate(
    networks: Sequence[Network],
    datasets: Sequence[Dataset],
    *,
    batch_size: int,
    workers: int,
    views: int = 1,
    after_batch: Callable[[int, int], None] = lambda done, total: None,
    on_skip: Callable[[str, str], None] = print_skip,
    ranks: Alone = ONE_PROCESS,
    stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Errors and loss of one network or of an ensemble; `networks[i]` reads from `datasets[i]`.

    `after_batch(done, total)` counts images. Images that cannot be read do not count. Several
    `ranks` share the images, and all get the same result. Interrupted if `stop()` is ever true.
    """
    part = None if ranks.size == 1 else ranks.part
    options = {"seed": 0, "workers": workers, "train": False, "on_skip": on_skip, "part": part}
    streams = [
        predictions(network, Loader(dataset, batch_size, **options), views, ranks, stop)
        for network, dataset in zip(networks, datasets)
    ]
    done = 0
    together, one_view, alone = Tally(), Tally(), [Tally() for _ in networks]
    for members in zip_longest(*streams, fillvalue=(None, None)):
        shared, of_members = zip(*members)
        share = _same_batch(shared, datasets[0])
        labels = share.batch.labels
        means = [mean_of_probabilities(of_views) for of_views in of_members]
        _count(together, mean_of_probabilities(means), labels)
        centres = [of_views[CENTRE[views]] for of_views in of_members]
        _count(one_view, mean_of_probabilities(centres), labels)
        for tally, log_p in zip(alone, means):
            _count(tally, log_p, labels)
        done += share.images
        after_batch(done, len(datasets[0]))
    of_ranks = ranks.gather([together, one_view, *alone])
    whole, centre, *each = (Tally.of_all(parts).scores() for parts in zip(*of_ranks))
    return Evaluation(whole, centre, each)


def _count(tally: Tally, log_p: np.ndarray, labels: np.ndarray) -> None:
    loss = -np.take_along_axis(log_p, labels[:, None], axis=1).sum()
    tally.add(float(loss), log_p, labels)


def predictions(
    network: Network, loader: Loader, views: int, ranks: Alone, stop: Callable[[], bool]
) -> Iterator[tuple[Share, list[np.ndarray]]]:
    """Each batch of n images, and for each view of them their log probabilities (n, classes)."""
    none = np.empty((0, len(network.classes)))
    with closing(loader.epoch(0)) as batches:
        for share in shares(batches, loader, ranks, stop):
            images = share.batch.images
            if len(images):
                yield share, log_probabilities_of_views(network, images, views)
            else:
                for _ in range(views):
                    without_images(network.model)
                yield share, [none] * views


def _same_batch(shared: Sequence[Share | None], dataset: Dataset) -> Share:
    """The batch that every member of an ensemble was shown; DataError unless it is the same."""
    first = shared[0]
    for share in shared:
        if (
            share is None
            or first is None
            or not np.array_equal(share.batch.indices, first.batch.indices)
        ):
            raise DataError(
                f"{dataset.name}: an image of {dataset.split} could be read for one network of the "
                "ensemble but not for another: evaluate again"
            )
    return first


def log_probabilities(network: Network, images: np.ndarray, views: int = 1) -> np.ndarray:
    """The log of softmax averaged over the views: uint8 (n, 3, h, w) -> (n, classes)."""
    return mean_of_probabilities(log_probabilities_of_views(network, images, views))


@no_grad()
def log_probabilities_of_views(
    network: Network, images: np.ndarray, views: int
) -> list[np.ndarray]:
    """The log of softmax for each view: uint8 (n, 3, h, w) -> an array (n, classes) each."""
    n, slack = len(images), images.shape[-1] - network.inputs.image_size
    of_views = []
    with testing(network.model):
        for place in crops(views, slack):
            top, left, flip = (np.full(n, value, np.int32) for value in place)
            logits = network.model(network.inputs(images, top, left, flip))
            of_views.append(F.log_softmax(logits).numpy())
    return of_views


@contextmanager
def testing(model: Module) -> Iterator[None]:
    """Put the model in test mode; afterwards put each of its modules back in the mode it had."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def bad_layer_in(network: Network, dataset: Dataset, batch_size: int, ranks: Alone) -> str | None:
    """The layer where the first bad batch of the images goes bad. All ranks go through all images,
    since they may compute some layers together, and stop at the same batch."""
    loader = Loader(dataset, batch_size, seed=0, workers=1, train=False)
    with closing(loader.epoch(0)) as batches, testing(network.model):
        for batch in batches:
            x = network.inputs(batch.images, batch.top, batch.left, batch.flip)
            found = ranks.gather(first_bad_layer(network.model, x))
            if where := next(filter(None, found), None):
                return where
    return None


CENTRE = {1: 0, 9: 4, 10: 4}  # where in the list of views the centre crop is


def crops(views: int, slack: int) -> list[tuple[int, int, int]]:
    """(top, left, flip) of each view of an image that is `slack` pixels larger than a crop."""
    middle = slack // 2
    if views == 1:
        return [(middle, middle, 0)]
    if views == 9:
        return [(top, left, 0) for top, left in product((0, middle, slack), repeat=2)]
    if views != 10:
        raise ValueError(f"crops: views expects 1, 9 or 10, got {views!r}")
    places = [(0, 0), (0, slack), (middle, middle), (slack, 0), (slack, slack)]
    return [(*place, flip) for place in places for flip in (0, 1)]


def mean_of_probabilities(log_p: Sequence[np.ndarray]) -> np.ndarray:
    """log of the mean over i of exp(log_p[i]), in float64; a single one is left as it is."""
    stacked = np.stack(log_p).astype(np.float64)
    return np.logaddexp.reduce(stacked) - np.log(len(log_p))


def likeliest(network: Network, images: np.ndarray, top: int) -> list[list[tuple[str, float]]]:
    """The `top` likeliest classes of each image with their probabilities, the likeliest first."""
    log_p = log_probabilities(network, images)
    order = np.argsort(-log_p, axis=1, kind="stable")[:, :top]
    return [
        [(network.classes[k], float(np.exp(row[k]))) for k in best]
        for row, best in zip(log_p, order)
    ]
