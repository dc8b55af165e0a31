"""tinynet: a deep learning engine to read, on NumPy and hand-written CUDA kernels.

The files beside this one are the engine; the folders are rooms above, below and beside it, and
docs/house.md draws which stands on which.
"""

import signal
import sys

if "".join(sys.argv[:1]).endswith("/bin/tinynet") or (
    sys.argv[:1] == ["-m"] and {"tinynet", "tinynet.kernels"} & {*sys.orig_argv}
):
    # These programs come by here first: Ctrl-C ends their imports without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from tinynet import functional, init, nn, optim  # noqa: E402
from tinynet.devices import device  # noqa: E402
from tinynet.gradient_check import GradcheckError, gradcheck  # noqa: E402
from tinynet.random import manual_seed  # noqa: E402
from tinynet.serialization import load, save  # noqa: E402
from tinynet.tape import no_grad  # noqa: E402
from tinynet.tensor import Tensor  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "GradcheckError",
    "Tensor",
    "device",
    "functional",
    "gradcheck",
    "init",
    "load",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "save",
]
