"""What a launch is handed must be what the kernel declares.

CuPy converts nothing: a Python float arrives as a double, and a float64 array is a pointer like any
other, which a `float*` silently reads as garbage. So every launch, on every device, passes through
here first; the error for a wrong one names the kernel, the argument and what was wanted.
"""

import math
import operator

import numpy as np

from tinynet.devices import Device
from tinynet.kernels.launching.geometry import MOST_ELEMENTS
from tinynet.kernels.launching.kernel import Kernel, Parameter


class TooManyElements(ValueError):
    """An array larger than kernels can count."""


def check(device: Device, kernel: Kernel, args: tuple) -> np.dtype:
    """Raise TypeError or ValueError unless `args` fit `kernel`; return what REAL stands for."""
    declared, name = kernel.parameters, kernel.name
    if len(args) != len(declared):
        wanted = ", ".join(p.name for p in declared)
        raise TypeError(f"{name}: expects {len(declared)} arguments ({wanted}), got {len(args)}")
    real = None
    for p, argument in zip(declared, args):
        if not p.is_pointer:
            if type(argument) is not int or not 0 <= argument < 2**31:  # which fits any type
                _check_number(name, p, argument)
            continue
        _check_array(device, name, p, argument)
        if p.ctype == "REAL":
            real = real or argument.dtype
            if argument.dtype not in device.reals or argument.dtype != real:
                raise _other_real(device, name, p, argument, real)
        elif argument.dtype != p.dtype(real):
            raise TypeError(f"{name}: {p.name} expects {p.dtype(real)}, got {argument.dtype}")
    return real


def _other_real(device: Device, kernel: str, p: Parameter, argument, real) -> TypeError:
    known = real in device.reals
    wanted = f"{real}, as the arrays before it" if known else "float32 or 64"
    return TypeError(f"{kernel}: {p.name} expects {wanted}, got {argument.dtype}")


def _check_array(device: Device, kernel: str, p: Parameter, argument) -> None:
    plain = device.owns(argument) and argument.flags.c_contiguous
    writeable = p.is_const or (plain and getattr(argument.flags, "writeable", True))
    if not (plain and writeable and argument.size <= MOST_ELEMENTS):
        raise _unfit(device, kernel, p, argument)


def _unfit(device: Device, kernel: str, p: Parameter, argument) -> Exception:
    if not device.owns(argument):
        return TypeError(
            f"{kernel}: {p.name} expects an array on {device.name}, got {_describe(argument)}"
        )
    if not argument.flags.c_contiguous:
        return ValueError(
            f"{kernel}: {p.name} expects a C-contiguous array, got shape {argument.shape} with "
            f"strides {argument.strides}"
        )
    if argument.size > MOST_ELEMENTS:
        return TooManyElements(
            f"{kernel}: {p.name} has {argument.size:,} elements; kernels count with ints, to "
            f"{MOST_ELEMENTS:,}: use a smaller batch"
        )
    return ValueError(f"{kernel}: {p.name} is written to, but the array is read-only")


def _check_number(kernel: str, p: Parameter, argument) -> None:
    if isinstance(argument, bool | np.bool_):
        raise TypeError(f"{kernel}: {p.name} expects {_wanted(p)}, got a bool")
    if p.ctype in ("REAL", "float", "double"):
        if not isinstance(argument, int | float | np.integer | np.floating):
            raise TypeError(f"{kernel}: {p.name} expects {_wanted(p)}, got {_describe(argument)}")
        if not math.isfinite(argument):
            raise ValueError(f"{kernel}: {p.name} expects a finite number, got {argument}")
        return
    try:
        value = operator.index(argument)
    except TypeError:
        wanted, came = _wanted(p), _describe(argument)
        raise TypeError(f"{kernel}: {p.name} expects {wanted}, got {came}") from None
    limits = np.iinfo(p.dtype(np.dtype(np.float32)))
    if not limits.min <= value <= limits.max:
        raise ValueError(
            f"{kernel}: {p.name} expects {_wanted(p)}, got {value}, which is out of range"
        )


def _wanted(p: Parameter) -> str:
    return "a number" if p.ctype in ("REAL", "float", "double") else f"an integer ({p.ctype})"


def _describe(argument) -> str:
    if hasattr(argument, "dtype") and hasattr(argument, "shape"):
        return f"{type(argument).__name__} of {argument.dtype} {argument.shape}"
    return f"{type(argument).__name__} {argument!r}"
