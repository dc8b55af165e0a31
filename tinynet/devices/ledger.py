"""The memory ledger: what a device's memory is used for, now and when it was fullest.

    parameters    weights and biases              gradients   theirs
    velocity      the optimizer's                 workspace   buffers that are reused, for columns
    activations   all the rest: what forward keeps for backward, and what is passed on

A device knows how many bytes are in use, but nothing of layers. So the ledger is told how to find
the first four kinds; activations are whatever remains of the total.
"""

from collections.abc import Callable, Iterable

from tinynet.console.sentences import megabytes

Holders = Callable[[], Iterable[tuple[str, object]]]  # gives (name, array) for all there are now
KINDS = ("parameters", "gradients", "velocity", "workspace", "activations")


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
