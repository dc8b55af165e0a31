"""Is this argument exactly what the kernel's parameter wants, and how is it handed over?"""

import ctypes

import numpy as np

from tinynet.simulator.devices.arrays import SimArray
from tinynet.simulator.devices.memory import current_device
from tinynet.simulator.errors import ArgumentError
from tinynet.simulator.kernels.guards import Argument
from tinynet.simulator.kernels.source import KernelText

DTYPES = {
    "float": np.float32, "double": np.float64, "bool": np.bool_,
    "char": np.int8, "signed char": np.int8, "unsigned char": np.uint8,
    "short": np.int16, "unsigned short": np.uint16, "int": np.int32, "unsigned int": np.uint32,
    "long": np.int64, "unsigned long": np.uint64,
    "long long": np.int64, "unsigned long long": np.uint64,
    "float2": np.float32, "float4": np.float32, "double2": np.float64,
    "int2": np.int32, "int4": np.int32,
    "Dual": np.complex128,  # a value and a slope, in this order
}  # fmt: skip


def bind(
    text: KernelText, types: list[str], args: tuple, uninitialised: tuple[str, ...] = ()
) -> list[Argument | ctypes._SimpleCData]:
    """What is handed to each parameter; ArgumentError if it is not exactly of its type."""
    if len(args) != len(types):
        names = ", ".join(parameter.name for parameter in text.parameters)
        reason = f"takes {len(types)} arguments ({names}), got {len(args)}"
        raise ArgumentError("arguments", reason, text.file, text.line, text.name)
    on_device = any(isinstance(arg, SimArray) for arg in args)
    values = []
    for position, (parameter, type_, arg) in enumerate(zip(text.parameters, types, args), 1):
        wrong = _problem(type_, arg, on_device)
        if wrong:
            reason = f"argument {position}, {parameter.name} ({type_}): {wrong}"
            raise ArgumentError("arguments", reason, text.file, parameter.line, text.name)
        if type_.endswith("*"):
            constant = type_.startswith("const ")
            values.append(_array(parameter.name, arg, constant, parameter.name in uninitialised))
        else:
            values.append(_boxed(arg))
    return values


def _boxed(number: np.generic) -> ctypes._SimpleCData | ctypes.Array:
    """The number where C finds it, at an address."""
    if number.dtype.kind == "c":
        return (ctypes.c_double * 2)(number.real, number.imag)
    return np.ctypeslib.as_ctypes_type(number.dtype)(number.item())


def _array(name: str, arg: object, constant: bool, uninitialised: bool) -> Argument:
    if isinstance(arg, SimArray):
        written = arg.memory.written_part(arg.plain)
        return Argument(name, arg.plain, constant, None if written is None else written.reshape(-1))
    return Argument(name, arg, constant, np.zeros(arg.nbytes, np.uint8) if uninitialised else None)


def _problem(type_: str, arg: object, on_device: bool) -> str | None:
    """What is wrong with this argument for a parameter of this C type."""
    base = type_.removeprefix("const ").removesuffix("*")
    if base not in DTYPES:
        return "the simulator passes no parameters of this type"
    dtype = np.dtype(DTYPES[base])
    if not type_.endswith("*"):
        if isinstance(arg, np.generic) and arg.dtype == dtype:
            return None
        return f"wants np.{dtype.name}(...), got {_describe(arg)}"
    if not isinstance(arg, SimArray if on_device else np.ndarray):
        where = f" of sim:{current_device()}" if on_device else ""
        return f"wants an array of {dtype}{where}, got {_describe(arg)}"
    if on_device and arg.memory.device != current_device():
        return f"the array is on sim:{arg.memory.device}, the launch is on sim:{current_device()}"
    if arg.dtype != dtype:
        return f"wants an array of {dtype}, got one of {arg.dtype}"
    if not arg.flags.c_contiguous:
        return f"wants a C-contiguous array, got shape {arg.shape} with strides {arg.strides}"
    if not type_.startswith("const ") and not arg.flags.writeable:
        return "the kernel may write to it, but the array is read-only"
    return None


def _describe(arg: object) -> str:
    if isinstance(arg, np.ndarray):
        return f"a NumPy array of {arg.dtype} and shape {arg.shape}"
    if isinstance(arg, SimArray):
        return f"an array of {arg.dtype} and shape {arg.shape}"
    if isinstance(arg, np.generic):
        return f"np.{arg.dtype.name}({arg})"
    return f"the Python {type(arg).__name__} {arg!r}"
