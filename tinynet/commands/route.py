"""What a run says at its start about its devices, and about the way between two of them."""

from collections.abc import Sequence

from tinynet.devices import Device, Gpu, copies
from tinynet.devices import device as open_device


def describe_devices(names: Sequence[str]) -> str:
    """One line: where the network is; for two towers also how copies go, and how fast."""
    if len(names) == 1:
        return names[0]
    a, b = map(open_device, names)
    return f"tower a on {a.name}, tower b on {b.name}; {_route(a, b)}"


def _route(a: Device, b: Device) -> str:
    if a is b:
        return "nothing is copied"
    if not (isinstance(a, Gpu) and isinstance(b, Gpu) and a.xp is b.xp):
        return "copies go through the host"
    direct = copies.can_read(a, b) and copies.can_read(b, a)
    how = "directly (peer access)" if direct else "through pinned host memory"
    there, back = copies.gigabytes_per_second(a, b), copies.gigabytes_per_second(b, a)
    return f"copies go {how}, {there:.1f} GB/s a to b, {back:.1f} GB/s b to a"
