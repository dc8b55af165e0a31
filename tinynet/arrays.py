"""What a Tensor takes as its data, and what becomes of it: arrays keep their dtype."""

import numpy as np


def as_array(data, dtype: np.dtype | str | None = None):
    """`data` as an array of `dtype`: Python numbers become float32 unless that says otherwise.

    An array of NumPy or CuPy stays where it is. TypeError if the engine has no use for its dtype.
    """
    given = hasattr(data, "dtype") and hasattr(data, "shape")  # an array, or one NumPy number
    array = data if given else np.asarray(data)
    if dtype is None and not given and array.dtype.kind in "iuf":
        dtype = np.float32
    if dtype is not None:
        array = array.astype(dtype, copy=False)
    kind, native = array.dtype.kind, array.dtype.isnative
    if kind not in "fiub" or (kind == "f" and array.dtype.itemsize not in (4, 8)) or not native:
        wanted = "numbers in float32 or float64" if native else "this machine's byte order"
        raise TypeError(f"Tensor: data expects {wanted}, got {array.dtype}")
    return array
