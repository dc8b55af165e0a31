"""A part of the GPU report for two GPUs: copies between them, overlap, and the two towers."""

import time
from collections.abc import Iterator

import numpy as np
from gpu_sheet import Sheet, Training, milliseconds

from tinynet.devices import copies
from tinynet.devices import device as open_device


def pairs(devices: list[str], quick: bool) -> Iterator[Sheet]:
    if len(devices) < 2:
        yield Sheet("two devices", f"There is one: {devices[0]}.", [])
        return
    a, b = (open_device(name) for name in devices[:2])
    sheet = Sheet("copies between devices", "", ["from", "to", "GB/s", "directly"])
    for source, target in ((a, b), (b, a)):
        rate = copies.gigabytes_per_second(source, target)
        directly = "yes" if copies.can_read(target, source) else "no, through the host"
        sheet.rows.append([source.name, target.name, rate, directly])
    yield sheet
    yield _overlap(a, b, quick)
    yield _towers(devices[:2], quick)


def _overlap(a, b, quick: bool) -> Sheet:
    """A product on b and a copy to b: one after the other, and at once."""
    side = 64 if quick else 4096
    x = a.asarray(np.ones((side, side), np.float32))
    left, right = (b.asarray(np.ones((side, side), np.float32)) for _ in "ab")
    out = b.empty((side, side), np.dtype(np.float32))
    times = {}
    work = {
        "product": lambda: b.multiply(out, left, right),
        "copy": lambda: copies.between_gpus(x, a, b),
    }
    work["both"] = lambda: (work["copy"](), work["product"]())
    for name, one in work.items():
        times[name] = float(np.median(milliseconds(b, one, 1 if quick else 7)))
    hidden = times["product"] + times["copy"] - times["both"]
    note = (
        f"hidden: {hidden:.3g} ms of the shorter one's {min(times['product'], times['copy']):.3g}"
    )
    rows = [[name, ms] for name, ms in times.items()]
    return Sheet("overlap", f"{side} x {side} numbers, on {b.name}.", ["", "ms"], rows, [note])


def _towers(devices: list[str], quick: bool) -> Sheet:
    """Three steps on one device and with a tower on each: the same weights, to rounding."""
    weights, seconds = {}, {}
    for names in (devices[:1], devices):
        training = Training(names, quick)
        for _ in range(3):
            training.step()
        for device in training.devices:
            with device.active():
                device.xp.cuda.Device(device.index).synchronize()
        start = time.perf_counter()
        for _ in range(1 if quick else 10):
            training.step()
        weights[len(names)] = training.model.state_dict()
        seconds[len(names)] = (time.perf_counter() - start) / (1 if quick else 10)
    apart = max(
        float(np.abs(weights[1][name] - both).max() / np.abs(both).max())
        for name, both in weights[2].items()
    )
    text = f"The same steps on one device and on two; weights differ by {apart:.2g} of the largest."
    if not apart <= 1e-3:
        text += " **They should be the same, to rounding.**"
    rows = [["one device", 1e3 * seconds[1]], ["two devices", 1e3 * seconds[2]]]
    return Sheet("towers", text, ["", "ms a step"], rows)
