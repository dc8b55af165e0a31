"""What every device is: a name, an array module, and a ledger of its memory."""

import sys
from types import ModuleType

import numpy as np

from tinynet.devices.ledger import Ledger


class Device:
    """A place for arrays: its name, and the array module (`xp`) that computes there."""

    channels_at_once = sys.maxsize  # how many channels' gradients to sum and transpose in one go
    reads_overlapping = False  # can a product read rows that overlap in memory? CuPy copies them

    def __init__(self, name: str, xp: ModuleType):
        self.name = name
        self.xp = xp
        self.ledger = Ledger(self.bytes_in_use)

    def __repr__(self) -> str:
        return f"device({self.name!r})"

    def __reduce__(self):
        from tinynet.devices import device

        return device, (self.name,)  # copy.deepcopy(model) stays on this very device

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype):
        array = self.empty(shape, dtype)
        self.write(array, 0)
        return array

    def write(self, array, values, index=...) -> None:
        """array[index] = values, for NumPy values and an array on this device."""
        with self.active():
            array[index] = self.asarray(np.asarray(values, array.dtype))
