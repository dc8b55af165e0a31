"""Dropout without a stored mask: counter-based random numbers (NumPy twin of dropout.cu).

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") is a function, not
a stream: it scrambles a 128-bit counter under a 64-bit key into four 32-bit words. Element `index`
of the undivided array takes word index % 4 of counter (index // 4, counter) under key `seed`, so
backward draws the same mask again, and any split over devices or threads draws the same bits.
"""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.masks import keep

ROUNDS = 10
PHILOX_BYTES = 6 * 8 // 4 + 1  # an element: six words of 64 bits for four of them, and a mask
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = 0x9E3779B9, 0xBB67AE85  # added to the key after every round
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def dropout_forward(y, x, rows, cols, full_cols, p, scale, seed, counter, offset):
    """y = x*scale where kept, else 0 (0 <= p < 1). Element (r, j) of x (rows, cols) has index
    offset + r*full_cols + j in the undivided array; it is kept if its word is >= p * 2^32.
    """
    x, y = x.reshape(rows, cols), y.reshape(rows, cols)
    threshold = np.uint64(int(p * 2**32))

    def one_block(r, j):
        """Rows r (a slice) of columns j (another)."""
        first = offset + j.start + np.arange(r.start, r.stop, dtype=np.int64) * full_cols
        kept = _kept(first // 4, j.stop - j.start, threshold, seed, counter)
        np.multiply(x[r, j], scale, out=y[r, j])
        for row in range(min(4, len(first))):  # every fourth row starts at the same word of 4
            word = first[row] % 4
            fourth = y[r, j][row::4]
            keep(fourth, kept[row::4, word : word + j.stop - j.start], out=fourth)

    bytes_each = PHILOX_BYTES + 2 * x.itemsize
    block = threads.chunk(rows * cols, bytes_each)
    for start in range(0, cols, block):
        j = slice(start, min(cols, start + block))
        threads.for_each_chunk(rows, cols * bytes_each, lambda r, j=j: one_block(r, j))


def dropout_backward(dx, dy, rows, cols, full_cols, p, scale, seed, counter, offset):
    """dx = dy*scale where kept, else 0: the mask of forward, drawn again."""
    dropout_forward(dx, dy, rows, cols, full_cols, p, scale, seed, counter, offset)


def _kept(first_group, count, threshold, seed, counter):
    """For each word of a row, from its first group of four on: is it at least the threshold?

    There is one group more than `count` words fill, for rows that begin inside a group.
    """
    groups = -(-count // 4) + 1
    shape = len(first_group), groups
    group = (first_group[:, None] + np.arange(groups)).astype(np.uint64)
    words = [threads.scratch(f"philox word {i}", shape, np.uint64) for i in range(4)]
    np.bitwise_and(group, LOW, out=words[0])
    np.right_shift(group, HALF, out=words[1])
    words[2][...] = counter & 0xFFFFFFFF
    words[3][...] = counter >> 32
    philox(words, (seed & 0xFFFFFFFF, seed >> 32))
    kept = threads.scratch("philox kept", (*shape, 4), bool)
    for i, word in enumerate(words):
        np.greater_equal(word, threshold, out=kept[..., i])
    return kept.reshape(len(first_group), -1)


def philox(words, key):
    """Philox4x32-10, in place: four arrays of 32-bit words (held in uint64), two words of key."""
    c0, c1, c2, c3 = words
    k0, k1 = key
    product0 = threads.scratch("philox product 0", c0.shape, np.uint64)
    product1 = threads.scratch("philox product 1", c0.shape, np.uint64)
    for _ in range(ROUNDS):
        np.multiply(c0, MULTIPLIERS[0], out=product0)
        np.multiply(c2, MULTIPLIERS[1], out=product1)
        np.right_shift(product1, HALF, out=c0)
        c0 ^= c1
        c0 ^= np.uint64(k0)
        np.right_shift(product0, HALF, out=c2)
        c2 ^= c3
        c2 ^= np.uint64(k1)
        np.bitwise_and(product1, LOW, out=c1)
        np.bitwise_and(product0, LOW, out=c3)
        k0, k1 = (k0 + KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + KEY_STEPS[1]) & 0xFFFFFFFF
