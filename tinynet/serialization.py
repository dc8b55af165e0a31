"""Save and load: one safetensors file, arrays as they are and everything else as JSON. No pickle.

`state` is a dict, nested at will, of NumPy arrays and JSON values (None, bool, int, float, str,
lists, dicts). Any safetensors reader can read the file: arrays are named by their path,
"model/conv1.weight", and the rest is in the header under the key "tinynet", with a checksum of both
that tells whether a disk has changed a bit. Files of before there was one are read too.
"""

import json
import os
import zlib
from pathlib import Path

import numpy as np

from tinynet.files.regular_file import open_regular
from tinynet.files.whole_file import whole_path

PYTORCH = (".pt", ".pth")  # the endings that it gives to pickles
CHECKSUM = "__crc32__"  # in the JSON, not beside it: safetensors orders its header at random
# Of the types that safetensors has, those that NumPy has too.
READ = {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64"}
ARRAY = "__array__"  # {"__array__": "model/conv1.weight"} stands in the JSON for an array


def save(path: str | Path, state: dict) -> None:
    """Write `state` to `path`, whole or not at all.

    The file is written beside `path`, flushed to the disk, then renamed: whoever looks at `path`
    sees the old file or the new one, never half of one. A full disk raises OSError and leaves the
    old file.
    """
    if not isinstance(state, dict):
        order = "; the path stands first: save(path, state)" if isinstance(path, dict) else ""
        raise TypeError(f"save: state expects a dict, got {type(state).__name__}{order}")
    arrays: dict[str, np.ndarray] = {}
    values = _take_arrays(state, "", arrays)
    header = {"tinynet": json.dumps({CHECKSUM: _checksum(values, arrays), **values})}
    write_arrays(Path(path), arrays, header)


def write_arrays(
    path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file of these arrays, as `save` does, for whoever reads such files."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        with whole_path(path) as part:
            part.touch()
            usual_mode = part.stat().st_mode  # safetensors' own would shut out everybody else
            save_file(arrays, part, metadata=metadata)
            os.chmod(part, usual_mode)
    except OSError as error:
        message = f"save: could not write {path}: {error.strerror}"
        raise OSError(error.errno, message) from error
    except SafetensorError as error:
        raise OSError(f"save: could not write {path}: {error}") from error


def load(path: str | Path) -> dict:
    """The `state` that `save` wrote to `path`. ValueError if the file is damaged or foreign."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    _check_readable(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: _array(file, name, path) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        if path.suffix in PYTORCH:
            raise ValueError(
                f"load: {path} is named as PyTorch names its files, which may run code when they "
                "are read; in PyTorch, tinynet.save(path, {name: t.numpy() for name, t in "
                "state_dict.items()}) writes one for tinynet"
            ) from None
        raise ValueError(f"load: {path} is damaged or not a safetensors file ({error})") from None
    if "tinynet" not in metadata:
        raise ValueError(f"load: {path} is a safetensors file, but not one that tinynet wrote")
    try:
        values = json.loads(metadata["tinynet"])
        checksum = values.pop(CHECKSUM, None)
        intact = checksum is None or checksum == _checksum(values, arrays)
        state = _put_arrays(values, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"load: {path} is damaged: its header does not fit ({error})") from None
    if not intact:
        raise ValueError(f"load: {path} is damaged: its checksum is not that of what it holds")
    return state


def _check_readable(path: Path) -> None:
    """Raise an OSError that says why, if the file cannot be read at all."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        raise FileNotFoundError(f"load: no such file: {path}") from None
    except OSError as error:
        raise type(error)(f"load: {path} cannot be read: {error.strerror}") from None


def _array(file, name: str, path: Path) -> np.ndarray:
    kind = file.get_slice(name).get_dtype()
    if kind not in READ:
        raise ValueError(f"load: {path} does not fit: {name} is of type {kind}, NumPy has no such")
    return file.get_tensor(name)


def _checksum(values: dict, arrays: dict[str, np.ndarray]) -> str:
    """Of the JSON, and of every array's name, type, shape and bytes (little end first)."""
    crc = zlib.crc32(json.dumps(values).encode())
    for name, array in sorted(arrays.items()):
        array = np.asarray(array, array.dtype.newbyteorder("<"))
        about = [name, array.dtype.str, array.shape]
        crc = zlib.crc32(json.dumps(about).encode(), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8), crc)
    return f"{crc:08x}"


def _take_arrays(value, path: str, arrays: dict):
    """`value` as JSON values, its arrays moved to `arrays` under their paths."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise TypeError(f"save: {path} expects an array of numbers or bools, got {value.dtype}")
        name = path
        # A key "a/b" clashes with "b" in "a"; the name "__metadata__" belongs to the format.
        while name in arrays or name == "__metadata__":
            name += "'"
        arrays[name] = np.asarray(value, order="C")
        return {ARRAY: name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in (ARRAY, CHECKSUM):
                raise TypeError(f"save: the keys of {path or 'state'} must be names, got {key!r}")
        return {
            key: _take_arrays(v, f"{path}/{key}" if path else key, arrays)
            for key, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [_take_arrays(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    numpy = "; its .numpy() is an array" if hasattr(value, "numpy") else ""
    got = type(value).__name__
    raise TypeError(f"save: {path} expects arrays and JSON values, got {got}{numpy}")


def _put_arrays(value, arrays: dict):
    if isinstance(value, dict):
        if value.keys() == {ARRAY}:
            return arrays[value[ARRAY]]
        return {key: _put_arrays(v, arrays) for key, v in value.items()}
    if isinstance(value, list):
        return [_put_arrays(v, arrays) for v in value]
    return value
