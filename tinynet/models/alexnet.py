"""AlexNet (Krizhevsky, Sutskever, Hinton 2012) on tinynet.

    python examples/alexnet.py train                          draws its own images; 2 to 3 minutes
    python examples/alexnet.py train --data PHOTOS.tar        train/ and val/, one folder per class
    python examples/alexnet.py prepare ILSVRC2012 imagenet    ImageNet's archives, scaled once
    python examples/alexnet.py eval --checkpoint runs/NAME --views 10
    python examples/alexnet.py predict --checkpoint runs/NAME cat.jpg dog.jpg
    python examples/alexnet.py finetune --checkpoint runs/NAME --data OTHERS.tar
    python examples/alexnet.py import FILE --out runs/NAME    weights of torchvision's; export: back
    python examples/alexnet.py figures --run runs/NAME        the paper's figures 1, 3 and 4
    python examples/alexnet.py report --run runs/NAME         the run in one page for the browser
    python examples/alexnet.py ablate lrn dropout             what the parts of it are good for
    python examples/alexnet.py claims relu                    the paper's claims, with verdicts
    python examples/alexnet.py diff paper source2012          what the paper does not say
    python examples/alexnet.py summary                        every layer with its sizes and counts
    python examples/alexnet.py plan --devices sim:0,sim:1     the memory of two cards as in 2012
    python examples/alexnet.py check-grads --exact            every gradient, in all its digits

The paper's figure 2: two towers, a and b, made for two GPUs. A layer sees only the maps of its own
tower, except where lines cross; and each tower normalizes its own maps alone:

           conv1    conv2      conv3    conv4    conv5      fc6         fc7        fc8
           +----+   +-----+    +-----+  +-----+  +-----+    +------+    +------+
        .->| 48 |-->| 128 |-.->| 192 |->| 192 |->| 128 |-.->| 2048 |-.->| 2048 |-. +------+
  image-+  +----+   +-----+  X +-----+  +-----+  +-----+  X +------+  X +------+ |>| 1000 |
        '->| 48 |-->| 128 |-'->| 192 |->| 192 |->| 128 |-'->| 2048 |-'->| 2048 |-' +------+
           +----+   +-----+    +-----+  +-----+  +-----+    +------+    +------+   (with b)

With two devices, AlexNet(devices=("cuda:0", "cuda:1")), each has a tower. With one, the two towers
are one network whose convolutions 2, 4 and 5 have two groups. Either way it is the same network,
with the same checkpoint files.

The released source of 2012 is not quite the paper's net, and later systems changed more: each is a
profile (tinynet/alexnet_profiles/), and `diff` says what differs and who says so. `source2012`, the
default for photographs, begins conv3-5 with weights from N(0, 0.03), not N(0, 0.01): with 0.01 and
biases of 1, only a hundredth of a logit depends on the image, and training starts late.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinynet import Tensor, init, nn
from tinynet.alexnet_profiles import PROFILES, Profile, differences, profile_named
from tinynet.commands import Example
from tinynet.models.cifar10 import EXAMPLE as CIFAR10
from tinynet.parallel.placement import OneDevice, TwoTowers
from tinynet.parallel.towers import Towers
from tinynet.parallel.traffic import Traffic
from tinynet.training.settings import Settings, settings_in

SMALLEST_IMAGE = 64  # below this, nothing is left for pool5


@dataclass(frozen=True)
class Conv:
    """A convolutional layer: `maps` filters with windows of size x size, in all towers together.

    towers: 1 if each filter sees all maps of the layer before, 2 if only those of its own tower.
    parts: what the layer consists of, in the order in which an image meets them.
    """

    maps: int
    size: int
    stride: int = 1
    padding: int | tuple[int, int, int, int] = 0
    towers: int = 1
    parts: tuple[str, ...] = ("conv", "relu")


@dataclass(frozen=True)
class Full:
    """A fully connected layer: every unit sees all of the layer before."""

    units: int
    parts: tuple[str, ...] = ("fc", "relu")


def network(p: Profile, num_classes: int, image_size: int) -> list[Conv | Full]:
    """The paper's eight layers (section 3.5 and figure 2), from the image to the classes."""
    maps1, maps2, maps3, maps4, maps5 = p.filters  # in the paper 96, 256, 384, 384, 256
    hidden = ("dropout", "fc", "relu") if p.dropout_before else ("fc", "relu", "dropout")
    # (image_size - 11) is rarely a multiple of 4: as the source did, let the last window of conv1
    # hang over the right and bottom edge, onto zeros, which are the mean.
    over = -(image_size - 11) % 4
    edge = (0, over, 0, over) if p.conv1_padding is None else p.conv1_padding
    return [  # what comes out in the paper
        Conv(maps1, size=11, stride=4, padding=edge, parts=p.layer1),  # 55 x 55, pooled: 27 x 27
        Conv(maps2, size=5, padding=2, towers=p.groups, parts=p.layer2),  # 27 x 27, pooled: 13 x 13
        Conv(maps3, size=3, padding=1, towers=1 if p.crosstalk else p.groups),  # 13 x 13
        Conv(maps4, size=3, padding=1, towers=p.groups),  # 13 x 13
        Conv(maps5, size=3, padding=1, towers=p.groups, parts=("conv", "relu", "pool")),  # 6 x 6
        Full(4096, parts=hidden),
        Full(4096, parts=hidden),
        Full(num_classes, parts=("fc",)),
    ]


class AlexNet(nn.Sequential):
    """Five convolutional and three fully connected layers (paper, section 3 and figure 2).

    `model(x)`: x (n, 3, image_size, image_size), NumPy or a Tensor on any device, already minus
    the mean; returns the logits, a Tensor (n, num_classes). `width` scales every layer but the
    last; widths are rounded to even numbers, half for each tower.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        profile: str = "source2012",
        devices: str | Sequence[str] = "cpu",
        image_size: int = 224,
        width: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
    ):
        p = profile_named(profile)
        if image_size < SMALLEST_IMAGE:
            raise ValueError(
                f"AlexNet: image_size expects at least {SMALLEST_IMAGE}, got {image_size}"
            )
        if num_classes < 1 or not width > 0:
            raise ValueError(
                f"AlexNet: num_classes and width expect more than 0, got {num_classes} and {width}"
            )
        devices = (devices,) if isinstance(devices, str) else tuple(devices)
        _check_devices(p, profile, devices)
        self.traffic = Traffic(("input", "conv3", "fc6", "fc7", "fc8"))
        if len(devices) == 1:
            on = OneDevice(devices[0], dtype)
        else:
            on = TwoTowers(devices, dtype, self.traffic)
        layers = network(p, num_classes, image_size)
        super().__init__(**_modules(layers, p, on, image_size, width, seed))
        _initialize(self, p, np.random.default_rng(seed))
        self.profile, self.devices = profile, devices
        self.image_size, self.width, self.seed = image_size, width, seed

    def forward(self, x: np.ndarray | Tensor) -> Tensor:
        first = next(self.parameters()).device
        x = x.to(first) if isinstance(x, Tensor) else Tensor(x, device=first)
        wanted = (3, self.image_size, self.image_size)
        if x.ndim != 4 or x.shape[1:] != wanted:
            raise ValueError(f"AlexNet: x expects (n, 3, {wanted[1]}, {wanted[2]}), got {x.shape}")
        return super().forward(x)


def _check_devices(p: Profile, profile: str, devices: tuple[str, ...]) -> None:
    if len(devices) not in (1, 2):
        raise ValueError(f"AlexNet: devices expects one device or two, got {list(devices)}")
    if len(devices) == 2 and (p.groups, p.lrn_groups) != (2, 2):
        why = "has one tower" if p.groups == 1 else "normalizes over the maps of both towers"
        raise ValueError(
            f"AlexNet: devices expects one device, got {list(devices)}: {profile} {why}"
        )


def _modules(layers: list, p: Profile, on: OneDevice, image_size: int, width: float, seed: int):
    """The layers' modules by name, in the order in which an image meets them."""

    def even(count: int) -> int:
        return max(2, 2 * round(count * width / 2))

    modules, seen = on.fork("input"), 3  # seen: the maps, later units, that the next layer sees
    for i, layer in enumerate(layers, 1):
        if isinstance(layer, Full) and "flatten" not in modules:
            seen *= _side(image_size, modules) ** 2
            modules["flatten"] = on.plain(nn.Flatten())
        for part in layer.parts:
            name = f"{p.activation if part == 'relu' else part}{i}"
            if part == "conv":
                maps, options = even(layer.maps), {"stride": layer.stride, "padding": layer.padding}
                if layer.towers == 1 and i > 1:
                    modules |= on.cross(name)
                modules[name] = on.conv(seen, maps, layer.size, layer.towers, **options)
                seen = maps
            elif part == "fc" and layer is layers[-1]:
                modules |= on.join(name) | {name: on.whole_linear(seen, layer.units)}
            elif part == "fc":
                modules |= on.cross(name) | {name: on.linear(seen, even(layer.units))}
                seen = even(layer.units)
            elif part == "dropout" and p.dropout != "none":
                modules[name] = on.dropout(0.5, p.dropout, seed + (i << 32))  # a stream of its own
            elif part != "dropout":
                modules[name] = on.plain(_without_parameters(part, p, on.towers))
    return modules


def _without_parameters(part: str, p: Profile, towers: int) -> nn.Module:
    """The module of a part that has none: the same in each of the towers it is in."""
    if part == "relu":
        return nn.Tanh() if p.activation == "tanh" else nn.ReLU()
    if part == "lrn":
        return nn.LocalResponseNorm(5, p.lrn_alpha, 0.75, p.lrn_k, p.lrn_groups // towers)
    if part == "lrn_within":
        return nn.LocalResponseNormWithin(5, 1e-3 / 25, 0.75, 1.0)
    return nn.MaxPool2d(p.pool, stride=2)


def _side(side: int, modules: dict) -> int:
    """Follow the image's side through the windows of all modules: 224 -> 55 27 27 13 13 13 13 6."""
    for layer in modules.values():
        layer = layer.a if isinstance(layer, Towers) else layer
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            side = layer.output_size(side, side)[0]
    return side


def _initialize(model: AlexNet, p: Profile, rng: np.random.Generator) -> None:
    """Draw each layer whole, a's half with b's: the same weights on any devices."""
    stds = {f"conv{i + 1}": std for i, std in enumerate(p.conv_std)}
    stds |= {f"fc{i + 6}": std for i, std in enumerate(p.fc_std)}
    for name, layer in model.children():
        if name not in stds:
            continue
        weight, bias = map(Tensor, layer.state_dict().values())
        if p.init == "torch":
            fan_in = init.inputs(weight)
            init.torch_default_(weight, fan_in, rng)
            init.torch_default_(bias, fan_in, rng)
        else:
            if p.init == "he" and name != "fc8":
                init.he_normal_(weight, rng)
            else:
                init.normal_(weight, stds[name], rng=rng)
            ones = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            init.constant_(bias, p.bias if ones else 0)
        layer.load_state_dict({"weight": weight.numpy(), "bias": bias.numpy()})


# What `train` does with these data unless told otherwise; "folder": with any photographs.
RUNS = {
    "shapes": {
        "profile": "modern",
        "image_size": 72,
        "width": 0.25,
        "batch_size": 64,
        "epochs": 12,
    },
    "cifar10": {"profile": "source2012", "image_size": 64, "epochs": 30},
    "fashion-mnist": {"profile": "source2012", "image_size": 64, "epochs": 15},
    "mnist": {"profile": "source2012", "image_size": 64, "epochs": 15},
    "folder": {"profile": "source2012", "epochs": 90},
}


def settings(given: dict, kind: str) -> Settings:
    """A run's settings: what is given, else what suits this kind of data, else the profile's."""
    chosen = {**RUNS[kind], **given}
    p = profile_named(chosen["profile"])
    chosen = {**settings_in(p), **chosen}
    store_size = round(chosen["image_size"] * 256 / 224)
    return Settings(network="alexnet", store_size=store_size, **chosen)


def parameter_groups(model: AlexNet, lr: float) -> list[dict]:
    """For SGD: conv1, whose rate the authors cut by itself; the other weights; the biases."""
    p = profile_named(model.profile)
    parameters = list(model.named_parameters())
    named_weights = [(name, w) for name, w in parameters if name.endswith(".weight")]
    conv1 = [w for name, w in named_weights if name.startswith("conv1.")]
    weights = [w for name, w in named_weights if not name.startswith("conv1.")]
    biases = [b for name, b in parameters if name.endswith(".bias")]
    decay = {"weight_decay": p.weight_decay}
    bias_decay = {"weight_decay": p.weight_decay if p.bias_decay else 0.0}
    return [
        {"name": "conv1", "params": conv1, "lr": lr, **decay},
        {"name": "weights", "params": weights, "lr": lr, **decay},
        {"name": "biases", "params": biases, "lr": lr * p.bias_rate, **bias_decay},
    ]


EXAMPLE = Example(
    name="alexnet",
    description=__doc__,
    versions="profile",
    profiles=tuple(PROFILES),
    good_starts=("source2012", "modern"),
    schedules=("plateau", "145"),
    default_data="shapes",
    has_towers=True,
    num_classes=1000,
    summary_note="""\
Usually quoted are 60 million parameters, 650,000 neurons and 630 million connections. The paper's
figure 2 counts 253,440 neurons in layer 1; its 55 x 55 x 96 outputs are 290,400.""",
    small={"image_size": SMALLEST_IMAGE, "width": 0.04},
    build=AlexNet,
    parameter_groups=parameter_groups,
    settings=settings,
    differences=differences,
    original="paper",
    relatives=(CIFAR10,),
)
