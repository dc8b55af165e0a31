"""`cupy.cuda.runtime` for simulated devices: how many there are, and who sees whom."""

import os

from tinynet.simulator.devices.memory import DEVICES
from tinynet.simulator.devices.streams import Device


def getDeviceCount() -> int:  # noqa: N802 (the names are CUDA's)
    return DEVICES


def deviceCanAccessPeer(device: int, peer: int) -> int:  # noqa: N802
    """1 if one device can read the other's memory. TINYNET_SIM_PEERS=0 says that none can."""
    Device(device), Device(peer)
    return int(device != peer and os.environ.get("TINYNET_SIM_PEERS") != "0")
