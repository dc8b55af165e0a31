"""Dual numbers in arrays: whatever runs on these devices computes its own derivative.

A dual number a + a'e is a number a on the move, with the slope a'. The e is positive and so small
that e*e is 0. Products then obey the product rule, and functions the chain rule:

    (a + a'e) * (b + b'e) = ab + (a'b + ab')e          f(a + a'e) = f(a) + f'(a) a' e

For kernels simulator/kernels/cpp/dual.h writes this out. NumPy has no dual numbers, but it has
complex ones, and i * 2**-600 will do for e. Its square is -2**-1200, less than the smallest double:
it is 0. So a dual number is stored as the complex number a + i 2**-600 a', and all that is analytic
(sums, products, exp, log, tanh, powers) does with it what it should. This is the complex step of
Squire and Trapp ("Using complex variables to estimate derivatives of real functions", SIAM Review
1998). Nothing is subtracted, so unlike a difference quotient it loses no digits, however small e.

The order is right, too: NumPy compares complex numbers by their real parts, then by the imaginary
ones, so a maximum goes the way it would go a little further along the slopes. Of all that tinynet
computes only |x| is not analytic; it has its rule below.

    device = of(open_device("sim:0"))
    y = F.tanh(Tensor(dual(x, direction), device=device)).numpy()
    value(y), slope(y)          tanh(x), and how fast it changes as x moves in this direction
"""

from functools import cache

import numpy as np

from tinynet.devices.base import Device
from tinynet.devices.cpu import Cpu
from tinynet.devices.gpu import Gpu

DUAL = np.dtype(np.complex128)
E = 2.0**-600  # a power of two: to multiply and to divide by it is exact


def dual(values, slopes) -> np.ndarray:
    """An array of dual numbers; either part may be broadcast to the other."""
    return np.asarray(values, np.float64) + 1j * (E * np.asarray(slopes, np.float64))


def value(array: np.ndarray) -> np.ndarray:
    """The values in an array of dual numbers."""
    return array.real


def slope(array: np.ndarray) -> np.ndarray:
    """The slopes in an array of dual numbers."""
    return array.imag / E


@cache
def of(device: Device) -> Device:
    """The device that does with dual numbers what `device`, cpu or sim:N, does with floats."""
    if isinstance(device, Cpu):
        return _DualCpu()
    if isinstance(device, Gpu) and device.name.startswith("sim"):
        return _DualGpu("dual sim", device.index, device.xp)
    raise ValueError(f"dual numbers: expected cpu or sim:N, got {device.name}")


class _Functions:
    """An array module, whose |x| keeps the slope."""

    def __init__(self, xp):
        self._xp = xp

    def __getattr__(self, name: str):
        return getattr(self._xp, name)

    def abs(self, x):
        return self._xp.where(x < 0, -x, x)


class _OfDuals(Device):
    reals = {**Device.reals, DUAL: "Dual"}

    def __init__(self, *args):
        super().__init__(*args)
        self.xp = _Functions(self.xp)

    def asarray(self, array):
        """As of any device, with floats as numbers that stand still."""
        with self.active():
            return super().asarray(array.astype(DUAL) if array.dtype.kind == "f" else array)


class _DualCpu(_OfDuals, Cpu):
    def __init__(self):
        super().__init__()
        self.name = "dual cpu"


class _DualGpu(_OfDuals, Gpu):
    pass
