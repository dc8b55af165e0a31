"""Is this argument exactly what the kernel's parameter wants, and how is it handed over?"""

import ctypes

import numpy as np

from tinynet.simulator.devices.arrays import SimArray
from tinynet.simulator.devices.memory import current_device
from tinynet.simulator.errors import ArgumentError
from tinynet.simulator.kernels.guards import Argument
from tinynet.simulator.kernels.library import ModuleVariable
from tinynet.simulator.kernels.source import KernelText

DTYPES = {
    "float": np.float32, "double": np.float64, "bool": np.bool_, "__half": np.float16,
    "char": np.int8, "signed char": np.int8, "unsigned char": np.uint8,
    "short": np.int16, "unsigned short": np.uint16, "int": np.int32, "unsigned int": np.uint32,
    "long": np.int64, "unsigned long": np.uint64,
    "long long": np.int64, "unsigned long long": np.uint64,
    "Dual": np.complex128,  # a value and a slope, in this order
}  # fmt: skip
# float4 is a vector of 4 float, and so on.
VECTORS = {
    f"{name}{count}": (base, count)
    for name, base in {
        "char": "signed char", "uchar": "unsigned char", "short": "short",
        "ushort": "unsigned short", "int": "int", "uint": "unsigned int", "long": "long",
        "ulong": "unsigned long", "longlong": "long long", "ulonglong": "unsigned long long",
        "float": "float", "double": "double",
    }.items()
    for count in (1, 2, 3, 4)
} | {"__half2": ("__half", 2)}  # fmt: skip


def base_of(type_: str) -> str:
    """The C type without const and *; of a vector that of its fields: of "const float4*" float."""
    base = _bare(type_)
    return VECTORS[base][0] if base in VECTORS else base


def dtype_of(type_: str) -> np.dtype:
    """The dtype of a number of this C type, or of the elements of an array."""
    return np.dtype(DTYPES[base_of(type_)])


def fields_of(type_: str) -> tuple[int, ...]:
    """(4,) for float4 and what points to it, () for what is no vector."""
    base = _bare(type_)
    return (VECTORS[base][1],) if base in VECTORS else ()


def vector_dtype(type_: str) -> np.dtype:
    """The dtype of a vector that is passed by its value: int2 has the fields x and y."""
    return np.dtype([(name, dtype_of(type_)) for name in "xyzw"[: fields_of(type_)[0]]])


def content(variable: ModuleVariable) -> np.ndarray:
    """A variable of the module, as an array on its own memory; of bytes if its type is unknown."""
    room = (ctypes.c_uint8 * variable.bytes).from_address(variable.address)
    if not known(variable.type):
        return np.ctypeslib.as_array(room)
    shape = variable.shape + fields_of(variable.type)
    return np.ctypeslib.as_array(room).view(dtype_of(variable.type)).reshape(shape)


def known(type_: str) -> bool:
    """Whether the simulator can pass a parameter of this type."""
    return base_of(type_) in DTYPES


def _bare(type_: str) -> str:
    return type_.removeprefix("const ").removesuffix("*")


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
        if arg is None:
            values.append(ctypes.c_void_p(None))
        elif type_.endswith("*"):
            constant = type_.startswith("const ")
            blank = parameter.name in uninitialised
            values.append(_array(parameter.name, arg, constant, blank))
        else:
            values.append((ctypes.c_char * arg.nbytes).from_buffer_copy(arg.tobytes()))
    return values


def _array(name: str, arg: object, constant: bool, uninitialised: bool) -> Argument:
    if isinstance(arg, SimArray):
        written = arg.memory.written_part(arg.plain)
        return Argument(name, arg.plain, constant, None if written is None else written.reshape(-1))
    return Argument(name, arg, constant, np.zeros(arg.nbytes, np.uint8) if uninitialised else None)


def _problem(type_: str, arg: object, on_device: bool) -> str | None:
    """What is wrong with this argument for a parameter of this C type."""
    if not known(type_):
        return "the simulator passes no parameters of this type"
    dtype = dtype_of(type_)
    if not type_.endswith("*"):
        wanted = vector_dtype(type_) if fields_of(type_) else dtype
        if isinstance(arg, np.generic) and arg.dtype == wanted:
            return None
        return f"wants np.{dtype.name}(...), got {_describe(arg)}"
    if arg is None:  # the null pointer, as in CuPy
        return None
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
