"""Parts of the GPU report: what a training step is made of, and the size of its workspace."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from gpu_sheet import Sheet, Training, milliseconds

from tinynet.devices import Device


def step(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """The step as it is; then with an event before and after each launch and product."""
    training = Training(devices[:1], quick)
    device = training.devices[0]
    times = milliseconds(device, training.step, 1 if quick else 15)
    began = time.perf_counter()
    training.step()
    host = 1e3 * (time.perf_counter() - began)
    yield Sheet(
        "the step",
        f"source2012, batch {training.batch}, the images already there.",
        ["", "ms"],
        [
            ["GPU, by events, median", float(np.median(times))],
            ["least", min(times)],
            ["most", max(times)],
            ["host, of which it waits for the loss", host],
        ],
    )
    with Watched(device) as watched:
        training.step()
    total, by_name, gaps = watched.times()
    sheet = Sheet(
        "the step, launch by launch",
        "Between the events of one launch and the next lies what CuPy launches itself (sums, "
        "copies, assignments) and idle time; events slow the step down.",
        ["what", "times", "ms", "% of the step"],
    )
    for name, (count, spent) in sorted(by_name.items(), key=lambda item: -item[1][1]):
        sheet.rows.append([name, count, spent, 100 * spent / total])
    sheet.rows.append(["between launches", len(gaps), sum(gaps), 100 * sum(gaps) / total])
    sheet.notes.append(f"launches and products: {sum(count for count, _ in by_name.values())}")
    longest = sorted(gaps, reverse=True)[:5]
    sheet.notes.append("longest gaps, ms: " + ", ".join(f"{gap:.3g}" for gap in longest))
    yield sheet


class Watched:
    """Inside `with`, an event before and after each kernel and product of a device."""

    def __init__(self, device: Device):
        self.device, self.marks = device, []

    def __enter__(self) -> "Watched":
        device, self.first = self.device, self._event()
        run, multiply = device.run, device.multiply
        device.run = lambda kernel, *args: self._around(kernel.name, run, kernel, *args)
        device.multiply = lambda *args, **how: self._around("product", multiply, *args, **how)
        return self

    def __exit__(self, *error) -> None:
        del self.device.run, self.device.multiply  # the class's own again
        self.last = self._event()

    def _event(self):
        with self.device.active():
            event = self.device.xp.cuda.Event()
            event.record()
        return event

    def _around(self, name: str, work, *args, **how) -> None:
        before = self._event()
        work(*args, **how)
        self.marks.append((name, before, self._event()))

    def times(self) -> tuple[float, dict[str, tuple[int, float]], list[float]]:
        """Milliseconds: of all, (count, sum) by name, and of each gap between two."""
        self.last.synchronize()
        between = self.device.xp.cuda.get_elapsed_time
        counts: Counter = Counter()
        spent: Counter = Counter()
        for name, before, after in self.marks:
            counts[name] += 1
            spent[name] += between(before, after)
        ends = [self.first, *(after for _, _, after in self.marks)]
        starts = [*(before for _, before, _ in self.marks), self.last]
        gaps = [between(end, start) for end, start in zip(ends, starts)]
        return between(self.first, self.last), {n: (counts[n], spent[n]) for n in counts}, gaps


def trace(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """Everything that the driver ran in a step, CuPy's own launches too: by PyTorch's profiler,
    which records whatever its process does. Over tests/fakegpu, by that one's own counts."""
    training = Training(devices[:1], quick)
    training.step()
    head = ["what", "times", "ms"]
    if "fakegpu" in sys.modules:
        fakegpu = sys.modules["fakegpu"]
        fakegpu.clear()
        training.step()
        rows = [[name, count, ""] for name, count in sorted(fakegpu.counts().items())]
        yield Sheet("all launches of a step", "Counted by fakegpu; it has no time.", head, rows)
        return
    if not devices[0].startswith("cuda") or find_spec("torch") is None:
        cuda = devices[0].startswith("cuda")
        text = "PyTorch is not installed here." if cuda else f"{devices[0]} has no driver."
        yield Sheet("all launches of a step", f"Not counted: {text}", head)
        return
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        training.step()
        training.devices[0].xp.cuda.get_current_stream().synchronize()
    kernels, calls = [], Counter()
    for event in profiler.events():
        if "CUDA" in str(event.device_type):
            kernels.append((event.name, event.time_range.start, event.time_range.end))
        elif event.name.startswith(("cuda", "cu")):
            calls[event.name] += 1
    yield timeline(kernels, calls)


def timeline(kernels: list[tuple[str, float, float]], calls: Counter) -> Sheet:
    """What ran from when to when, in microseconds, and the driver's calls."""
    counts: Counter = Counter()
    spent: Counter = Counter()
    busy, reached, gaps = 0.0, None, []
    for name, start, end in sorted(kernels, key=lambda kernel: kernel[1]):
        counts[name] += 1
        spent[name] += end - start
        if reached is not None and start > reached:
            gaps.append(start - reached)
        busy += max(0.0, end - max(start, start if reached is None else reached))
        reached = end if reached is None else max(reached, end)
    rows = [[name[:60], counts[name], us / 1e3] for name, us in spent.most_common(30)]
    rows += [[f"call: {name}", count, ""] for name, count in calls.most_common(15)]
    notes = [
        f"{sum(counts.values())} kernels, copies and fills; busy {busy / 1e3:.2f} ms, idle "
        f"{sum(gaps) / 1e3:.2f} ms in {len(gaps)} gaps",
        f"synchronisations: {sum(n for name, n in calls.items() if 'Synchronize' in name)}",
    ]
    return Sheet(
        "all launches of a step",
        "By PyTorch's profiler, CuPy's own launches too.",
        ["what", "times", "ms"],
        rows,
        notes,
    )


def workspace(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """The step by the most bytes that a part of a batch may take for its columns."""
    training = Training(devices[:1], quick)
    device = training.devices[0]
    sheet = Sheet(
        "workspace",
        f"The step by the size of the workspace for columns ({device.part_bytes >> 20} MB as it "
        "is); a part that fits the L2 cache is read from there.",
        ["MB", "ms"],
    )
    usual = device.part_bytes
    for size in (1, 256) if quick else (8, 16, 32, 64, 128, 320, 512):
        device.part_bytes = size << 20
        device.drop_buffers()
        sheet.rows.append([size, float(np.median(milliseconds(device, training.step, 5)))])
    device.part_bytes = usual
    yield sheet
