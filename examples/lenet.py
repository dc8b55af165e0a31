"""LeNet-5, as a program: the network itself is in tinynet/models/lenet.py.

python examples/lenet.py train            draws its own images; no download
python examples/lenet.py --help           all that it can do
"""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the imports without a word; then see main

from tinynet.commands import command_line
from tinynet.models.lenet import *  # noqa: F403 - whoever imports this finds the same names
from tinynet.models.lenet import EXAMPLE

if __name__ == "__main__":
    sys.exit(command_line.main(EXAMPLE))
