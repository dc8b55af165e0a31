"""The networks: `from tinynet.models import AlexNet, CifarNet, LeNet`.

A file for each, with the network and, under it, what suits its data. In the order to read them:

    cifar10.py   the authors' nets for CIFAR-10
    alexnet.py   AlexNet, whatever the version
    lenet_layers.py
    lenet.py     LeNet-5, beside AlexNet

`trained/` holds a net for CIFAR-10 that has been trained, and says how.

The programs in examples/ are their doors, and so is the command `tinynet --network NAME`
(tinynet/__main__.py).
"""

from tinynet.models.alexnet import AlexNet
from tinynet.models.cifar10 import CifarNet
from tinynet.models.lenet import LeNet

__all__ = ["AlexNet", "CifarNet", "LeNet"]
