"""Weights in few bytes: whole floats where there is room for them, else whole numbers of some bits.

A row of an array (a filter, or the weights of a unit) has a scale of its own, so that its largest
weight is the largest number there is: w = scale * q, with -m <= q <= m and m = 2^(bits - 1) - 1.
Rows that are very long are cut along the second axis.
Large arrays are rounded first, since of many weights the errors cancel; there is little to be had
from the small ones.

As text, four bytes are five letters, each a digit of a number to the base of 85.
"""

import math

import numpy as np

BITS = (32, *range(16, 3, -1))  # 32: floats as they are
LONGEST = 4096  # numbers of a row
LETTERS = bytes(c for c in range(ord("("), ord("~") + 1) if chr(c) not in "<\\")


def bits_for(counts: dict[str, int], room: int) -> dict[str, int] | None:
    """How many bits each array of so many numbers gets within `room` bytes; None if too many."""
    bits, large = dict.fromkeys(counts, BITS[0]), sum(counts.values()) / 50
    while sum(counts[name] * bits[name] for name in counts) > 8 * room:
        rest = [name for name in counts if bits[name] > BITS[-1]]
        if not rest:
            return None
        next_ = max(rest, key=lambda name: (counts[name] > large, bits[name], counts[name]))
        bits[next_] = BITS[BITS.index(bits[next_]) + 1]
    return bits


def packed(array: np.ndarray, bits: int) -> bytes:
    """Little-endian float32; or a float32 scale for each row, then q + m of all, bit by bit."""
    if bits == BITS[0]:
        return array.astype("<f4").tobytes()
    scale, q = _whole(array, bits)
    each = (q + _most(bits)).astype(">u2").view(np.uint8).reshape(-1, 2)
    of_each = np.unpackbits(each, axis=1)[:, 16 - bits :]
    return scale.astype("<f4").tobytes() + np.packbits(of_each).tobytes()


def as_text(data: bytes) -> str:
    """Bytes as letters that mean nothing in HTML; zeros fill up the last four."""
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
    digits = np.empty((len(words), 5), np.uint8)
    for place in range(4, -1, -1):
        words, digits[:, place] = np.divmod(words, 85)
    return np.frombuffer(LETTERS, np.uint8)[digits].tobytes().decode()


def rounded(array: np.ndarray, bits: int) -> np.ndarray:
    """The array as whoever unpacks it has it."""
    if bits == BITS[0]:
        return array
    scale, q = _whole(array, bits)
    return (q.astype(np.float32) * scale[:, None]).reshape(array.shape)


def _whole(array: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The scale of each row, and the rows as whole numbers."""
    count = len(array) if array.size <= LONGEST * len(array) else math.prod(array.shape[:2])
    rows = array.reshape(count, -1)
    scale = (np.abs(rows).max(axis=1) / _most(bits)).astype(np.float32)
    q = np.rint(rows / np.where(scale > 0, scale, 1)[:, None]).astype(np.int32)
    return scale, np.clip(q, -_most(bits), _most(bits))


def _most(bits: int) -> int:
    return 2 ** (bits - 1) - 1
