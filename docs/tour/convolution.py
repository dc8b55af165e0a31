"""The side of what comes out of a window, and two sides that circulating notes have wrong."""

import numpy as np

from tinynet import Tensor, init
from tinynet import functional as F
from tinynet.models.alexnet import AlexNet
from tinynet.models.lenet import LeNet
from tinynet.reports.summary import rows


def conv1(side: int, padding) -> int:
    """What conv1 of AlexNet, a window of 11 with stride 4, makes of a side."""
    image, weight = (Tensor(np.zeros((1, 1, of, of))) for of in (side, 11))
    return F.conv2d(image, weight, stride=4, padding=padding).shape[-1]


def pooled(side: int, window: int, stride: int) -> int:
    """The side that a pool makes of a side."""
    return F.avg_pool2d(Tensor(np.zeros((1, 1, side, side))), window, stride).shape[-1]


def size(network, side: int) -> str:
    layers = rows(network, side)
    parameters = sum(layer.parameters for layer in layers)
    connections = sum(layer.connections for layer in layers)
    return f"{parameters:10,} parameters, {connections:11,} multiply-adds for an image"


def main() -> None:
    with init.skipped():
        lenet, alexnet = LeNet(), AlexNet()
    print(f"LeNet-5 {size(lenet, 32)}")
    print(f"AlexNet {size(alexnet, 224)}")
    print("conv1 of AlexNet: window 11, stride 4")
    print(f"  224, no padding                {conv1(224, 0)}   (224 - 11) / 4 + 1 = {213 / 4 + 1}")
    print(f"  224, 3 zeros right and bottom  {conv1(224, (0, 3, 0, 3))}   the source of 2012")
    print(f"  227, no padding                {conv1(227, 0)}   Caffe")
    print(f"  224, 2 zeros on every side     {conv1(224, 2)}   torchvision")
    print("S2 of LeNet-5: window 2, maps of 28 x 28")
    print(f"  stride 1                       {pooled(28, 2, 1)}")
    print(f"  stride 2                       {pooled(28, 2, 2)}   the paper of 1998")


if __name__ == "__main__":
    main()
