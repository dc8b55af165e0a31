"""What the last hidden layer makes of images, and which images look alike to it.

The features of an image are what the last layer sees: in AlexNet the 4,096 activations of fc7,
after the ReLU. Two images are alike if the Euclidean distance between their features is small,
though their pixels may have little in common (paper, section 6.1 and figure 4, right).
"""

from collections.abc import Callable

import numpy as np

from tinynet.data import Loader
from tinynet.tape import no_grad
from tinynet.training.evaluate import Network, crops, testing


@no_grad()
def features(network: Network, images: np.ndarray) -> np.ndarray:
    """uint8 (n, 3, h, w) -> float32 (n, features), of the centre crops, in test mode.

    The paper's dropout halves all features in testing, which leaves the neighbours the same.
    """
    *hidden, _ = network.model.children()
    (centre,) = crops(1, images.shape[-1] - network.inputs.image_size)
    top, left, flip = (np.full(len(images), value, np.int32) for value in centre)
    with testing(network.model):
        x = network.inputs(images, top, left, flip)
        for _, layer in hidden:
            x = layer(x)
    return x.numpy()


def nearest(
    network: Network,
    images: np.ndarray,
    loader: Loader,
    count: int,
    after_batch: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """The `count` images of `loader` nearest to each of `images`, as indices into its dataset.

    (n, count), the nearest first. Only the features of `images` are kept, so memory use does not
    grow with the number of images in the loader. `after_batch` is told how many are done.
    """
    wanted = features(network, images)
    numbers = np.empty((len(images), 0), np.int64)
    distances = np.empty((len(images), 0))
    done = 0
    for batch in loader.epoch(0):
        found = features(network, batch.images)
        to_these = np.stack([((found - one) ** 2).sum(axis=1) for one in wanted])
        distances = np.hstack([distances, to_these])
        numbers = np.hstack([numbers, np.tile(batch.indices, (len(images), 1))])
        best = np.argsort(distances, axis=1, kind="stable")[:, :count]
        distances, numbers = (np.take_along_axis(a, best, axis=1) for a in (distances, numbers))
        done += len(batch.images)
        after_batch(done)
    return numbers
