"""A part of the GPU report: the ladder's rungs timed, beside what the libraries take.

docs/ladder.md gives counts, which are the same everywhere; here is what they are worth on one GPU.
"""

from collections.abc import Callable, Iterator

import numpy as np
from gpu_sheet import Sheet, milliseconds

from tinynet import Tensor, no_grad
from tinynet import functional as F
from tinynet.devices import Device
from tinynet.devices import device as open_device
from tinynet.kernels.catalogue.ladder.rungs import (
    LADDERS,
    Ladder,
    Rung,
    convolution,
    product,
    reduction,
    transpose,
)
from tinynet.kernels.launching.kernel import signature

# Large enough that a launch is no part of the time.
LARGE = (
    product(4096, 4096, 1024),
    transpose(8192, 8192),
    reduction(1 << 26, few=1024),
    convolution(filters=256, c=96, oh=64, ow=64),
)
Work = Callable[[], object]  # gives the result, on the device


def ladder(devices: list[str], quick: bool) -> Iterator[Sheet]:
    """Each result is compared with NumPy's, to the bit, before it is timed."""
    device, rounds = open_device(devices[0]), 1 if quick else 7
    for each in LADDERS if quick else LARGE:
        sizes = ", ".join(f"{name} {size:,}" for name, size in each.sizes.items())
        library, work_of = LIBRARIES[each.file]
        sheet = Sheet(
            f"the ladder: {each.title.lower()}",
            f"With {sizes}, in float. Bytes: what is read and the result, each once.",
            ["rung", "ms", "TFLOP/s", "GB/s", f"% of the speed of {library}"],
        )
        inputs = each.inputs(np.random.default_rng(0))
        there = {name: device.asarray(array) for name, array in inputs.items()}
        expected = each.expected(**inputs)
        size = sum(array.nbytes for array in inputs.values()) + expected.nbytes
        least = float(np.median(milliseconds(device, work_of(device, there), rounds)))
        sheet.rows.append([library, *_speeds(each, size, least), 100.0])
        yield sheet
        for number, rung in enumerate(each.rungs, 1):
            work = _rung(device, each, rung, there)
            if not np.array_equal(each.result(device.to_numpy(work())), expected):
                sheet.notes.append(f"**{rung.name} is wrong**, and not timed")
                continue
            ms = float(np.median(milliseconds(device, work, rounds)))
            speeds = _speeds(each, size, ms)
            sheet.rows.append([f"{number}. {rung.title}", *speeds, 100 * least / ms])
            yield sheet


def _speeds(ladder: Ladder, size: int, ms: float) -> list[float | str]:
    """ms, TFLOP/s and GB/s."""
    return [ms, ladder.flops / ms / 1e9 if ladder.flops else "-", size / ms / 1e6]


def _rung(device: Device, ladder: Ladder, rung: Rung, there: dict) -> Work:
    """Its launches, in their order; gives the result."""
    shapes = ladder.written(rung)
    written = {name: device.empty(shape, np.dtype(np.float32)) for name, shape in shapes.items()}
    values = there | written | {name: np.int32(size) for name, size in ladder.sizes.items()}
    module = device.xp.RawModule(code=ladder.code())
    launches = []
    for launch in rung.launches:
        names = [parameter.name for parameter in signature(ladder.text, launch.kernel)]
        function = module.get_function(launch.kernel)
        launches.append((function, launch, tuple(values[name] for name in names)))

    def work() -> object:
        with device.active():
            for function, launch, given in launches:
                function(launch.grid, launch.block, given)
        return written[next(iter(shapes))]

    return work


# ---------------------------------------------------------------- what stands beside


def _product(device: Device, there: dict) -> Work:
    a, b = there["a"], there["b"]
    c = device.empty((a.shape[0], b.shape[1]), a.dtype)
    return lambda: device.multiply(c, a, b)


def _transpose(device: Device, there: dict) -> Work:
    return lambda: device.contiguous(there["x"].T)


def _sum(device: Device, there: dict) -> Work:
    return lambda: there["x"].sum()


def _convolution(device: Device, there: dict) -> Work:
    x, weight, bias = (Tensor(there[name], device=device) for name in ("x", "weight", "bias"))
    x = x.reshape(1, *x.shape)

    def work() -> Tensor:
        with no_grad():
            return F.relu(F.conv2d(x, weight, bias))

    return work


LIBRARIES = {
    "product.cu": ("cuBLAS", _product),
    "transpose.cu": ("CuPy's copy of x.T", _transpose),
    "reduction.cu": ("CuPy's sum", _sum),
    "conv.cu": ("the engine, with cuBLAS", _convolution),
}
