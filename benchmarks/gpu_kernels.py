"""A part of the GPU report: each kernel's time, and what it moves beside what a copy moves."""

from collections.abc import Iterator

import numpy as np
from gpu_sheet import Sheet, milliseconds

from tinynet.devices import device as open_device
from tinynet.kernels import KERNELS, launch
from tinynet.kernels.catalogue.examples import EXAMPLES, arguments

REAL = np.dtype(np.float32)
APART = 1e-3  # of the largest value: sums of a batch in another order, another library's pow


def kernels(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """At AlexNet's sizes; each result is compared with the NumPy twin's before it is timed."""
    device = open_device(devices[0])
    copied = device.asarray(np.ones(1 << 14 if quick else 1 << 26, np.float32))
    target = device.empty(copied.shape, REAL)

    def copy() -> None:
        target[...] = copied

    rounds = 1 if quick else 7
    rate = 2 * copied.nbytes / float(np.median(milliseconds(device, copy, rounds, 3))) / 1e6
    sheet = Sheet(
        "kernels",
        f"At the sizes of AlexNet's layers, batch 128. A copy reads and writes {rate:,.1f} GB/s. "
        "Bytes are those of all arrays, each once; times are of launches in a row.",
        ["kernel", "layer", "ms", "GB/s", "% of a copy", "from its twin"],
    )
    for name, example in EXAMPLES.items():
        sizes = example.checked[0] if quick else example.sizes
        ours = arguments(KERNELS[name], sizes, REAL, np.random.default_rng(0))
        twins = [a.copy() if isinstance(a, np.ndarray) else a for a in ours]
        there = [device.asarray(a) if isinstance(a, np.ndarray) else a for a in ours]
        launch(device, name, *there)
        KERNELS[name].twin(*twins)
        apart = max(
            _apart(device.to_numpy(a), b)
            for p, a, b in zip(KERNELS[name].parameters, there, twins)
            if p.is_pointer and not p.is_const
        )
        if not apart <= APART:
            sheet.notes.append(f"**{name} is wrong**: {apart:.3g} off its twin; not timed")
            continue
        times = milliseconds(
            device, lambda name=name, args=there: launch(device, name, *args), rounds, 3
        )
        middle = float(np.median(times))
        moved = sum(a.nbytes for a in ours if isinstance(a, np.ndarray)) / middle / 1e6
        sheet.rows.append([name, example.layer, middle, moved, 100 * moved / rate, apart])
        yield sheet


def _apart(ours: np.ndarray, twins: np.ndarray) -> float:
    """The largest difference in parts of the largest value; nan if either has left any out."""
    return float(np.abs(ours.astype(np.float64) - twins).max() / max(np.abs(twins).max(), 1e-30))
