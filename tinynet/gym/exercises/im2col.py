"""A convolution becomes a matrix product: every window, laid out as a column."""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import NAMES, TRIES, places, wrong_sign

TASK = """
im2col: col[(ci*kh + khi)*kw + kwi, ni, ohi*ow + owi]
            = x[ni, ci, ohi*stride_h - pad_top + khi, owi*stride_w - pad_left + kwi],
        0 where that lies outside the image.

    one row of x, kw 3, stride_w 2, pad_left 1      .  a  b  c  d
    window 0                                       [.  a  b]
    window 1                                             [b  c  d]

    col    kwi 0    0  b         each window is a column, so that a row of filters times col
           kwi 1    a  c         is a row of outputs
           kwi 2    b  d

  col (out)   (c*kh*kw, n, oh*ow): the images side by side
  x           (n, c, h, w)

One thread for each window of each map, c * n * oh * ow in all, which copies its kh*kw pixels.
Let threads that are neighbours have neighbouring columns: then a warp writes one run of memory.
The grid has at most so many blocks of 256 threads, so each goes on by one whole grid.
"""

HINTS = (
    """Take the index apart in the order of col: ci = index / (n*oh*ow), and what is left, place =
index % (n*oh*ow), is (ni*oh + ohi)*ow + owi.""",
    """Of a column, the next row of col is n*oh*ow elements further. Test hi and wi before you read:
what lies outside is 0, and must be written.""",
    """for (int khi = 0; khi < kh; ++khi) {
    for (int kwi = 0; kwi < kw; ++kwi) {
        const int hi = ohi * stride_h - pad_top + khi, wi = ...;
        const bool inside = 0 <= hi && hi < h && 0 <= wi && wi < w;
        col[((ci * kh + khi) * kw + kwi) * n * oh * ow + place] = inside ? x[...] : REAL(0);
    }
}""",
)


def laid_out(given: dict, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes. (c, kh, kw, n, oh, ow)"""
    n, c, _, _, kh, kw, *_, oh, ow = (given[name] for name in NAMES)
    col = np.zeros((c, kh, kw, n, oh, ow))
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        col[:, khi, kwi, :, ohi, owi] = given["x"][:, :, hi, wi].T
    return col


def mistakes(given: dict) -> dict[str, np.ndarray]:
    right, shape = laid_out(given), given["col"].shape
    found = {
        "the padding is left out: hi is ohi*stride_h - pad_top + khi": laid_out(
            given, pad_top=0, pad_left=0
        ),
        "the padding has the wrong sign: hi is ohi*stride_h - pad_top + khi": laid_out(
            given, **wrong_sign(given)
        ),
        "stride_h is left out: hi is ohi*stride_h - pad_top + khi": laid_out(given, stride_h=1),
        "stride_h and stride_w are exchanged": laid_out(
            given, stride_h=given["stride_w"], stride_w=given["stride_h"]
        ),
        "the window is mirrored": right[:, ::-1, ::-1],
        "the rows of col are taken as kwi*kh + khi: they are khi*kw + kwi": right.swapaxes(1, 2),
        "the images stand one after the other: here they are side by side": np.moveaxis(
            right, 3, 0
        ),
    }
    return {cause: np.ascontiguousarray(col).reshape(shape) for cause, col in found.items()}


EXERCISE = Exercise(
    "im2col",
    "im2col: every window becomes a column",
    TASK,
    TRIES,
    HINTS,
    mistakes=mistakes,
)
