"""Two towers: what a filter does not see, and what crosses between them."""

import numpy as np

from tinynet import Tensor, init, simulator
from tinynet import functional as F
from tinynet.models.alexnet import AlexNet

EDGES = ("conv3", "fc6", "fc7", "fc8")


def in_two_towers(conv, x, weight):
    """A convolution whose filters see the maps of their own tower: x (n, c, h, w), weight
    (filters, c/2, kh, kw). `conv(x, weight)` is any convolution."""
    maps, filters = x.shape[1] // 2, len(weight) // 2
    a = conv(x[:, :maps], weight[:filters])
    b = conv(x[:, maps:], weight[filters:])
    return np.concatenate([a, b], axis=1)


def crossing() -> dict[str, tuple[float, float]]:
    """Floats that cross for one image, forward: a to b, and b to a. Nothing is computed."""
    with simulator.dry_run(), init.skipped():  # arrays have shapes, but no numbers
        net = AlexNet(devices=("sim:0", "sim:1"))
        net(np.zeros((1, 3, 224, 224), np.float32))
    ways = ("a to b", "b to a")
    return {
        edge: tuple(net.traffic[edge, "forward", way].floats_per_image for way in ways)
        for edge in EDGES
    }


def main() -> None:
    print("floats that cross for one image, forward")
    for edge, (to_b, to_a) in crossing().items():
        print(f"  {edge:<6} a to b {to_b:7,.0f}   b to a {to_a:7,.0f}")

    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 96, 27, 27))
    weight = rng.standard_normal((256, 48, 5, 5))

    def conv(x, weight, groups=1):
        return F.conv2d(Tensor(x), Tensor(weight), padding=2, groups=groups).numpy()

    difference = np.abs(in_two_towers(conv, x, weight) - conv(x, weight, groups=2)).max()
    print(f"conv2 by towers, beside conv2d(groups=2): largest difference {difference:.9f}")
    print(f"a filter of conv2 sees {weight.shape[1]} of {x.shape[1]} maps: {weight.size:,} weights")
    print(f"without towers it would see all: {2 * weight.size:,} weights")


if __name__ == "__main__":
    main()
