"""What every device is: a name, an array module, and a ledger of its memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import ClassVar

import numpy as np

from tinynet.devices.ledger import Ledger


class Device:
    """A place for arrays: its name, and the array module (`xp`) that computes there."""

    # What a kernel's REAL may be, and what it is then called in C.
    reals: ClassVar[dict[np.dtype, str]] = {
        np.dtype(np.float32): "float",
        np.dtype(np.float64): "double",
    }
    shares: int  # into how many parts, summed side by side, a sum over a batch is cut at most
    part_bytes: int  # what one part of a batch may take for its columns
    takes_filters_apart: bool  # is a convolution faster by rows of its filters?
    tf32 = False  # are the factors of products rounded to TF32? See `use_tf32`

    def __init__(self, name: str, xp: ModuleType):
        self.name = name
        self.xp = xp
        self.ledger = Ledger(self.bytes_in_use)

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other) -> bool:
        """A device is equal to its own name, too."""
        return self.name == other if isinstance(other, str) else self is other

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self):
        from tinynet.devices import device

        return device, (self.name,)  # copy.deepcopy(model) stays on this very device

    def use_tf32(self, wanted: bool) -> None:
        """From now on, round the factors of float32 products to TF32, or do not.

        TF32 keeps 10 bits after the point of float32's 23, and sums in float32. Tensor cores, of
        NVIDIA's GPUs since Ampere, multiply such numbers several times as fast. Raises ValueError
        where there are none.
        """
        if wanted:
            raise ValueError(f"{self.name} has no TF32: NVIDIA's GPUs have it, since Ampere (2020)")

    @contextmanager
    def delivered(self, *arrays) -> Iterator[list]:
        """Inside `with`, these arrays, NumPy's or its own, are here: issue there what reads them.

        For what a step begins with: a GPU copies it while it is at work on the step before.
        """
        yield [self.asarray(array) for array in arrays]

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        array = self.empty(shape, dtype)
        self.write(array, 0)
        return array

    def write(self, array, values, index=...) -> None:
        """array[index] = values, for NumPy values and an array on this device."""
        with self.active():
            array[index] = self.asarray(np.asarray(values, array.dtype))
