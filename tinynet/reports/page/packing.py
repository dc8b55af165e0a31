"""Weights in few bytes: whole floats where there is room for them, else whole numbers of some bits.

A row of an array (a filter, or the weights of a unit) has a scale of its own, so that its largest
weight is the largest number there is: w = scale * q, with -m <= q <= m and m = 2^(bits - 1) - 1.
What takes the most bytes is rounded first: of many weights the errors cancel best.
"""

import numpy as np

BITS = (32, 16, 12, 10, 8, 6, 5, 4)  # 32: floats as they are


def bits_for(counts: dict[str, int], room: int) -> dict[str, int] | None:
    """How many bits each array of so many numbers gets within `room` bytes; None if too many."""
    bits = dict.fromkeys(counts, BITS[0])
    while sum(counts[name] * bits[name] for name in counts) > 8 * room:
        rest = [name for name in counts if bits[name] > BITS[-1]]
        if not rest:
            return None
        largest = max(rest, key=lambda name: counts[name] * bits[name])
        bits[largest] = BITS[BITS.index(bits[largest]) + 1]
    return bits


def packed(array: np.ndarray, bits: int) -> bytes:
    """Little-endian float32; or a float32 scale for each row, then q + m of all, bit by bit."""
    if bits == BITS[0]:
        return array.astype("<f4").tobytes()
    scale, q = _whole(array, bits)
    each = (q + _most(bits)).astype(">u2").view(np.uint8).reshape(-1, 2)
    of_each = np.unpackbits(each, axis=1)[:, 16 - bits :]
    return scale.astype("<f4").tobytes() + np.packbits(of_each).tobytes()


def rounded(array: np.ndarray, bits: int) -> np.ndarray:
    """The array as whoever unpacks it has it."""
    if bits == BITS[0]:
        return array
    scale, q = _whole(array, bits)
    return (q.astype(np.float32) * scale[:, None]).reshape(array.shape)


def _whole(array: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The scale of each row, and the rows as whole numbers."""
    rows = array.reshape(len(array), -1)
    scale = (np.abs(rows).max(axis=1) / _most(bits)).astype(np.float32)
    q = np.rint(rows / np.where(scale > 0, scale, 1)[:, None]).astype(np.int32)
    return scale, np.clip(q, -_most(bits), _most(bits))


def _most(bits: int) -> int:
    return 2 ** (bits - 1) - 1
