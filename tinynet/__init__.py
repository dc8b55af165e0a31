"""tinynet: a deep learning engine to read, on NumPy and hand-written CUDA kernels.

The files beside this one are the engine; the folders are rooms above, below and beside it, and
docs/house.md draws which stands on which.

All of the engine is loaded when the first of its names is asked for. A room that stands under it,
such as the simulator, is there without it: `python -m tinynet.kernels run` starts in half the time.
"""

import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from tinynet.pytorch_names import missing_from

if "".join(sys.argv[:1]).endswith("/bin/tinynet") or (
    sys.argv[:1] == ["-m"] and {"tinynet", "tinynet.kernels"} & {*sys.orig_argv}
):
    # These programs come by here first: Ctrl-C ends their imports without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
if sys.argv[:1] == ["-m"] and "tinynet.kernels run" in " ".join(sys.orig_argv):
    # It multiplies no matrices: NumPy's BLAS need not start a thread for each core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from tinynet.public import (
        GradcheckError,
        Tensor,
        device,
        functional,
        gradcheck,
        init,
        load,
        manual_seed,
        nn,
        no_grad,
        optim,
        save,
    )

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


def __getattr__(name: str) -> object:
    if name in ("data", "models"):
        return import_module(f"tinynet.{name}")
    if name not in __all__:
        return missing_from("tinynet")(name)
    return getattr(import_module("tinynet.public"), name)
