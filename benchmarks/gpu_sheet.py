"""What the parts of the GPU report share: a sheet of figures, and the clock of a device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from pairs import grid

from tinynet import functional as F
from tinynet import optim
from tinynet.devices import Device
from tinynet.devices import device as open_device

FULL = {"profile": "source2012", "image_size": 224, "width": 1.0, "num_classes": 1000, "seed": 0}
SMALL = {"profile": "source2012", "image_size": 64, "width": 0.03, "num_classes": 10, "seed": 0}
BATCH = 128


@dataclass
class Sheet:
    """A table of figures and words, and what there is to say about it."""

    title: str
    text: str
    head: list[str]
    rows: list[list] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        cells = [[_shown(value) for value in row] for row in [self.head, *self.rows]]
        parts = [f"## {self.title}", self.text.strip()]
        if self.rows:
            parts.append("\n".join(grid(cells)))
        return "\n\n".join([*parts, *(f"- {note}" for note in self.notes)]) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def milliseconds(
    device: Device, work: Callable[[], object], rounds: int = 7, inner: int = 1
) -> list[float]:
    """The GPU's time for `work`, `rounds` times, by events; `inner` runs of it between two events.

    Once before that, for compilation and buffers.
    """
    xp, found = device.xp, []
    with device.active():
        work()
        for _ in range(rounds):
            start, end = xp.cuda.Event(), xp.cuda.Event()
            start.record()
            for _ in range(inner):
                work()
            end.record()
            end.synchronize()
            found.append(xp.cuda.get_elapsed_time(start, end) / inner)
    return found


class Training:
    """A network with its optimizer and one batch, which takes steps, on one device or two."""

    def __init__(self, devices: Sequence[str], quick: bool):
        from tinynet.models.alexnet import EXAMPLE

        self.arguments = SMALL if quick else FULL
        self.batch = 4 if quick else BATCH
        self.devices = [open_device(name) for name in devices]
        self.model = EXAMPLE.build(**self.arguments, devices=tuple(devices))
        self.optimizer = optim.SGD(EXAMPLE.parameter_groups(self.model, lr=0.001), lr=0.001)
        rng, side = np.random.default_rng(0), self.arguments["image_size"]
        images = rng.standard_normal((self.batch, 3, side, side), dtype=np.float32) * 60
        self.labels = rng.integers(0, self.arguments["num_classes"], self.batch)
        self.x = self.devices[0].asarray(images)  # there before the step: what is timed is the step

    def step(self) -> None:
        from tinynet import Tensor

        loss = F.cross_entropy(self.model(Tensor(self.x, device=self.devices[0])), self.labels)
        loss.item()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
