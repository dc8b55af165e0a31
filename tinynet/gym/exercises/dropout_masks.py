"""Which elements dropout keeps, and what a mistake would keep: what both directions have in common.

The random numbers are those of Philox4x32-10 (Salmon et al. 2011), a function of a counter and a
key: see tinynet/kernels/dropout.cu.
"""

import numpy as np

LOW, HALF = 0xFFFFFFFF, np.uint64(32)
FAR = {"p": 0.3, "scale": 1.25, "seed": 2**40 + 5, "counter": 2**33 + 1, "offset": 2**34 + 1}
PART = {"rows": 7, "cols": 41, "full_cols": 50, **FAR}  # of an array divided over devices
ALL_KEPT = {"rows": 3, "cols": 5, "full_cols": 5, **FAR, "p": 0.0, "counter": 0, "offset": 0}
ONE = {"rows": 1, "cols": 1, "full_cols": 1, **FAR}


def philox(
    group: np.ndarray, counter: int, seed: int, rounds: int = 10, steps: bool = True
) -> np.ndarray:
    """The four words, (4, ...), of each group (...); perhaps with a mistake in the rounds."""
    low = np.uint64(LOW)
    c0, c1 = group & low, group >> HALF
    c2, c3 = np.full_like(group, counter & LOW), np.full_like(group, counter >> 32)
    key = [seed & LOW, seed >> 32]
    for _ in range(rounds):
        product0, product1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            *((product1 >> HALF) ^ c1 ^ np.uint64(key[0]), product1 & low),
            *((product0 >> HALF) ^ c3 ^ np.uint64(key[1]), product0 & low),
        )
        if steps:
            key = [(key[0] + 0x9E3779B9) & LOW, (key[1] + 0xBB67AE85) & LOW]
    return np.stack([c0, c1, c2, c3])


def mistakes(given: dict, x: np.ndarray) -> dict[str, np.ndarray]:
    """For each known mistake, in words that help, what it makes of x (rows, cols)."""
    rows, cols, p, seed, counter, offset = (
        given[name] for name in ("rows", "cols", "p", "seed", "counter", "offset")
    )
    row, column = np.indices((rows, cols)).astype(np.uint64)

    def indices(length: int = given["full_cols"], start: int = offset) -> np.ndarray:
        return np.uint64(start) + row * np.uint64(length) + column

    four = np.uint64(4)
    index = indices()
    group, which = index // four, index % four

    def kept(
        group=group, which=which, p: float = p, counter=counter, seed=seed, **other
    ) -> np.ndarray:
        words = philox(group, counter, seed, **other)
        return np.choose(which.astype(int), words) >= np.uint64(int(p * 2**32))

    near, short, scaled = indices(start=0), indices(cols), x * given["scale"]
    masks = {
        "offset is left out": kept(near // four, near % four),
        "in the undivided array a row has full_cols elements, not cols": kept(
            short // four, short % four
        ),
        "the upper half of the index is lost: it has 64 bits, and so has offset": kept(
            (index & np.uint64(LOW)) // four
        ),
        "the wrong ones are kept: those whose word is at least p * 2^32 stay": ~kept(),
        "p is the probability to drop: that keeps with p": kept(p=1 - p),
        "word 0 is taken for all: element index takes word index % 4": kept(
            which=np.zeros_like(which)
        ),
        "each element has a group of its own: four share one, index / 4": kept(group=index),
        "counter is left out": kept(counter=0),
        "the upper half of counter is lost: it is the fourth word": kept(counter=counter & LOW),
        "the upper half of seed is lost: it is the second word of the key": kept(seed=seed & LOW),
        "there are ten rounds: one is missing": kept(rounds=9),
        "the key stays as it is: it grows after each round": kept(steps=False),
        "that is the mask of another call: backward draws that of its own again": kept(
            counter=counter + 1
        ),
    }
    found = {cause: np.where(mask, scaled, 0) for cause, mask in masks.items()}
    return found | {"scale is left out": np.where(kept(), x, 0), "all are kept": scaled}
