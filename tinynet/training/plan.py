"""How much memory does training take, and how large a batch fits on a card? A dry run tells.

A training step runs on simulated devices that count memory and compute nothing. So the figures are
those of the code itself: what forward keeps, when backward lets go of it, how many gradients there
are by then; and what CuPy's memory pool takes for it (simulator/devices/arena.py), which is a
quarter more, since free pieces may each be too small for what comes next.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet import functional as F
from tinynet import simulator
from tinynet.devices.ledger import KINDS
from tinynet.nn import Module
from tinynet.optim import SGD
from tinynet.training.inputs import Inputs
from tinynet.training.memory_table import watch_training

CONTEXT = 500 << 20  # bytes of a card left to CUDA's context, kernels and cuBLAS: an estimate
GUESSES = 8  # by a straight line
LARGEST = 1 << 14  # images: the search for the largest batch goes no further


@dataclass(frozen=True)
class Layer:
    """A layer's share of one device: bytes of parameters, and of what it keeps for backward."""

    device: str
    name: str
    parameters: int
    activations: int


class Plan:
    """Training of one network on simulated devices; `model` was made there, in a dry run."""

    def __init__(self, model: Module, image_size: int, store_size: int):
        self.model, self.image_size, self.store_size = model, image_size, store_size
        with simulator.dry_run():
            self.optimizer = SGD(model.parameters(), lr=0.0)
        self.devices = list(dict.fromkeys(p.device for p in model.parameters()))
        self._found: dict[int, tuple[dict[str, dict[str, int]], dict[str, int]]] = {}
        self._mean = np.zeros((3, image_size, image_size), np.float32)

    def peak(self, batch_size: int) -> dict[str, dict[str, int]]:
        """By device and kind, the bytes in use at the fullest moment of a step."""
        return self._measured(batch_size)[0]

    def taken(self, batch_size: int) -> dict[str, int]:
        """By device, the bytes that CuPy's memory pool takes if it never has to give any back."""
        return self._measured(batch_size)[1]

    def _measured(self, batch_size: int) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
        if batch_size not in self._found:
            self._found[batch_size] = self._measure(batch_size)
        return self._found[batch_size]

    def _measure(self, batch_size: int) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
        before = self._begin()
        try:
            inputs = self._inputs()
            for _ in range(2):  # the second step begins with all buffers in place
                self._step(inputs, batch_size)
            peak, taken = {}, {}
            for device in self.devices:
                peak[device.name] = dict(device.ledger.peak)
                peak[device.name]["activations"] -= before[device.name]
                taken[device.name] = device.bytes_taken() - before[device.name]
            return peak, taken
        finally:
            self._end()

    def layers(self, batch_size: int) -> list[Layer]:
        """What each layer adds to the memory in use on each device as forward reaches it."""
        self._begin()
        try:
            with simulator.dry_run():
                found, x = [], self._images(self._inputs(), batch_size)
                for name, layer in self.model.children():
                    before = self._activations()
                    x = layer(x)
                    for device in self.devices:
                        device.take_back()  # what a copy has read no longer counts
                    for device, held in self._activations().items():
                        own = (p for p in layer.parameters() if p.device.name == device)
                        parameters = sum(p.data.nbytes for p in own)
                        found.append(Layer(device, name, parameters, held - before[device]))
                return found
        finally:
            self._end()

    def _begin(self) -> dict[str, int]:
        """Watch the devices, without buffers; return what is in use that is not this network's."""
        self._end()
        watch_training(self.model, self.optimizer)
        return self._activations()

    def _end(self) -> None:
        for device in self.devices:
            device.take_back()
            device.drop_buffers()
            device.ledger.forget()

    def _activations(self) -> dict[str, int]:
        return {device.name: device.ledger.now()["activations"] for device in self.devices}

    def _inputs(self) -> Inputs:
        with simulator.dry_run():
            return Inputs(self._mean, np.ones(3, np.float32), self.devices[0])

    def _images(self, inputs: Inputs, n: int):
        shape = (n, 3, self.store_size, self.store_size)
        # All one byte, and on the device: so they take no memory of the machine that plans.
        one = self.devices[0].empty((1, 1, 1, 1), np.dtype(np.uint8))
        images = self.devices[0].xp.broadcast_to(one, shape)
        zero = np.zeros(n, np.int32)
        return inputs(images, zero, zero, zero)

    def _step(self, inputs: Inputs, n: int) -> None:
        with simulator.dry_run():
            logits = self.model(self._images(inputs, n))
            loss = F.cross_entropy(logits, np.zeros(n, np.int64))
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()


def total(held: dict[str, int]) -> int:
    return sum(held[kind] for kind in KINDS)


def largest_batch(room: Callable[[int], int | None]) -> int:
    """The largest n for which `room(n)`, the bytes a batch of n leaves, is not below 0; 0 if none.

    What a batch takes is nearly linear in n, so the search goes on where a straight line says. But
    a pool's gaps come and go, and a line through two neighbours may lead on by 1: so some guesses
    are enough, and then the interval is halved.
    Where there can be no batch of n, on any device, `room(n)` is None.
    """
    known, low, high, n = {}, 0, LARGEST + 1, 1
    while high - low > 1:
        left = room(n)
        if left is None:
            high = n
            n = (low + high) // 2
            continue
        known[n] = left
        low, high = (n, high) if left >= 0 else (low, n)
        guess = _guess(known) if len(known) < GUESSES else (low + high) // 2
        n = min(max(guess, low + 1), high - 1)
    return low


def _guess(known: dict[int, int]) -> int:
    """Where the line through the two points with least room, or lack of it, crosses zero."""
    if len(known) < 2:
        return 64
    (n0, room0), (n1, room1) = sorted(known.items(), key=lambda item: abs(item[1]))[:2]
    return int(n0 + room0 * (n1 - n0) / (room0 - room1)) if room0 != room1 else n0
