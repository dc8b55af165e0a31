"""Where arrays live and kernels run.

    cpu       NumPy arrays, NumPy twins on all cores
    cuda:N    CuPy arrays, the .cu kernels on GPU number N
    sim:N     the simulator's arrays, the same .cu kernels run on the CPU: to learn and to check

One class serves `cuda:N` and `sim:N`. It is handed CuPy, or the simulator, which answers the same
calls; nothing asks which. So the code that runs on a GPU is the code that tests run without one.
"""

import re
from functools import cache
from types import ModuleType

from tinynet import copies
from tinynet.devices.base import Device
from tinynet.devices.cpu import Cpu
from tinynet.devices.gpu import Gpu

__all__ = ["Cpu", "Device", "Gpu", "copy", "device"]


def copy(array, source: Device, target: Device):
    """A copy on `target` of an array on `source`."""
    if isinstance(source, Gpu) and isinstance(target, Gpu) and source.xp is target.xp:
        return copies.between_gpus(array, source, target)
    return target.asarray(source.to_numpy(array))


def device(name: str | Device | None = None) -> Device:
    """The device called `name`: "cpu" (the default), "cuda:0", "sim:0" and so on.

    Raises ValueError, in one line that says why, if there is no such device.
    """
    if isinstance(name, Device):
        return name
    if name is None:
        name = "cpu"
    if not isinstance(name, str):
        raise TypeError(f"device: expected a name such as 'cpu', got {type(name).__name__}")
    return _open(name)


@cache
def _open(name: str) -> Device:
    if name == "cpu":
        return Cpu()
    found = re.fullmatch(r"(cuda|sim):(\d+)", name)
    if found is None:
        raise ValueError(f"device: expected 'cpu', 'cuda:N' or 'sim:N', got {name!r}")
    kind, index = found.group(1), int(found.group(2))
    xp = _cupy(name) if kind == "cuda" else _simulator(name)
    count = xp.cuda.runtime.getDeviceCount()
    if index >= count:
        raise ValueError(f"device: {name!r} does not exist: there are {count}, from {kind}:0 on")
    return Gpu(kind, index, xp)


def _cupy(name: str) -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise ValueError(
            f"device: {name!r} needs CuPy (pip install 'tinynet[cuda12]' or [cuda13]): {error}"
        ) from None
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ValueError(f"device: CuPy finds no GPU for {name!r}: {error}") from None
    return cupy


def _simulator(name: str) -> ModuleType:
    from tinynet import simulator

    if reason := simulator.unavailable():
        raise ValueError(f"device: {name!r} cannot run here: {reason}")
    return simulator
