"""One seed for whatever is given none of its own: initial weights and dropout masks."""

from itertools import count

import numpy as np

from tinynet.ops.arguments import integer


class _Source:
    def __init__(self, seed: int):
        self.seed = seed
        self.generator = np.random.default_rng(seed)
        self.counter = count()


_source = _Source(0)


def manual_seed(seed: int) -> None:
    """Restart all random numbers of tinynet from `seed` (an int >= 0), which is 0 at first."""
    global _source
    found = integer(seed)
    if found is None or not 0 <= found < 2**64:
        raise ValueError(f"manual_seed: seed expects an int from 0 to 2**64 - 1, got {seed!r}")
    _source = _Source(found)


def generator() -> np.random.Generator:
    """The generator behind `tinynet.init`."""
    return _source.generator


def dropout_stream() -> tuple[int, int]:
    """(seed, counter) for a dropout without a seed of its own: a new counter at every call."""
    return _source.seed, next(_source.counter)
