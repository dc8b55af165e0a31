"""A batch cut into parts, so small that what one part needs fits where its device wants it."""

import sys
from collections.abc import Callable

from tinynet.devices import Device


def for_each_part(
    device: Device, n: int, groups: int, image_bytes: int, task: Callable[[slice, slice], object]
) -> None:
    """Run `task(images, groups)` on every part of n images; each writes to places of its own."""
    one_share = -(-n // device.shares)  # no part is larger, so that every core has work
    cut = parts(device, range(n), groups, image_bytes, one_share)
    device.for_each(len(cut), lambda i: task(*cut[i]))


def parts(
    device: Device, images: range, groups: int, image_bytes: int, most: int = sys.maxsize
) -> list[tuple[slice, slice]]:
    """(images, groups) of each part: whole images, at most `most`, or one group of a large one."""
    if image_bytes > device.part_bytes and groups > 1:
        return [(slice(i, i + 1), slice(g, g + 1)) for i in images for g in range(groups)]
    step = max(1, min(device.part_bytes // image_bytes, most))
    return [(slice(i, min(i + step, images.stop)), slice(0, groups)) for i in images[::step]]


def shares(device: Device, n: int) -> list[range]:
    """n images cut for a sum: each share is summed in order, and then the shares in order.

    The cuts depend on n and the kind of device alone, so that the sum has the same bits on any
    number of cores.
    """
    count = min(n, device.shares)
    return [range(i * n // count, (i + 1) * n // count) for i in range(count)]


def added(device: Device, sums):
    """The sum over the shares, with the last two axes exchanged: (shares, g, k, m) -> (g, m, k)."""
    _, groups, k, m = sums.shape
    total = device.empty((groups, m, k), sums.dtype)

    def some(rows: slice) -> None:
        total[:, :, rows] = sums[:, :, rows].sum(axis=0).swapaxes(1, 2)

    device.for_each_chunk(k, sums.nbytes // k, some)
    return total
