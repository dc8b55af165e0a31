"""`cupy.cuda` for simulated devices: devices, streams, events, and the few calls of the runtime."""

import numpy as np

from tinynet.simulator.devices import runtime
from tinynet.simulator.devices.streams import (
    Device,
    Event,
    Stream,
    get_current_stream,
    get_elapsed_time,
)

__all__ = [
    "Device",
    "Event",
    "Stream",
    "alloc_pinned_memory",
    "get_current_stream",
    "get_elapsed_time",
    "runtime",
]


def alloc_pinned_memory(size: int) -> np.ndarray:
    """Bytes of the host for staging; all of the host's memory will do here."""
    return np.empty(size, np.uint8)
