"""The engine's public names, which `tinynet` hands on: `import tinynet; tinynet.Tensor`."""

from tinynet import functional, init, nn, optim
from tinynet.devices import device
from tinynet.gradient_check import GradcheckError, gradcheck
from tinynet.random import manual_seed
from tinynet.serialization import load, save
from tinynet.tape import no_grad
from tinynet.tensor import Tensor

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
