"""The first window: what lies outside of the image must neither be read nor counted."""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import NAMES, TRIES, places

TASK = """
avg_pool_forward: y[ni, ci, ohi, owi] = mean of x[ni, ci, hi, wi] over the window

    rows hi from ohi*stride_h - pad_top, kh of them; columns wi from owi*stride_w - pad_left, kw
    of them; clipped to the image: padding counts neither in the sum nor in the divisor.

    one row of x, kw 3, stride_w 2, pad_left 1      .  6  2  4  8  3
    window 0                                       [.  6  2]              (6 + 2) / 2
    window 1                                             [2  4  8]        (2 + 4 + 8) / 3
    window 2, which hangs over the edge                        [8  3]     (8 + 3) / 2

  y (out)  (n, c, oh, ow)
  x        (n, c, h, w)

One thread for each element of y; but the grid has at most so many blocks of 256 threads, so each
goes on by one whole grid.
"""

HINTS = (
    "Take the index apart: map = index / (oh * ow), which is ni * c + ci; then ohi and owi.",
    """With top = ohi*stride_h - pad_top the rows are those from max(top, 0) to min(top + kh, h). So
the image is never left, and their number is the difference.""",
    """const int h_first = max(top, 0), h_end = min(top + kh, h), w_first = ..., w_end = ...;
REAL sum = 0;
for (int hi = h_first; hi < h_end; ++hi) {
    for (int wi = w_first; wi < w_end; ++wi) sum += x[(map * h + hi) * w + wi];
}
y[index] = sum / REAL(...);""",
)


def averaged(given: dict, divisor: int = 0, **other: int) -> np.ndarray:
    """In loops; perhaps with another divisor, or with other sizes."""
    n, c, *_, oh, ow = (given[name] for name in NAMES)
    sums, pixels = np.zeros((n, c, oh, ow)), np.zeros((oh, ow))
    for ohi, owi, _, _, hi, wi in places(given, **other):
        sums[:, :, ohi, owi] += given["x"][:, :, hi, wi]
        pixels[ohi, owi] += 1
    return sums / (divisor or np.maximum(pixels, 1))


def mistakes(given: dict) -> dict[str, np.ndarray]:
    kh, kw = given["kh"], given["kw"]
    return {
        "the divisor is kh*kw: padding and what hangs over the edge do not count": averaged(
            given, divisor=kh * kw
        ),
        "there is no divisor": averaged(given, divisor=1),
        "the padding is left out: windows begin at ohi*stride_h - pad_top": averaged(
            given, pad_top=0, pad_left=0
        ),
        "the last row of each window is left out": averaged(given, kh=kh - 1),
        "the last column of each window is left out": averaged(given, kw=kw - 1),
        "stride_h is left out: windows begin at ohi*stride_h - pad_top": averaged(
            given, stride_h=1
        ),
        "stride_h and stride_w are exchanged": averaged(
            given, stride_h=given["stride_w"], stride_w=given["stride_h"]
        ),
    }


EXERCISE = Exercise(
    "avg_pool_forward",
    "average pooling: windows clipped to the image",
    TASK,
    TRIES,
    HINTS,
    mistakes=mistakes,
)
