"""The CIFAR-10 networks of the paper's authors, on tinynet.

    python examples/cifar10.py train --recipe 80sec --data cifar-10-binary.tar.gz
    python examples/cifar10.py train --recipe 18pct
    python examples/cifar10.py eval --checkpoint runs/NAME
    python examples/cifar10.py figures --run runs/NAME

Both recipes come with the authors' cuda-convnet and are named after what they promise: 26 % error
after 80 seconds, and 18 % after 20 minutes, on a GPU of 2012. Three convolutions, each followed by
3x3 pooling with stride 2, take 32 x 32 pixels to 16 x 16, 8 x 8 and 4 x 4 (the last window of each
row hangs over the edge):

    image -> conv1 -> max pool -> conv2 -> avg pool -> conv3 -> avg pool (-> fc64) -> fc10
             32 maps              32 maps              64 maps

The pixels are 0..255 minus each one's mean over the training images: no crops, no mirror images,
no scaling. Weight decay is heavy and differs from layer to layer; biases learn at twice the rate,
without decay. An epoch is 390 batches of 128: the last 80 of the 50,000 images in each shuffle are
left out, so that every step is the mean over 128.
"""

import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the imports without a word; then see main

import numpy as np

from tinynet import Tensor, init, nn
from tinynet.commands import Example, command_line
from tinynet.training.settings import Settings, settings_in


@dataclass(frozen=True)
class Recipe:
    """One of the networks, and how it is trained."""

    hidden: int | None  # units of a fully connected layer before the last one
    norm: bool  # normalization within each map after the first two poolings
    fc_std: float
    fc_decay: float
    epochs: int
    drops: tuple[float, ...]  # where in the run the rate is divided by 10
    filters: tuple[int, int, int] = (32, 32, 64)
    conv_std: tuple[float, float, float] = (1e-4, 0.01, 0.01)
    conv_decay: float = 0.004
    batch_size: int = 128
    lr: float = 0.001
    bias_rate: float = 2.0  # times the rate of the weights
    momentum: float = 0.9


RECIPES = {
    "80sec": Recipe(hidden=64, norm=False, fc_std=0.1, fc_decay=0.03, epochs=10, drops=(8 / 10,)),
    "18pct": Recipe(
        hidden=None,
        norm=True,
        fc_std=0.01,
        fc_decay=1.0,
        epochs=140,
        drops=(120 / 140, 130 / 140),
    ),
}
SMALLEST_IMAGE = 8


class CifarNet(nn.Sequential):
    """`model(x)`: x (n, 3, image_size, image_size) minus the mean -> logits (n, num_classes).

    x is NumPy or a Tensor on any device.
    """

    def __init__(
        self,
        num_classes: int = 10,
        profile: str = "80sec",
        devices: str | Sequence[str] = "cpu",
        image_size: int = 32,
        width: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
    ):
        if profile not in RECIPES:
            raise ValueError(f"CifarNet: profile expects one of {[*RECIPES]}, got {profile!r}")
        if image_size < SMALLEST_IMAGE:
            raise ValueError(
                f"CifarNet: image_size expects at least {SMALLEST_IMAGE}, got {image_size}"
            )
        devices = (devices,) if isinstance(devices, str) else tuple(devices)
        if len(devices) != 1:
            raise ValueError(f"CifarNet: devices expects one device, got {list(devices)}")
        r = RECIPES[profile]
        super().__init__(**_layers(r, num_classes, image_size, width, devices[0], dtype))
        _initialize(self, r, np.random.default_rng(seed))
        self.profile = profile

    def forward(self, x: np.ndarray | Tensor) -> Tensor:
        first = self.conv1.weight.device
        return super().forward(x.to(first) if isinstance(x, Tensor) else Tensor(x, device=first))


def _layers(r: Recipe, num_classes, image_size, width, device, dtype) -> dict:
    """The modules by name, in the order in which an image meets them."""
    maps = [max(1, round(width * count)) for count in r.filters]
    place = {"device": device, "dtype": dtype}
    norm = nn.LocalResponseNormWithin(3, alpha=5e-5 / 9, beta=0.75, k=1.0)
    overlapping = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
    layers = {
        "conv1": nn.Conv2d(3, maps[0], 5, padding=2, **place),
        "pool1": nn.MaxPool2d(**overlapping),
        "relu1": nn.ReLU(),  # the same after the maximum, at a quarter of the work
        "norm1": norm,
        "conv2": nn.Conv2d(maps[0], maps[1], 5, padding=2, **place),
        "relu2": nn.ReLU(),
        "pool2": nn.AvgPool2d(**overlapping),
        "norm2": norm,
        "conv3": nn.Conv2d(maps[1], maps[2], 5, padding=2, **place),
        "relu3": nn.ReLU(),
        "pool3": nn.AvgPool2d(**overlapping),
        "flatten": nn.Flatten(),
    }
    if not r.norm:
        del layers["norm1"], layers["norm2"]
    side = image_size
    for pool in ("pool1", "pool2", "pool3"):
        side = layers[pool].output_size(side, side)[0]
    features = maps[2] * side**2
    if r.hidden:
        hidden = max(1, round(width * r.hidden))
        layers |= {"fc64": nn.Linear(features, hidden, **place), "relu4": nn.ReLU()}
        features = hidden
    layers["fc10"] = nn.Linear(features, num_classes, **place)
    return layers


def _initialize(model: CifarNet, r: Recipe, rng: np.random.Generator) -> None:
    stds = dict(zip(("conv1", "conv2", "conv3"), r.conv_std))
    for name, layer in model.children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            init.normal_(layer.weight, stds.get(name, r.fc_std), rng=rng)
            init.constant_(layer.bias, 0)


def parameter_groups(model: CifarNet, lr: float) -> list[dict]:
    """For SGD: convolutional weights, fully connected ones, and biases."""
    r = RECIPES[model.profile]
    parameters = list(model.named_parameters())
    weights = {name: p for name, p in parameters if name.endswith(".weight")}
    conv = [p for name, p in weights.items() if name.startswith("conv")]
    fc = [p for name, p in weights.items() if name.startswith("fc")]
    biases = [p for name, p in parameters if name.endswith(".bias")]
    return [
        {"name": "conv", "params": conv, "lr": lr, "weight_decay": r.conv_decay},
        {"name": "fc", "params": fc, "lr": lr, "weight_decay": r.fc_decay},
        {"name": "biases", "params": biases, "lr": lr * r.bias_rate, "weight_decay": 0.0},
    ]


def settings(given: dict, kind: str) -> Settings:
    """A run's settings: what is given, else the recipe's, whatever the kind of data."""
    chosen = {"profile": "80sec", "image_size": 32, **given}
    r = RECIPES[chosen["profile"]]
    return Settings(
        network="cifar10",
        **{**settings_in(r), **chosen},
        store_size=chosen["image_size"],
        crop=False,
        flip=False,
        mean_images=50_000,
        pixel_std=(1.0, 1.0, 1.0),
    )


def differences(before: str, now: str) -> list[str]:
    """What differs between the recipes of these names, a phrase each."""
    a, b = asdict(RECIPES[before]), asdict(RECIPES[now])
    return [f"{name} {a[name]}, now {b[name]}" for name in a if a[name] != b[name]]


EXAMPLE = Example(
    name="cifar10",
    description=__doc__,
    versions="recipe",
    profiles=tuple(RECIPES),
    good_starts=(),  # the recipes begin alike
    schedules=("plateau",),
    default_data="cifar10",
    has_towers=False,
    num_classes=10,
    summary_note="18 % error needs 140 epochs, 26 % needs 10.",
    small={"image_size": 13, "width": 0.2},
    build=CifarNet,
    parameter_groups=parameter_groups,
    settings=settings,
    differences=differences,
)

if __name__ == "__main__":
    sys.exit(command_line.main(EXAMPLE))
