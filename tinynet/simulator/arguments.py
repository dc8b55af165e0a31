"""Is this argument exactly what the kernel's parameter wants, and how is it handed over?"""

import ctypes

import numpy as np

DTYPES = {
    "float": np.float32, "double": np.float64, "bool": np.bool_,
    "char": np.int8, "signed char": np.int8, "unsigned char": np.uint8,
    "short": np.int16, "unsigned short": np.uint16, "int": np.int32, "unsigned int": np.uint32,
    "long": np.int64, "unsigned long": np.uint64,
    "long long": np.int64, "unsigned long long": np.uint64,
    "float2": np.float32, "float4": np.float32, "double2": np.float64,
    "int2": np.int32, "int4": np.int32,
}  # fmt: skip


def problem(type_: str, arg: object) -> str | None:
    """What is wrong with this argument for a parameter of this C type."""
    base = type_.removeprefix("const ").removesuffix("*")
    if base not in DTYPES:
        return "the simulator passes no parameters of this type"
    dtype = np.dtype(DTYPES[base])
    if not type_.endswith("*"):
        if isinstance(arg, np.generic) and arg.dtype == dtype:
            return None
        return f"wants np.{dtype.name}(...), got {_describe(arg)}"
    if not isinstance(arg, np.ndarray):
        return f"wants an array of {dtype}, got {_describe(arg)}"
    if arg.dtype != dtype:
        return f"wants an array of {dtype}, got one of {arg.dtype}"
    if not arg.flags.c_contiguous:
        return f"wants a C-contiguous array, got shape {arg.shape} with strides {arg.strides}"
    if not type_.startswith("const ") and not arg.flags.writeable:
        return "the kernel may write to it, but the array is read-only"
    return None


def _describe(arg: object) -> str:
    if isinstance(arg, np.ndarray):
        return f"an array of shape {arg.shape}"
    if isinstance(arg, np.generic):
        return f"np.{arg.dtype.name}({arg})"
    return f"the Python {type(arg).__name__} {arg!r}"


def c_value(type_: str, arg: np.ndarray | np.generic) -> ctypes._SimpleCData:
    """The argument in a box of its C type."""
    if type_.endswith("*"):
        return ctypes.c_void_p(arg.ctypes.data)
    return np.ctypeslib.as_ctypes_type(arg.dtype)(arg.item())
