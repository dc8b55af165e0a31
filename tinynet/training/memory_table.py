"""A training run's memory by kind: what it holds on each device, watched and set in a table."""

from collections.abc import Sequence

from tinynet.console.sentences import megabytes
from tinynet.console.table import aligned
from tinynet.devices.ledger import KINDS


def memory_table(devices: Sequence) -> str:
    """Each device's memory by kind, in MB, now and when it was fullest.

    Of the CPU's activations, arrays below 1 MB are not counted: they come from the C library.
    """
    lines = [["memory, MB", *KINDS, "in all", "limit"]]
    for device in devices:
        limit = device.memory_limit()
        for when, held in (("now", device.ledger.now()), ("peak", device.ledger.peak)):
            figures = [held.get(kind, 0) for kind in KINDS]
            cells = [megabytes(size) for size in (*figures, sum(figures))]
            limit_cell = megabytes(limit) if limit else "none"
            lines.append([f"{device.name} {when}", *cells, limit_cell])
    return "\n".join(aligned(lines))


def watch_training(model, optimizer) -> list:
    """Tell the ledgers of a model's devices of its arrays; return the devices, in order of use."""
    names = {id(p): name for name, p in model.named_parameters()}
    devices = list(dict.fromkeys(p.device for p in model.parameters()))
    for device in devices:

        def parameters(device=device):
            return [(n, p) for n, p in model.named_parameters() if p.device is device]

        def velocities(device=device):
            return [
                (names[id(p)], v)
                for group, velocity in zip(optimizer.groups, optimizer.velocity)
                for p, v in zip(group["params"], velocity)
                if p.device is device
            ]

        device.ledger.watch("parameters", lambda own=parameters: [(n, p.data) for n, p in own()])
        device.ledger.watch(
            "gradients",
            lambda own=parameters: [(n, p.grad.data) for n, p in own() if p.grad is not None],
        )
        device.ledger.watch("velocity", velocities)
        device.ledger.watch("workspace", device.buffers)
    return devices
