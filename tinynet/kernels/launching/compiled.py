"""The .cu kernels of a device, compiled on first use: once per file, device and REAL.

The text goes to NVRTC through CuPy, or to the simulator, with -DREAL=float or double. A `#line`
before it lets compiler errors, profilers and debuggers name the file.

CuPy adds -ftz=true: on a GPU float32 numbers below 1.2e-38 count as 0, in comparisons too. So of
two such numbers max-pooling takes the first, and ReLU lets a negative one pass; the twins do not.
"""

from functools import cache

import numpy as np

from tinynet.devices import Gpu
from tinynet.kernels.launching.gate import cast
from tinynet.kernels.launching.geometry import FOLDER, KERNELS, launch_shape, parameters, source

CTYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


def run(device: Gpu, kernel: str, args: tuple, real: np.dtype) -> None:
    """Issue `kernel` on the device's current stream, with arguments that have been checked."""
    names = [p.name for p in parameters(kernel)]
    grid, block = launch_shape(kernel, dict(zip(names, args)))
    with device.active():
        _function(device, kernel, real)(grid, block, cast(kernel, args, real))


@cache
def _function(device: Gpu, kernel: str, real: np.dtype):
    module = _module(device, KERNELS[kernel].file, source(kernel), real)
    return module.get_function(f"{kernel}_kernel")


@cache
def _module(device: Gpu, file: str, text: str, real: np.dtype):
    path = (FOLDER / file).as_posix()  # in NVRTC a \ of Windows is an escape
    code = f'#line 1 "{path}"\n{text}'
    return device.xp.RawModule(code=code, options=(f"-DREAL={CTYPES[real]}",))
