"""AlexNet, as a program: the network itself is in tinynet/models/alexnet.py.

python examples/alexnet.py train          draws its own images; two to three minutes
python examples/alexnet.py --help         all that it can do
"""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the imports without a word; then see main

from tinynet.commands import command_line
from tinynet.models.alexnet import *  # noqa: F403 - whoever imports this finds the same names
from tinynet.models.alexnet import EXAMPLE

if __name__ == "__main__":
    sys.exit(command_line.main(EXAMPLE))
