"""Is this argument exactly what the kernel's parameter wants, and how is it handed over?"""

import ctypes
from collections.abc import Iterator

import numpy as np

from tinynet.simulator.devices.arrays import SimArray
from tinynet.simulator.devices.memory import current_device
from tinynet.simulator.errors import ArgumentError
from tinynet.simulator.kernels.c_types import (
    Structure,
    base_of,
    dtype_of,
    fields_of,
    known,
    structure_of,
    vector_dtype,
)
from tinynet.simulator.kernels.guards import Argument, Packed
from tinynet.simulator.kernels.library import ModuleVariable
from tinynet.simulator.kernels.source import KernelText

Value = Argument | Packed | ctypes.Array | ctypes.c_void_p


def content(variable: ModuleVariable) -> np.ndarray:
    """A variable of the module, as an array on its own memory; of bytes if its type is unknown."""
    room = (ctypes.c_uint8 * variable.bytes).from_address(variable.address)
    if not known(variable.type):
        return np.ctypeslib.as_array(room)
    shape = variable.shape + fields_of(variable.type)
    return np.ctypeslib.as_array(room).view(dtype_of(variable.type)).reshape(shape)


def bind(
    text: KernelText, types: list[str], args: tuple, uninitialised: tuple[str, ...] = ()
) -> list[Value]:
    """What is handed to each parameter; ArgumentError if it is not exactly of its type."""
    if len(args) != len(types):
        names = ", ".join(parameter.name for parameter in text.parameters)
        reason = f"takes {len(types)} arguments ({names}), got {len(args)}"
        raise ArgumentError("arguments", reason, text.file, text.line, text.name)
    on_device = any(isinstance(arg, SimArray) for arg in flat(args))
    values = []
    for position, (parameter, type_, arg) in enumerate(zip(text.parameters, types, args), 1):
        wrong = _problem(type_, arg, on_device)
        if wrong:
            reason = f"argument {position}, {parameter.name} ({type_}): {wrong}"
            raise ArgumentError("arguments", reason, text.file, parameter.line, text.name)
        values.append(_value(parameter.name, type_, arg, parameter.name in uninitialised))
    return values


def flat(args: tuple) -> Iterator[object]:
    """The arguments, with those inside structures in their place."""
    for arg in args:
        yield from flat(arg) if isinstance(arg, tuple) else (arg,)


def _value(name: str, type_: str, arg: object, blank: bool) -> Value:
    if arg is None:
        return ctypes.c_void_p(None)
    if type_.endswith("*"):
        return _array(name, arg, type_.startswith("const "), blank)
    if isinstance(arg, tuple):
        structure = structure_of(type_)
        box = (ctypes.c_char * structure.bytes)()
        arrays = []
        for field, value in zip(structure.fields, arg):
            inside = _value(f"{name}.{field.name}", field.type, value, False)
            if isinstance(inside, Argument):
                arrays.append((field.offset, inside))
            else:
                ctypes.memmove(ctypes.addressof(box) + field.offset, inside, ctypes.sizeof(inside))
        return Packed(box, tuple(arrays))
    return (ctypes.c_char * arg.nbytes).from_buffer_copy(arg.tobytes())


def _array(name: str, arg: object, constant: bool, uninitialised: bool) -> Argument:
    if isinstance(arg, SimArray):
        written = arg.memory.written_part(arg.plain)
        return Argument(name, arg.plain, constant, None if written is None else written.reshape(-1))
    return Argument(name, arg, constant, np.zeros(arg.nbytes, np.uint8) if uninitialised else None)


def _problem(type_: str, arg: object, on_device: bool) -> str | None:
    """What is wrong with this argument for a parameter of this C type."""
    if arg is None and type_.endswith("*"):  # the null pointer, as in CuPy
        return None
    if not known(type_):
        return "the simulator passes no parameters of this type"
    structure = structure_of(type_)
    if structure and not type_.endswith("*"):
        return _problem_inside(structure, arg, on_device)
    dtype = dtype_of(type_)
    if not type_.endswith("*"):
        wanted = vector_dtype(type_) if fields_of(type_) else dtype
        if isinstance(arg, np.generic) and arg.dtype == wanted:
            return None
        return f"wants np.{dtype.name}(...), got {_describe(arg)}"
    if not isinstance(arg, SimArray if on_device else np.ndarray):
        where = f" of sim:{current_device()}" if on_device else ""
        return f"wants an array of {dtype}{where}, got {_describe(arg)}"
    if on_device and arg.memory.device != current_device():
        return f"the array is on sim:{arg.memory.device}, the launch is on sim:{current_device()}"
    if arg.dtype != dtype and base_of(type_) != "void":
        return f"wants an array of {dtype}, got one of {arg.dtype}"
    if not arg.flags.c_contiguous:
        return f"wants a C-contiguous array, got shape {arg.shape} with strides {arg.strides}"
    if not type_.startswith("const ") and not arg.flags.writeable:
        return "the kernel may write to it, but the array is read-only"
    return None


def _problem_inside(structure: Structure, arg: object, on_device: bool) -> str | None:
    if not isinstance(arg, tuple) or len(arg) != len(structure.fields):
        names = ", ".join(field.name for field in structure.fields)
        return f"wants a tuple of its fields ({names})"
    for field, value in zip(structure.fields, arg):
        if wrong := _problem(field.type, value, on_device):
            return f"{field.name} ({field.type}): {wrong}"
    return None


def _describe(arg: object) -> str:
    if isinstance(arg, np.ndarray):
        return f"a NumPy array of {arg.dtype} and shape {arg.shape}"
    if isinstance(arg, SimArray):
        return f"an array of {arg.dtype} and shape {arg.shape}"
    if isinstance(arg, np.generic):
        return f"np.{arg.dtype.name}({arg})"
    return f"the Python {type(arg).__name__} {arg!r}"
