"""The networks for CIFAR-10, as a program: the network itself is in tinynet/models/cifar10.py.

python examples/cifar10.py train --recipe 80sec --data cifar-10-binary.tar.gz
python examples/cifar10.py --help         all that it can do
"""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the imports without a word; then see main

from tinynet.commands import command_line
from tinynet.models.cifar10 import *  # noqa: F403 - whoever imports this finds the same names
from tinynet.models.cifar10 import EXAMPLE

if __name__ == "__main__":
    sys.exit(command_line.main(EXAMPLE))
