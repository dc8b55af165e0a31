"""tinynet: a deep learning engine to read, on NumPy and hand-written CUDA kernels.

The files beside this one are the engine; the folders are rooms above, below and beside it, and
docs/house.md draws which stands on which.
"""

from tinynet import functional, init, nn, optim
from tinynet.devices import device
from tinynet.gradient_check import GradcheckError, gradcheck
from tinynet.random import manual_seed
from tinynet.serialization import load, save
from tinynet.tape import no_grad
from tinynet.tensor import Tensor

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
