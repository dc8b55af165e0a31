"""Where arrays live and kernels run.

    cpu       NumPy arrays, NumPy twins on all cores
    cuda:N    CuPy arrays, the .cu kernels on GPU number N
    sim:N     the simulator's arrays, the same .cu kernels run on the CPU: to learn and to check

One class serves `cuda:N` and `sim:N`. It is handed CuPy, or the simulator, which answers the same
calls; nothing asks which. So the code that runs on a GPU is the code that tests run without one.
"""

import re
from functools import cache
from importlib import import_module
from types import ModuleType

from tinynet.devices import copies
from tinynet.devices.base import Device
from tinynet.devices.cpu import Cpu
from tinynet.devices.gpu import Gpu

__all__ = ["Cpu", "Device", "Gpu", "UnusableGpu", "copy", "device"]

INSTALL = 'pip install -e ".[cuda12]" or ".[cuda13]"'


class UnusableGpu(ValueError):
    """There is a GPU, but what it takes to run a kernel on it is not all installed."""


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
        raise ValueError(
            f"device: {name!r} does not exist: the number of {kind} devices is {count}, counted "
            f"from {kind}:0"
        )
    if kind == "cuda":
        _probe(name, index, xp)
    return Gpu(kind, index, xp)


def _cupy(name: str) -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise ValueError(f"device: {name!r} needs CuPy ({INSTALL}): {error}") from None
    runtime = cupy.cuda.runtime
    try:
        runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if runtime.driverGetVersion() and "InsufficientDriver" in str(error):
            raise UnusableGpu(
                f"device: {name!r} has too old a driver for this CuPy: update it, or install "
                f"cuda12 in place of cuda13 ({error})"
            ) from None
        raise ValueError(f"device: CuPy finds no GPU for {name!r}: {error}") from None
    return cupy


def _probe(name: str, index: int, cupy: ModuleType) -> None:
    """Compile a kernel that does nothing, and start cuBLAS. CuPy loads NVRTC, the headers and
    cuBLAS on first use, so without this a missing one would end the first step of a run.
    """
    try:
        import_module("cupy.cublas")  # makes the name, which `import cupy` does not
        with cupy.cuda.Device(index):
            code = 'extern "C" __global__ void probe() {}'
            cupy.RawModule(code=code).get_function("probe")
            cupy.cuda.get_cublas_handle()
    except Exception as error:  # CuPy has no common class for what may be missing
        raise UnusableGpu(
            f"device: {name!r} cannot run kernels, which takes NVRTC, CUDA's headers and cuBLAS "
            f"({INSTALL}; cards before Turing need cuda12): {' '.join(str(error).split())}"
        ) from error


def _simulator(name: str) -> ModuleType:
    from tinynet import simulator

    # A dry run compiles nothing.
    if not simulator.is_dry() and (reason := simulator.unavailable()):
        raise ValueError(f"device: {name!r} cannot run here: {reason}")
    return simulator
