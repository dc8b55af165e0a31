"""A parameter may lie in parts, cut along its first axis: one in each tower, on its own device.

A file always holds the whole, so that it can be read again on any devices.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tinynet.tensor import Tensor


def whole_shape(parts: Sequence[Tensor]) -> tuple[int, ...]:
    """The shape of the parts joined."""
    if len(parts) == 1:
        return parts[0].shape
    return (sum(len(p) for p in parts), *parts[0].shape[1:])


def joined(arrays: Sequence[np.ndarray], copy: bool = True) -> np.ndarray:
    """The parts as one array: a copy, or without `copy` perhaps a single part itself."""
    if len(arrays) == 1:
        return arrays[0].copy() if copy else arrays[0]
    return np.concatenate(arrays)


def cut(whole: np.ndarray, parts: Sequence[Tensor]) -> Iterator[np.ndarray]:
    """The whole cut into pieces again, one for each of `parts`."""
    if len(parts) == 1:
        yield whole
        return
    start = 0
    for p in parts:
        yield whole[start : start + len(p)]
        start += len(p)
