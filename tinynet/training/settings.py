"""Every setting of a training run in one place; `config.json` holds them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tinynet.devices import threads

# What becomes of a setting beside training itself: its roles.
FLAG = "flag"  # the user may choose it; a resumed run keeps what its config.json says
NETWORK = "network"  # with the number of classes, it determines the layers
SAVED = "saved"  # in every checkpoint, for whoever uses the network
FIXED = "fixed"  # a run that goes on from a checkpoint must have the same


def loading_threads() -> int:
    """How many threads load images, unless told otherwise."""
    return min(4, threads.workers())


def _setting(*roles: str, **default) -> Any:
    return field(metadata={"roles": roles}, **default)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of a run's settings: those without a default must come from the example."""

    # the network, and where it lies
    network: str = _setting(SAVED, FIXED)  # the example that builds it: "alexnet"
    profile: str = _setting(FLAG, NETWORK, SAVED, FIXED)
    width: float = _setting(FLAG, NETWORK, SAVED, FIXED, default=1.0)
    image_size: int = _setting(FLAG, NETWORK, SAVED, FIXED)
    store_size: int = _setting(SAVED)  # side in pixels of the images from which crops are cut
    seed: int = _setting(FLAG, SAVED, FIXED, default=0)
    batch_size: int = _setting(FLAG, SAVED, FIXED)
    data: str = _setting(FLAG, SAVED)  # as given to open_dataset
    devices: str = _setting(FLAG, default="cpu")
    # of several ranks: "data", or "owt", which divides the fully connected layers (divided.py)
    parallel: str = _setting(FLAG, default="data")
    tf32: bool = _setting(FLAG, default=False)  # products in TF32, where the devices have it
    finetuned_from: str | None = _setting(FLAG, default=None)  # its checkpoint: finetuning.py

    # rates
    lr: float = _setting(FLAG, SAVED)
    momentum: float
    drops: tuple[float, ...] | None  # where in the run, 0 to 1, the rate falls; None: plateaus
    # "plateau", "drops", or what the `changes` come from: "145", "replay RUN"
    schedule: str = _setting(FLAG, default="plateau")
    # epochs in which the rates rise by the linear rule, if that is wanted (WarmUp)
    warm_up: float | None = _setting(FLAG, default=None)
    lr_batch: int | None = None  # the batch for which `lr` is meant, if that rule is
    changes: Sequence[dict] = ()  # of rates and colour noise, see controls.py

    # the input
    pixel_mean: tuple[float, ...] | None = None  # None: the mean image of the training data
    mean_images: int = 10_000  # that image averages this many at most
    pixel_std: tuple[float, ...]  # per channel: divides what is left after subtracting the mean
    crop: bool = True  # at random places in training, or always the centre
    flip: bool = True  # half of the images in training
    colour_noise: float = 0.0  # standard deviation along each colour component; 0.1 in the paper
    colour_rescale: bool = False  # divide by 1 + colour_noise after adding it
    workers: int = _setting(FLAG, default_factory=loading_threads)
    cache: int = _setting(FLAG, default=2**30)  # bytes of decoded images, of each split that fits

    # how long, and what is kept on the way
    epochs: int = _setting(FLAG)
    steps: int | None = None  # stop there, in the middle of an epoch if need be
    log_every: int = _setting(FLAG, default=20)  # steps
    log: str = _setting(FLAG, default="")  # other forms of it, "csv,wandb": other_logs.py
    checkpoint_every: int = _setting(FLAG, default=1000)  # steps; and after each epoch
    flags_given: tuple[str, ...] = ()  # what the user chose; the rest suits the profile and data

    @property
    def scheduled_by(self) -> str:
        """What decides the rates, in words: a run that goes on must have the same."""
        warm_up = "" if self.warm_up is None else f" after {self.warm_up:g} epochs of warm-up"
        return f"{self.schedule}{warm_up}"


def names(role: str) -> tuple[str, ...]:
    """The settings that have this role."""
    return tuple(f.name for f in fields(Settings) if role in f.metadata.get("roles", ()))


def settings_in(version: Any) -> dict:
    """What a profile or recipe, a dataclass, says of a run: its fields that are settings too."""
    own = {f.name for f in fields(Settings)}
    return {f.name: getattr(version, f.name) for f in fields(version) if f.name in own}
