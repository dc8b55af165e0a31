"""Where a sliding window meets the image: shared by convolution and pooling.

Tap (i, j) of the window at output (r, c) reads the image at row r*stride_h + i - pad_top and column
c*stride_w + j - pad_left. For one tap, the outputs whose read falls inside the image are a range,
and so are the rows or columns read: along each axis, two slices say it all.
"""

from functools import lru_cache


@lru_cache(maxsize=4096)
def tap_slices(tap: int, stride: int, pad: int, size: int, out: int) -> tuple[slice, slice]:
    """The outputs that `tap` serves inside an axis of `size`, and what they read there."""
    first = min(out, max(0, -((tap - pad) // stride)))  # ceil((pad - tap) / stride)
    last = max(first, min(out, (size - 1 + pad - tap) // stride + 1))
    start = first * stride + tap - pad
    return slice(first, last), slice(start, start + (last - first) * stride, stride)
