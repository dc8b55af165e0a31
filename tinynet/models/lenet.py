"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998) on tinynet: what AlexNet grew from.

    python examples/lenet.py train                        draws its own images; no download
    python examples/lenet.py train --data fashion-mnist   or mnist, cifar10
    python examples/lenet.py train --profile relu         the same net with what came later
    python examples/lenet.py summary                      60,000 parameters, layer by layer
    python examples/lenet.py diff                         beside AlexNet, layer by layer

Section II.B of "Gradient-Based Learning Applied to Document Recognition", on images of 32 x 32:

    gray -> C1 6 maps, 28 x 28 -> S2 14 x 14 -> C3 16 maps, 10 x 10 -> S4 5 x 5 -> C5 120
         -> F6 84 -> output 10

C layers are convolutions of 5 x 5. S layers add up each 2 x 2 pixels, multiply the sum with a
number and add another, both learned, one pair for each map. A map of C3 sees only some maps of S2
(table I). After each layer comes a squashing function, f(a) = 1.7159 tanh(2/3 a), so f(1) = 1. The
output measures how far F6 is from the code of each class, 84 numbers of -1 and +1: the distance
squared, which acts as a minus logit (radial basis functions).

    1998      as published; the default, but for the shapes
    softmax   the output is a fully connected layer
    relu      and ReLU in place of tanh, max-pooling in place of S2 and S4, He's first weights

The first weights of 1998 are small, and on the shapes, in colours that mean nothing, the networks
with tanh still ignored their images after eight epochs. `relu` learns them from the first on.

Not as published: the steps are SGD with momentum (theirs are scaled by second derivatives), in
batches; images of another size are scaled to 32 x 32, not framed; the loss, their equation 9, has
no constant e^-j; the codes are drawn at random, as the paper says they could be, where theirs are
small pictures of the ten digits.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tinynet import Tensor, init, nn
from tinynet.commands import Example
from tinynet.models.alexnet import EXAMPLE as ALEXNET
from tinynet.models.lenet_layers import Gray, RadialBasis, ScaledTanh, Subsampling, TableConv2d
from tinynet.training.settings import Settings, settings_in

SIDE = 32  # pixels of an image
CODE = 84  # units of F6: in the paper a picture of 7 x 12
# Table I of the paper: which maps of S2 each of C3's 16 maps sees.
THREES = [(i, (i + 1) % 6, (i + 2) % 6) for i in range(6)]
FOURS = [tuple((i + j) % 6 for j in range(4)) for i in range(6)]
APART = [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
TABLE = [tuple(sorted(seen)) for seen in (*THREES, *FOURS, *APART, range(6))]


@dataclass(frozen=True)
class Version:
    """One of the networks, and how it is trained."""

    output: str  # "rbf" or "softmax"
    activation: str  # "tanh" or "relu"
    pool: str  # "average", with a trained coefficient and bias, or "max"
    lr: float
    batch_size: int = 32
    momentum: float = 0.9
    epochs: int = 20  # as in the paper
    drops: tuple[float, ...] = (12 / 20, 17 / 20)  # where in the run the rate is divided by 10


VERSIONS = {
    "1998": Version("rbf", "tanh", "average", lr=0.001),
    "softmax": Version("softmax", "tanh", "average", lr=0.05),
    "relu": Version("softmax", "relu", "max", lr=0.01),
}


class LeNet(nn.Sequential):
    """`model(x)`: x (n, 3, 32, 32), white on black around 0 -> logits (n, num_classes).

    x is NumPy or a Tensor on any device. `width` multiplies the units of C5 and F6 alone, since the
    table says how many maps there are.
    """

    def __init__(
        self,
        num_classes: int = 10,
        profile: str = "1998",
        devices: str | Sequence[str] = "cpu",
        image_size: int = SIDE,
        width: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
    ):
        if profile not in VERSIONS:
            raise ValueError(f"LeNet: profile expects one of {[*VERSIONS]}, got {profile!r}")
        if image_size != SIDE:
            raise ValueError(f"LeNet: image_size expects {SIDE}, got {image_size}")
        devices = (devices,) if isinstance(devices, str) else tuple(devices)
        if len(devices) != 1:
            raise ValueError(f"LeNet: devices expects one device, got {list(devices)}")
        super().__init__(**_layers(VERSIONS[profile], num_classes, width, devices[0], dtype))
        _initialize(self, VERSIONS[profile], np.random.default_rng(seed))
        self.profile = profile

    def forward(self, x: np.ndarray | Tensor) -> Tensor:
        first = self.c1.weight.device
        return super().forward(x.to(first) if isinstance(x, Tensor) else Tensor(x, device=first))


def _layers(v: Version, num_classes: int, width: float, device, dtype) -> dict:
    """The modules by the paper's names, in the order in which an image meets them."""
    place = {"device": device, "dtype": dtype}
    c5, f6 = (max(1, round(width * units)) for units in (120, CODE))
    stages = {
        "c1": nn.Conv2d(1, 6, 5, **place),
        "s2": _pool(v, 6, place),
        "c3": TableConv2d(TABLE, 6, 5, **place),
        "s4": _pool(v, 16, place),
        "c5": nn.Conv2d(16, c5, 5, **place),
        "f6": nn.Linear(c5, f6, **place),
    }
    layers = {"gray": Gray()}
    for name, layer in stages.items():
        if name == "f6":
            layers["flatten"] = nn.Flatten()
        layers[name] = layer
        if not isinstance(layer, nn.MaxPool2d):  # which needs no squashing
            layers[f"f_{name}"] = ScaledTanh() if v.activation == "tanh" else nn.ReLU()
    if v.output == "rbf":
        return {**layers, "output": RadialBasis(f6, num_classes, dtype)}
    return {**layers, "output": nn.Linear(f6, num_classes, **place)}


def _pool(v: Version, maps: int, place: dict) -> nn.Pool2d:
    return nn.MaxPool2d(2) if v.pool == "max" else Subsampling(maps, **place)


def _initialize(model: LeNet, v: Version, rng: np.random.Generator) -> None:
    """Weights uniform within +-2.4 / inputs (paper, appendix A), or by He et al.; biases 0."""
    for _, layer in model.children():
        if not list(layer.parameters()):
            continue
        weight, bias = layer.weight, layer.bias
        init.constant_(bias, 0)
        if isinstance(layer, TableConv2d):
            fan_in = np.repeat([len(seen) for seen in TABLE], [len(seen) for seen in TABLE]) * 25
        else:
            fan_in = np.array(4 if isinstance(layer, Subsampling) else init.inputs(weight))
        fan_in = fan_in.reshape(fan_in.shape + (1,) * (weight.ndim - fan_in.ndim))
        if v.activation == "relu":
            weight.write(rng.standard_normal(weight.shape) * np.sqrt(2 / fan_in))
        else:
            weight.write(rng.uniform(-1, 1, weight.shape) * 2.4 / fan_in)


def parameter_groups(model: LeNet, lr: float) -> list[dict]:
    """For SGD: all parameters alike, without decay."""
    return [{"name": "weights", "params": list(model.parameters()), "lr": lr, "weight_decay": 0.0}]


# What comes in is to be about 0, with variance 1. The paper has -0.1 in the background and 1.175 in
# the strokes of a digit, 0 and 255 here; colour images have another mean.
STROKES = {"pixel_mean": (20.0,) * 3, "pixel_std": (200.0,) * 3}
COLOURS = {"pixel_mean": (120.0,) * 3, "pixel_std": (64.0,) * 3}


def settings(given: dict, kind: str) -> Settings:
    """A run's settings: what is given, else the version's, with pixels as suits the data."""
    usual = "relu" if kind == "shapes" else "1998"
    given = {"profile": usual, "image_size": SIDE, **given}
    pixels = STROKES if kind in ("mnist", "fashion-mnist") else COLOURS
    return Settings(
        network="lenet",
        store_size=given["image_size"],
        crop=False,
        flip=False,
        **pixels,
        **{**settings_in(VERSIONS[given["profile"]]), **given},
    )


def differences(before: str, now: str) -> list[str]:
    """What differs between the versions of these names, a phrase each."""
    a, b = asdict(VERSIONS[before]), asdict(VERSIONS[now])
    return [f"{name} {a[name]}, now {b[name]}" for name in a if a[name] != b[name]]


EXAMPLE = Example(
    name="lenet",
    description=__doc__,
    versions="profile",
    profiles=tuple(VERSIONS),
    good_starts=(),
    schedules=("plateau",),
    default_data="shapes",
    has_towers=False,
    num_classes=10,
    summary_note="The paper counts 60,000 parameters and 340,908 connections, biases included.",
    small={"image_size": SIDE, "width": 0.1},
    build=LeNet,
    parameter_groups=parameter_groups,
    settings=settings,
    differences=differences,
    original="1998",
    beside=ALEXNET,
)
