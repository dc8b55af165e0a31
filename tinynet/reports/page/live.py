"""The network itself, as the page computes it: its layers as data, its weights packed.

The page rounds as little as it has room for. What that changes is measured, on the very images that
the page shows, and told there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinynet.console.printable import printable
from tinynet.data import Dataset
from tinynet.data.encoded import exact
from tinynet.reports.colour_score import count_towers
from tinynet.reports.page.computed import Computed, computed
from tinynet.reports.page.packing import BITS, as_text, bits_for, packed, rounded
from tinynet.reports.summary import rows
from tinynet.tape import no_grad
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network, crops, testing
from tinynet.training.inputs import Inputs

MOST_IMAGES, ROOM_FOR_IMAGES = 24, 700_000  # of them, and bytes
DIGITS = 8  # of a logit
LARGE_MEAN = 50_000  # numbers of a mean image
AROUND = 60_000  # bytes of what is said about layers, and of the scales of rounded rows


@dataclass(frozen=True)
class Live:
    """The network as the page gets it: JSON, and the bytes of its arrays as letters."""

    data: dict
    arrays: str


def live(network: Network, val_set: Dataset | None, chosen: Sequence[int], room: int) -> Live:
    """The network with some of the images of `val_set`, in at most `room` bytes of the page.

    UserError if there is no room for its weights, or if the page does not know a layer of it.
    """
    layers = {name: computed(name, layer) for name, layer in network.model.children()}
    classes = [printable(name) for name in network.classes]
    images = [] if val_set is None else _images(val_set, chosen)
    left = room - AROUND - sum(map(_size, images)) - sum(len(name.encode()) for name in classes)
    arrays = {"mean": _flat(network.inputs.mean), "std": network.inputs.std}
    for name, layer in layers.items():
        arrays |= {f"{name}.{key}": array for key, array in layer.arrays.items()}
    bits = _bits(arrays, left)
    pixels = [val_set.load(i) for i in chosen[: len(images)]]
    logits, differs = _as_rounded(network, arrays, bits, pixels)
    for image, row in zip(images, logits):
        image["logits"] = [float(f"{x:.{DIGITS}g}") for x in row]
    places, packing = _one_after_another(arrays, bits)
    data = {
        "layers": _told(network, layers),
        "arrays": places,
        "classes": classes,
        "towers": count_towers(network.model),
        "side": network.inputs.image_size,
        "store": network.store_size,
        "views": crops(10, network.store_size - network.inputs.image_size),
        "images": images,
        "least_bits": min(bits.values()),
        "differs": differs,
    }
    return Live(data, as_text(packing))


def _bits(arrays: dict[str, np.ndarray], room: int) -> dict[str, int]:
    """How many bits each number of an array gets in so many letters.

    A large mean image has 16, or 1/250 of a pixel's step: every weight of conv1 feels its errors.
    """
    counts = {name: array.size for name, array in arrays.items()}
    input_ = {"mean": 32 if counts.pop("mean") <= LARGE_MEAN else 16, "std": 32}
    del counts["std"]
    for_input = sum(arrays[name].size * bits // 8 for name, bits in input_.items())
    bits = bits_for(counts, room * 4 // 5 - for_input)
    if bits is None:
        size = sum(counts.values())
        least = (size * BITS[-1] / 8 + for_input) * 5 / 4
        raise UserError(
            f"its {size:,} weights do not fit: at {BITS[-1]} bits each they take {least / 1e6:.1f} "
            f"MB of a page, which has room for {room / 1e6:.1f}"
        )
    return input_ | bits


def _one_after_another(
    arrays: dict[str, np.ndarray], bits: dict[str, int]
) -> tuple[dict[str, dict], bytes]:
    """Where each array is in the bytes of all, and these."""
    places, parts, offset = {}, [], 0
    for name, array in arrays.items():
        places[name] = {"shape": array.shape, "bits": bits[name], "offset": offset}
        parts.append(packed(array, bits[name]))
        offset += len(parts[-1])
    return places, b"".join(parts)


def _as_rounded(
    network: Network, arrays: dict[str, np.ndarray], bits: dict[str, int], pixels: list[np.ndarray]
) -> tuple[np.ndarray, float | None]:
    """The logits of images with rounded weights; and how far that moves them, None if it cannot."""
    logits = _logits(network, pixels)
    if all(b == BITS[0] for b in bits.values()):
        return logits, None
    state, inputs = network.model.state_dict(), network.inputs
    there = {name: rounded(array, bits[name]) for name, array in arrays.items()}
    mean = np.broadcast_to(there.pop("mean"), inputs.mean.shape)
    as_there = replace(network, inputs=Inputs(mean, there.pop("std"), inputs.device))
    # Arrays that a layer was given for the page alone are no weights of the model.
    own = {name: array for name, array in there.items() if name in state}
    own = {name: array for name, array in own.items() if array.shape == state[name].shape}
    network.model.load_state_dict(state | own)
    try:
        moved = _logits(as_there, pixels)
    finally:
        network.model.load_state_dict(state)
    return moved, float(np.abs(moved - logits).max(initial=0))


def _told(network: Network, layers: dict[str, Computed]) -> list[dict]:
    """The layers in order, each with the size of what comes out of it."""
    sizes = {row.name: row.output for row in rows(network.model, network.inputs.image_size)}
    return [
        {"name": name, "kind": layer.kind, "size": sizes[name], **layer.constants}
        for name, layer in layers.items()
    ]


def _images(val_set: Dataset, chosen: Sequence[int]) -> list[dict]:
    """As many images as there is room for, the first in any case."""
    found, size = [], 0
    for i in chosen:
        image = {"picture": exact(val_set.load(i)), "label": int(val_set.labels[i])}
        image["logits"] = [0.0] * len(val_set.classes)
        size += _size(image)
        if found and size > ROOM_FOR_IMAGES:
            break
        found.append(image)
    return found


def _size(image: dict) -> int:
    """The bytes that it takes in the page, at most."""
    return len(image["picture"]) + (DIGITS + 8) * len(image["logits"])


def _flat(mean: np.ndarray) -> np.ndarray:
    """The mean image, or one number for each channel if that is all there is in it."""
    first = mean[:, :1, :1]
    return np.ascontiguousarray(first) if (mean == first).all() else mean


@no_grad()
def _logits(network: Network, images: Sequence[np.ndarray]) -> np.ndarray:
    """The logits (n, classes) of the centre crops of uint8 (3, h, w)."""
    if not images:
        return np.empty((0, len(network.classes)))
    (place,) = crops(1, network.store_size - network.inputs.image_size)
    places = (np.full(len(images), value, np.int32) for value in place)
    with testing(network.model):
        return network.model(network.inputs(np.stack(images), *places)).numpy()
