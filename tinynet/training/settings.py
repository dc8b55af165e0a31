"""Every setting of a training run in one place; `config.json` holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tinynet.devices import threads


def loading_threads() -> int:
    """How many threads load images, unless told otherwise."""
    return min(4, threads.workers())


@dataclass(frozen=True)
class Settings:
    """All of a run's settings: first those that every example gives, then those with a default."""

    network: str  # the example that builds it: "alexnet"
    profile: str
    data: str  # as given to open_dataset
    image_size: int
    store_size: int  # pixels per side of the images from which crops are cut
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    drops: tuple[float, ...] | None  # where in the run, 0 to 1, the rate falls; None: plateaus
    pixel_std: tuple[float, ...]  # per channel: divides what is left after subtracting the mean
    schedule: str = "plateau"  # or "drops"; or what the `changes` come from: "145", "replay RUN"
    changes: Sequence[dict] = ()  # of rates and colour noise, see controls.py
    pixel_mean: tuple[float, ...] | None = None  # None: the mean image of the training data
    mean_images: int = 10_000  # that image averages this many at most
    crop: bool = True  # at random places in training, or always the centre
    flip: bool = True  # half of the images in training
    colour_noise: float = 0.0  # standard deviation along each colour component; 0.1 in the paper
    colour_rescale: bool = False  # divide by 1 + colour_noise after adding it
    width: float = 1.0
    seed: int = 0
    devices: str = "cpu"
    workers: int = field(default_factory=loading_threads)
    cache: int = 2**30  # bytes of decoded images in memory, of each split that fits
    log_every: int = 20  # steps
    checkpoint_every: int = 1000  # steps; and after each epoch
    steps: int | None = None  # stop there, in the middle of an epoch if need be
    finetuned_from: str | None = None  # the checkpoint it began with, see tinynet/finetuning.py
    flags_given: tuple[str, ...] = ()  # what the user chose; the rest suits the profile and data


# What the user may choose by a flag. A resumed run takes from its config.json what the first
# command said, except where to stop.
FLAGS = (
    *("profile", "data", "image_size", "width", "seed", "devices"),
    *("epochs", "batch_size", "lr", "schedule", "workers", "cache"),
    *("log_every", "checkpoint_every"),
    "finetuned_from",
)
