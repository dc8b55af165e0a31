"""The memory ledger: what a device's memory is used for, now and when it was fullest.

    parameters    weights and biases              gradients   theirs
    velocity      the optimizer's                 workspace   buffers that are reused, for columns
    activations   all the rest: what forward keeps for backward, and what is passed on

A device knows how many bytes are in use, but nothing of layers. So the ledger is told how to find
the first four kinds; activations are whatever remains of the total.
"""

from collections.abc import Callable, Iterable, Sequence

from tinynet.table import aligned

Holders = Callable[[], Iterable[tuple[str, object]]]  # gives (name, array) for all there are now
KINDS = ("parameters", "gradients", "velocity", "workspace", "activations")
MB = 1 << 20


class DeviceOutOfMemory(MemoryError):
    """A device has no room for an array: the text names it and its largest holders."""


class Ledger:
    """One device's memory. `used(arrays)`: all bytes in use, including those of `arrays`."""

    def __init__(self, used: Callable[[list], int]):
        self._used = used
        self.forget()

    def forget(self) -> None:
        """Forget all holders and the peak."""
        self._holders: dict[str, Holders] = {}
        self._most_in_use = 0
        self.peak: dict[str, int] = {}

    def watch(self, kind: str, holders: Holders) -> None:
        """From now on, count what `holders` finds as this kind."""
        self._holders[kind] = holders

    def now(self) -> dict[str, int]:
        """Bytes in use, by kind. If this is the fullest moment so far, it is the peak."""
        arrays = {kind: [array for _, array in find()] for kind, find in self._holders.items()}
        held = {kind: sum(array.nbytes for array in arrays.get(kind, ())) for kind in KINDS}
        everything = [array for found in arrays.values() for array in found]
        held["activations"] = self._used(everything) - sum(held.values())
        if self._holders and sum(held.values()) > sum(self.peak.values()):
            self.peak = held
        return held

    def sample(self) -> None:
        """Called after every allocation: looks for a peak, if the memory pool is fuller than ever.

        The pool is quickly asked; looking up all the holders each time would slow training down.
        """
        in_use = self._used([])
        if self._holders and in_use > self._most_in_use:
            self._most_in_use = in_use
            self.now()

    def largest(self, count: int = 5) -> str:
        """What takes most, in words: "fc6.weight 36.0 MB (parameters), activations 12.5 MB"."""
        found = [
            (array.nbytes, f"{name} {megabytes(array.nbytes)} MB ({kind})")
            for kind, find in self._holders.items()
            for name, array in find()
        ]
        rest = self.now()["activations"]
        found.append((rest, f"activations {megabytes(rest)} MB"))
        return ", ".join(text for _, text in sorted(found, reverse=True)[:count])


def megabytes(size: int) -> str:
    return f"{size / MB:,.1f}"


def memory_table(devices: Sequence) -> str:
    """Each device's memory by kind, in MB of 2**20 bytes, now and when it was fullest.

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
