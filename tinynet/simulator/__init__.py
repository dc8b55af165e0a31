"""The simulator: runs CUDA kernels on the CPU, and answers the CuPy calls that tinynet makes.

It takes CuPy's place. Code that is handed `xp` gets CuPy for `cuda:N`, this package for `sim:N`:

    with xp.cuda.Device(0):
        x = xp.asarray(numpy_array)
        y = xp.empty(x.shape, x.dtype)
        kernel = xp.RawModule(code=text, options=("-DREAL=float",)).get_function("relu_kernel")
        kernel((blocks,), (256,), (y, x, np.int32(x.size)))
        xp.maximum(y, 0, out=y)

Two halves, which share only the array; a kernel is handed arrays and launched on a stream:

    errors.py, settings.py   what can go wrong; modes and orders, from the environment
    dry.py                   arrays that are counted but never filled, kernels that never run
    locks.py                 of what threads share, taken around a fork
    devices/                 arrays, memory, streams and events: what is CuPy's
    kernels/                 from a kernel's text to its launch: what is NVRTC's and the GPU's

The NumPy names that work on arrays of a device are listed below; each means the same in CuPy.

What it cannot show: time and occupancy; races that the rules in check.cpp miss; cuBLAS and the
order of its sums. A kernel whose threads wait for each other by spinning on a flag never ends here,
and is stopped. It is tested on Linux, with g++ and clang++. They count alike, but for steps without
a statement of their own: to clang++ a `break` is one more step of its line, and a } may be one.
"""

import numpy as np
from numpy import int32

from tinynet.simulator.devices import cublas, cuda
from tinynet.simulator.devices.arrays import Function, may_share_memory
from tinynet.simulator.devices.arrays import SimArray as ndarray
from tinynet.simulator.devices.creation import (
    arange,
    asarray,
    ascontiguousarray,
    asnumpy,
    empty,
    zeros,
)
from tinynet.simulator.devices.memory import POOL, MemoryPool
from tinynet.simulator.dry import dry_run, is_dry
from tinynet.simulator.errors import ArgumentError, CompilerMissing, KernelError
from tinynet.simulator.kernels.compiler import unavailable
from tinynet.simulator.kernels.module import RawModule

# Of NumPy's functions, those that tinynet's operations call by these names.
FUNCTIONS = frozenset(
    ["abs", "add", "broadcast_to", "clip", "concatenate", "exp", "log", "log1p", "matmul"]
    + ["maximum", "sign", "sqrt", "take_along_axis", "tanh", "where"]
)

__all__ = [
    "ArgumentError",
    "CompilerMissing",
    "KernelError",
    "RawModule",
    "arange",
    "asarray",
    "ascontiguousarray",
    "asnumpy",
    "cublas",
    "cuda",
    "dry_run",
    "empty",
    "get_default_memory_pool",
    "int32",
    "is_dry",
    "may_share_memory",
    "ndarray",
    "unavailable",
    "zeros",
]


def get_default_memory_pool() -> MemoryPool:
    return POOL


def __getattr__(name: str) -> object:
    if name in FUNCTIONS:
        return Function(getattr(np, name))
    raise AttributeError(f"the simulator has no {name!r}: see FUNCTIONS in {__name__}")
