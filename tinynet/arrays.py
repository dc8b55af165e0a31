"""What a Tensor takes as its data, and what becomes of it: arrays keep their dtype."""

import numpy as np

from tinynet.devices import Device


def as_array(data, device: Device, dtype: np.dtype | str | None = None):
    """`data` as an array of `dtype`: Python numbers become float32 unless that says otherwise.

    An array of the device stays where it is; what NumPy can take for an array becomes one of
    NumPy's. In lists, the arrays among the elements say what dtype all get. TypeError if the engine
    has no use for it.
    """
    if isinstance(data, np.ndarray | np.generic) or device.owns(data):
        array = data
    else:
        array = _of_nested(data)
        weak = not hasattr(data, "dtype")  # no array of another library either
        if dtype is None and weak and array.dtype.kind in "iuf":
            dtypes = list(_dtypes(data))
            dtype = np.result_type(*dtypes) if dtypes else np.float32
    if dtype is not None:
        array = array.astype(as_dtype(dtype), copy=False)
    native = array.dtype.isnative
    if not native or (array.dtype.kind not in "iub" and array.dtype not in device.reals):
        wanted = "numbers in float32 or float64" if native else "this machine's byte order"
        raise TypeError(f"Tensor: data expects {wanted}, got {array.dtype}")
    return array


def as_dtype(dtype) -> np.dtype:
    """NumPy's dtype of this name."""
    try:
        return np.dtype(dtype)
    except TypeError:
        raise TypeError(f"Tensor: dtype expects a name such as 'float32', got {dtype!r}") from None


def check_fills(name: str, values, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """ValueError unless `values` are numbers that broadcast to this shape."""
    try:
        given = values.shape if hasattr(values, "shape") else np.asarray(values, dtype).shape
        fills = np.broadcast_shapes(given, shape) == shape
    except (TypeError, ValueError):
        fills = False
    if not fills:
        got = f"shape {values.shape}" if hasattr(values, "shape") else repr(values)
        raise ValueError(f"{name}: values expects numbers that fill {shape}, got {got}")


def _of_nested(data) -> np.ndarray:
    try:
        return np.asarray(data)
    except ValueError as error:  # NumPy's own message speaks of sequences and inhomogeneity
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError("Tensor: data expects lists of equal lengths, got unequal ones") from None


def _dtypes(data):
    """The dtypes of the arrays and of NumPy's numbers in nested lists."""
    for part in data if isinstance(data, list | tuple) else ():
        if hasattr(part, "dtype"):
            yield np.asarray(part).dtype
        else:
            yield from _dtypes(part)
