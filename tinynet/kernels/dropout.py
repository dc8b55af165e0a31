"""Dropout without a stored mask: counter-based random numbers (NumPy twin of dropout.cu).

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") is a function, not
a stream: it scrambles a 128-bit counter under a 64-bit key into four 32-bit words. Element `index`
of the undivided array takes word index % 4 of counter (index // 4, counter) under key `seed`, so
backward draws the same mask again, and any split over devices or threads draws the same bits.
"""

import numpy as np

from tinynet import threads

BLOCK = 16 * 1024  # elements drawn at once
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = 0x9E3779B9, 0xBB67AE85  # added to the key after every round
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def dropout_forward(y, x, rows, cols, full_cols, p, scale, seed, counter, offset):
    """y = x*scale where kept, else 0; element (r, j) has index offset + r*full_cols + j."""
    x, y = x.reshape(rows, cols), y.reshape(rows, cols)
    threshold = np.uint32(int(p * 2**32))
    scale = x.dtype.type(scale)
    row_step = max(1, BLOCK // cols)
    blocks = [
        (slice(r, min(rows, r + row_step)), slice(j, min(cols, j + BLOCK)))
        for r in range(0, rows, row_step)
        for j in range(0, cols, BLOCK)
    ]

    def one_block(i):
        rs, cs = blocks[i]
        for r in range(rs.start, rs.stop):
            words = random_words(
                seed, counter, offset + r * full_cols + cs.start, cs.stop - cs.start
            )
            kept = words >= threshold
            np.multiply(x[r, cs], scale, out=y[r, cs])
            y[r, cs][~kept] = 0

    threads.for_each(len(blocks), one_block)


def dropout_backward(dx, dy, rows, cols, full_cols, p, scale, seed, counter, offset):
    """dx = dy*scale where kept, else 0: the mask of forward, drawn again."""
    dropout_forward(dx, dy, rows, cols, full_cols, p, scale, seed, counter, offset)


def random_words(seed, counter, first, count):
    """The 32-bit words of the elements first .. first+count-1."""
    group = np.arange(first // 4, (first + count + 3) // 4, dtype=np.uint64)
    counters = (
        group & LOW,
        group >> HALF,
        np.full_like(group, counter & 0xFFFFFFFF),
        np.full_like(group, counter >> 32),
    )
    words = philox(counters, (seed & 0xFFFFFFFF, seed >> 32))
    return np.stack(words, axis=-1).astype(np.uint32).reshape(-1)[first % 4 :][:count]


def philox(counters, key):
    """Philox4x32-10: four arrays of 32-bit counter words, held in uint64, to four random ones."""
    c0, c1, c2, c3 = counters
    k0, k1 = key
    for _ in range(ROUNDS):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0 = (product1 >> HALF) ^ c1 ^ np.uint64(k0)
        c2 = (product0 >> HALF) ^ c3 ^ np.uint64(k1)
        c1, c3 = product1 & LOW, product0 & LOW
        k0, k1 = (k0 + KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + KEY_STEPS[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3
