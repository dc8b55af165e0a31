"""`cupy.cuda.runtime` for simulated devices: how many there are, and who sees whom."""

import os

from tinynet.simulator.memory import DEVICES, current_device
from tinynet.simulator.streams import Device


def getDeviceCount() -> int:  # noqa: N802 (the names are CUDA's)
    return DEVICES


def getDeviceProperties(device: int) -> dict[str, object]:  # noqa: N802
    _, total = Device(device).mem_info
    return {
        "name": b"tinynet simulator",
        "totalGlobalMem": total,
        "maxThreadsPerBlock": 1024,
        "sharedMemPerBlock": 48 * 1024,
        "warpSize": 32,
    }


def deviceCanAccessPeer(device: int, peer: int) -> int:  # noqa: N802
    """1 if one device can read the other's memory. TINYNET_SIM_PEERS=0 says that none can."""
    Device(device), Device(peer)
    return int(device != peer and os.environ.get("TINYNET_SIM_PEERS") != "0")


def deviceEnablePeerAccess(peer: int) -> None:  # noqa: N802
    if not deviceCanAccessPeer(current_device(), peer):
        raise RuntimeError(f"sim:{current_device()} cannot access the memory of sim:{peer}")


def deviceSynchronize() -> None:  # noqa: N802
    Device().synchronize()


def memGetInfo() -> tuple[int, int]:  # noqa: N802
    """(free, total) of the current device, in bytes."""
    return Device().mem_info
