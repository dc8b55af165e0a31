"""The simulator: runs CUDA kernels on the CPU, and answers the CuPy calls that tinynet makes.

It takes CuPy's place. Code that is handed `xp` gets CuPy for `cuda:N`, this package for `sim:N`:

    with xp.cuda.Device(0):
        x = xp.asarray(numpy_array)
        y = xp.empty_like(x)
        kernel = xp.RawModule(code=text, options=("-DREAL=float",)).get_function("relu_kernel")
        kernel((blocks,), (256,), (y, x, np.int32(x.size)))
        xp.maximum(y, 0, out=y)

Two halves, which share only the array:
    kernels   module.py, and under it source, compiler, library; arguments, guards, findings,
              launching, profiling; in C++ cuda.h (the language), runtime.h, entry.h, fiber.h,
              scheduler, crash, watch, check, profile
    devices   arrays.py and creation.py, over pointer, streams, memory; cuda.py collects the names

Modes and orders are set in the environment: settings.py. The NumPy names that work on arrays of a
device are listed below; each means the same in CuPy.

What it cannot show: time and occupancy; races that the rules in check.cpp miss; cuBLAS and the
order of its sums. A kernel whose threads wait for each other by spinning on a flag never ends here,
and is stopped. It is tested on Linux, with g++ and clang++.
"""

import numpy as np

from tinynet.simulator import cuda
from tinynet.simulator.arrays import Function, may_share_memory
from tinynet.simulator.arrays import SimArray as ndarray
from tinynet.simulator.compiler import unavailable
from tinynet.simulator.creation import (
    arange,
    array,
    asarray,
    ascontiguousarray,
    asnumpy,
    copyto,
    empty,
    empty_like,
    full,
    full_like,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from tinynet.simulator.dry import dry_run
from tinynet.simulator.errors import ArgumentError, CompilerMissing, KernelError
from tinynet.simulator.memory import POOL, MemoryPool
from tinynet.simulator.module import RawModule

FUNCTIONS = frozenset(
    ["abs", "absolute", "add", "all", "any", "argmax", "argmin", "argsort", "broadcast_to", "clip"]
    + ["ceil", "concatenate", "cos", "cumsum", "divide", "dot", "equal", "exp", "expand_dims"]
    + ["floor", "floor_divide", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less"]
    + ["less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "matmul", "max"]
    + ["maximum", "mean", "min", "minimum", "moveaxis", "multiply", "negative", "nonzero"]
    + ["not_equal", "pad", "power", "prod", "ravel", "remainder", "repeat", "reshape", "rint"]
    + ["sign", "sin", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum"]
    + ["swapaxes", "take", "take_along_axis", "tanh", "tensordot", "transpose", "tril", "triu"]
    + ["var", "where"]
)
CONSTANTS = frozenset(
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"]
    + ["uint32", "uint64", "bool_", "dtype", "inf", "nan", "newaxis", "pi"]
)

__all__ = [
    "ArgumentError",
    "CompilerMissing",
    "KernelError",
    "RawModule",
    "arange",
    "array",
    "asarray",
    "ascontiguousarray",
    "asnumpy",
    "copyto",
    "cuda",
    "dry_run",
    "empty",
    "empty_like",
    "full",
    "full_like",
    "get_default_memory_pool",
    "may_share_memory",
    "ndarray",
    "ones",
    "ones_like",
    "unavailable",
    "zeros",
    "zeros_like",
]


def get_default_memory_pool() -> MemoryPool:
    return POOL


def __getattr__(name: str) -> object:
    if name in FUNCTIONS:
        return Function(getattr(np, name))
    if name in CONSTANTS:
        return getattr(np, name)
    raise AttributeError(f"the simulator has no {name!r}: see FUNCTIONS in {__name__}")
