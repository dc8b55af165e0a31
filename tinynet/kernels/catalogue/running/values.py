"""What a launch line's arguments become: numbers of their exact C types, arrays on the device."""

import os
from functools import cached_property
from math import prod

import numpy as np

from tinynet import simulator
from tinynet.files.regular_file import open_regular
from tinynet.kernels.catalogue.running.launch_line import pointing
from tinynet.kernels.catalogue.running.launches import (
    Argument,
    Assignment,
    Fields,
    Loaded,
    Made,
    Named,
    Text,
)
from tinynet.kernels.catalogue.running.numbers_of_c import Number
from tinynet.simulator.kernels.c_types import (
    Structure,
    base_of,
    dtype_of,
    fields_of,
    structure_of,
    vector_dtype,
)

# What random gives where the parameter declares integers: few enough to be bins or digits.
INTEGERS_BELOW = 100


class Values:
    """The arrays of a program, by name; they are made as launches ask for them.

    seed    of random: the arrays of a program are the same in every run
    """

    def __init__(self, seed: int):
        self.named: dict[str, simulator.ndarray] = {}
        self._seed = seed

    @cached_property
    def _rng(self) -> "np.random.Generator":  # a text: the name alone would load it
        return np.random.default_rng(self._seed)

    def of(self, argument: Argument, type_: str, line: str) -> object:
        """What is passed to a parameter of this C type; LineError points at what does not fit."""
        try:
            if type_.endswith("*"):
                return self._array(argument, type_)
            if structure := structure_of(type_):
                return self._structure(argument.value, structure, line)
            return _scalar(argument.value, type_)
        except _Unfit as error:
            raise pointing(line, argument.place, str(error)) from None

    def _structure(self, value: object, structure: Structure, line: str) -> tuple:
        names = ", ".join(field.name for field in structure.fields)
        if not isinstance(value, Fields) or len(value.arguments) != len(structure.fields):
            raise _Unfit(f"wanted a structure with its {len(structure.fields)} fields {{{names}}}")
        return tuple(
            self.of(argument, field.type, line)
            for argument, field in zip(value.arguments, structure.fields)
        )

    def for_variable(self, assignment: Assignment, variable: np.ndarray) -> np.ndarray:
        """What `NAME = ...` puts into a variable of the device."""
        value = assignment.argument.value
        try:
            if isinstance(value, Made):
                _check_shape(assignment.name, value.shape, variable)
                made = self._filled(value, value.shape, variable.dtype)
            elif isinstance(value, Loaded):
                made = _loaded(value.path, variable.dtype)
            elif isinstance(value, int | float):
                return _number(value, variable.dtype, variable.dtype.name)
            else:
                raise _Unfit("wanted a number, zeros, ones, arange, random or a file")
            _check_shape(assignment.name, made.shape, variable)
            return made.reshape(variable.shape)
        except _Unfit as error:
            raise pointing(assignment.line, assignment.argument.place, str(error)) from None

    def _array(self, argument: Argument, type_: str) -> simulator.ndarray | None:
        value = argument.value
        if value is None:
            return None
        if isinstance(value, Made):
            array = self._made(value, type_)
        elif isinstance(value, Loaded):
            array = simulator.asarray(_loaded(value.path, dtype_of(type_)))
        elif isinstance(value, Text):
            array = simulator.asarray(_letters(value.text, dtype_of(type_)))
        elif isinstance(value, Named):
            array = self._known(value.name)
        elif value == 0 and isinstance(value, int):
            return None  # C's null pointer
        else:
            raise _Unfit("wanted an array")
        if argument.name:
            self.named[argument.name] = array
        return array

    def _known(self, name: str) -> simulator.ndarray:
        if name not in self.named:
            known = ", ".join(self.named) or "none yet"
            raise _Unfit(f"no array is called {name} (named: {known})")
        return self.named[name]

    def _made(self, made: Made, type_: str) -> simulator.ndarray:
        dtype = dtype_of(type_)
        shape = made.shape + fields_of(type_)  # 64 float4 are (64, 4) floats
        try:
            if made.maker == "empty":
                return simulator.empty(shape, dtype)
            return simulator.asarray(self._filled(made, shape, dtype))
        except (MemoryError, ValueError):
            raise _Unfit(f"there is no memory for an array of shape {shape}") from None

    def _filled(self, made: Made, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if dtype.names:
            structures = np.zeros(shape, dtype)
            for name in dtype.names:
                field = dtype[name]
                structures[name] = self._filled(made, shape + field.shape, field.base)
            return structures
        if made.maker == "zeros":
            return np.zeros(shape, dtype)
        if made.maker == "ones":
            return np.ones(shape, dtype)
        if made.maker == "arange":
            return np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
        if dtype.kind == "f" and made.below is None:
            return self._rng.standard_normal(shape).astype(dtype)
        most = {"|b1": 2, "|u1": 256}
        below = made.below or most.get(dtype.str, INTEGERS_BELOW)
        return self._rng.integers(below, size=shape).astype(dtype)


class _Unfit(ValueError):
    """What does not fit its parameter, in words that miss the place."""


def _check_shape(name: str, shape: tuple[int, ...], variable: np.ndarray) -> None:
    if prod(shape) != variable.size:
        raise _Unfit(f"{name} has shape {variable.shape}, not {shape}")


def _loaded(path: str, dtype: np.dtype) -> np.ndarray:
    array = read_npy(path)
    if array.dtype.newbyteorder("=") != dtype:
        raise _Unfit(f"{path} holds {array.dtype}, the parameter wants {dtype}")
    return np.ascontiguousarray(array, dtype)


def _letters(text: str, dtype: np.dtype) -> np.ndarray:
    if dtype.itemsize != 1:
        raise _Unfit(
            f"a text is for char*, the parameter wants {dtype}; a file's name ends in .npy"
        )
    return np.frombuffer(text.encode() + b"\0", np.uint8).astype(dtype)


def read_npy(path: str | os.PathLike) -> np.ndarray:
    """The array of an .npy file; ValueError, in one line, if it cannot be read."""
    try:
        with open_regular(path) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise _Unfit(f"{path}: {error.strerror}") from None
    except (ValueError, EOFError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _Unfit(f"{path} cannot be read as .npy: {reason}") from None


def _scalar(value: object, type_: str) -> np.generic:
    """A number of exactly this type: what C would convert without loss, or refuse."""
    if isinstance(value, Fields):
        return _vector(value, type_)
    if value is None or isinstance(value, Made | Loaded | Text | Named):
        raise _Unfit(f"wanted a number ({type_})")
    if fields_of(type_):
        raise _Unfit(f"wanted {{...}} with the {fields_of(type_)[0]} fields of {type_}")
    return _number(value, dtype_of(type_), type_)


def _number(value: Number, dtype: np.dtype, type_: str) -> np.generic:
    if dtype.kind == "f":
        return dtype.type(value)
    if dtype.kind == "b" and value not in (0, 1):
        raise _Unfit(f"{value} is no bool")
    if isinstance(value, float) and not value.is_integer():
        raise _Unfit(f"wanted an integer ({type_}), got {value}")
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not low <= value <= high:
        raise _Unfit(f"{value} does not fit into {type_} ({low} to {high})")
    return dtype.type(int(value))


def _vector(value: Fields, type_: str) -> np.void:
    count = fields_of(type_)[0] if fields_of(type_) else 0
    if len(value.arguments) != count:
        raise _Unfit(f"wanted {count or 'no'} fields for {type_}, got {len(value.arguments)}")
    numbers = [_scalar(argument.value, base_of(type_)) for argument in value.arguments]
    return np.array(tuple(numbers), vector_dtype(type_))[()]
