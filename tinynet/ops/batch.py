"""A batch cut into parts, so small that what one part needs fits where its device wants it."""

from collections.abc import Callable, Iterator

from tinynet.devices import Device

ALIGNED = 4  # images: side by side, rows of so many begin at multiples of 16 bytes, as GPUs want
ABREAST = 2  # shares come in multiples of this, however small, so that two cores end together; more
# cores than shares would have nothing to do, but with fewer images in each, calls would be short


def for_each_part(
    device: Device, n: int, groups: int, image_bytes: int, task: Callable[[slice, slice], object]
) -> None:
    """Run `task(images, groups)` on every part of n images; each writes to places of its own."""
    cut = [
        part
        for share in shares(device, n, image_bytes)
        for part in parts(device, share, groups, image_bytes)
    ]
    device.for_each(len(cut), lambda i: task(*cut[i]))


def parts(
    device: Device, images: range, groups: int, image_bytes: int
) -> Iterator[tuple[slice, slice]]:
    """(images, groups) of each part: few parts, of like size; or one group of a large image."""
    most = _fitting(device, image_bytes)
    even = -(-len(images) // -(-len(images) // most))
    step = min(most, even + -even % ALIGNED)
    at_once = groups if image_bytes <= device.part_bytes else 1
    for i in range(images.start, images.stop, step):
        for g in range(0, groups, at_once):
            yield slice(i, min(i + step, images.stop)), slice(g, g + at_once)


def _fitting(device: Device, image_bytes: int) -> int:
    """How many images one part may have."""
    most = max(1, device.part_bytes // image_bytes)
    return most - most % ALIGNED if most > ALIGNED else most


def shares(device: Device, n: int, image_bytes: int) -> list[range]:
    """n images cut for a sum: each share is summed in order, and then the shares in order.

    The cuts depend on the batch and the kind of device alone, so that the sum has the same bits on
    any number of cores. A share too small would be over before another core has taken the next.
    """
    fitting = ABREAST * _fitting(device, image_bytes)
    return pieces(range(n), min(device.shares, ABREAST * -(-n // fitting)))


def pieces(images: range, count: int) -> list[range]:
    """Consecutive images, cut into `count` pieces of nearly one length, none of them empty."""
    n, count = len(images), min(len(images), max(1, count))
    return [images[i * n // count : (i + 1) * n // count] for i in range(count)]


def total(device: Device, sums):
    """The sum over the shares: (shares, groups, rows, columns) -> (groups, rows, columns)."""
    if len(sums) == 1:
        return sums[0]
    added = device.empty(sums.shape[1:], sums.dtype)

    def some(rows: slice) -> None:
        sums[:, :, rows].sum(axis=0, out=added[:, rows])

    device.for_each_chunk(sums.shape[2], sums.nbytes // sums.shape[2], some)
    return added
