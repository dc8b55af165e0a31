"""Named arrays from files of other programs: .safetensors, and PyTorch's .pth without running it.

A .pth file is a zip archive: `data.pkl`, a pickle that names the tensors, and a file of bytes for
each. A pickle is a program, which may call whatever function it names: loading it the usual way
hands the machine to its author. Here it may name the few things that a state dict of tensors
consists of, and gets ours in their place; and it may use the instructions that such a dict needs.
"""

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinynet.files.regular_file import read_regular

ZIP = b"PK\x03\x04"  # how a zip archive begins
MOST = 2**33  # bytes of a file; AlexNet's weights take a quarter of 2**30
MOST_NAMES = 2**24  # bytes of data.pkl
TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays in a .safetensors file, or in a state dict that PyTorch saved, by their names.

    float16, float32 and float64 as they are; bfloat16, which NumPy lacks, as float32. Raises
    ValueError, with the file's name, if it is neither, or damaged, or would do more than hold
    tensors of floats; OSError if it cannot be read.
    """
    data = read_regular(path, MOST)
    try:
        return _of_pytorch(data) if data.startswith(ZIP) else _of_safetensors(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _of_safetensors(data: bytes) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(data)
    except SafetensorError as error:
        raise ValueError(
            f"neither a whole .safetensors file nor a state dict that PyTorch saved ({error})"
        ) from None
    return {
        name: _floats(entry["data"], entry["dtype"], name).reshape(entry["shape"])
        for name, entry in entries
    }


def _floats(data: bytes, kind: str, name: str) -> np.ndarray:
    if kind not in TYPES:
        raise ValueError(f"{name} is of type {kind}, wanted floats")
    array = np.frombuffer(data, np.dtype(TYPES[kind]).newbyteorder("<"))
    if kind == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


# ---------------------------------------------------------------- .pth


def _of_pytorch(data: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise ValueError("a zip archive, but not one that PyTorch saved: no data.pkl")
            program = _member(archive, names[0], MOST_NAMES)
            _check_instructions(program)
            state = _StateDict(program, archive, names[0].removesuffix("data.pkl")).load()
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ValueError(f"a damaged zip archive ({error})") from None
    except ValueError:
        raise
    except Exception as error:  # bytes that are no pickle fail in many ways
        raise ValueError(f"data.pkl is damaged ({type(error).__name__}: {error})") from None
    if not isinstance(state, dict) or not all(isinstance(a, np.ndarray) for a in state.values()):
        raise ValueError("holds more than the tensors of a state dict: save model.state_dict()")
    if not all(isinstance(name, str) for name in state):
        raise ValueError("its tensors have no names")
    return dict(state)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of the archive, which is no larger than `most`."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"a damaged archive: it lacks {name}") from None
    if info.file_size > most:
        raise ValueError(f"{name} has {info.file_size:,} bytes, wanted at most {most:,}")
    if info.compress_type != zipfile.ZIP_STORED:  # it could be a bomb
        raise ValueError(f"{name} is compressed, which PyTorch's are not")
    return archive.read(info)


INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET"),
    *("LONG_BINGET", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_TUPLE", "TUPLE", "TUPLE1"),
    *("TUPLE2", "TUPLE3", "BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2"),
    *("LONG1", "NEWTRUE", "NEWFALSE", "NONE", "GLOBAL", "REDUCE", "BINPERSID"),
    "BUILD",  # what a state dict remembers of its modules' versions
}


def _check_instructions(program: bytes) -> None:
    for instruction, _, _ in pickletools.genops(program):
        if instruction.name not in INSTRUCTIONS:
            raise ValueError(f"data.pkl uses {instruction.name}, which no state dict needs")


class _Storage(NamedTuple):
    """What the pickle calls torch.FloatStorage and the like: the type of a tensor's numbers."""

    kind: str


class _Rebuild:
    """Stands for a function of PyTorch. It has no attributes that a pickle could set."""

    __slots__ = ()


class _Tensor(_Rebuild):
    """_rebuild_tensor_v2: a tensor is a view of a storage, at an offset and with strides."""

    __slots__ = ()

    def __call__(self, storage, offset, shape, strides, *_):
        counts = (offset, *shape, *strides)
        if not isinstance(storage, np.ndarray) or len(shape) != len(strides):
            raise ValueError("a tensor without numbers, or without a shape")
        if not all(type(n) is int and n >= 0 for n in counts) or prod(shape) > storage.size:
            raise ValueError(f"a tensor of shape {shape} in {storage.size:,} numbers")
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides))
        if prod(shape) and last >= storage.size:
            raise ValueError(f"a tensor of shape {shape} reaches beyond {storage.size:,} numbers")
        apart = tuple(stride * storage.itemsize for stride in strides)
        return as_strided(storage[offset:], shape, apart, writeable=False).copy()


class _Parameter(_Rebuild):
    """_rebuild_parameter: a tensor that is trained."""

    __slots__ = ()

    def __call__(self, tensor, *_):
        return tensor


NAMES = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor(),
    ("torch._utils", "_rebuild_parameter"): _Parameter(),
    ("torch", "DoubleStorage"): _Storage("F64"),
    ("torch", "FloatStorage"): _Storage("F32"),
    ("torch", "HalfStorage"): _Storage("F16"),
    ("torch", "BFloat16Storage"): _Storage("BF16"),
}


class _StateDict(pickle.Unpickler):
    """A pickle's dict of tensors; of the names in it none is ever imported."""

    def __init__(self, program: bytes, archive: zipfile.ZipFile, folder: str):
        super().__init__(io.BytesIO(program))
        self._archive, self._folder = archive, folder

    def find_class(self, module: str, name: str):
        if (module, name) not in NAMES:
            raise ValueError(f"names {module}.{name}, which no state dict of float tensors needs")
        return NAMES[module, name]

    def persistent_load(self, place) -> np.ndarray:
        """The numbers that data/KEY holds: place is ("storage", type, KEY, device, how many)."""
        _, storage, key, _, count = place
        size = np.dtype(TYPES[storage.kind]).itemsize
        data = _member(self._archive, f"{self._folder}data/{key}", count * size)
        return _floats(data, storage.kind, f"data/{key}")
