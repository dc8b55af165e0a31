"""A gradient turned round: from a scatter, which races, to a gather."""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import NAMES, TRIES, places, wrong_sign

TASK = """
col2im: the gradient of im2col, which copies each window of x into a column.

    col[(ci*kh + khi)*kw + kwi, ni, ohi*ow + owi]
        = x[ni, ci, ohi*stride_h - pad_top + khi, owi*stride_w - pad_left + kwi]

So dx[ni, ci, hi, wi] is the sum of dcol over every place that was copied from that pixel:

    one row of x, kw 3, stride_w 2      0  1  2  3  4  5  6
    window 0                           [0  1  2]
    window 1                                 [0  1  2]            pixel 2 is column 2 of window 0
    window 2                                       [0  1  2]      and column 0 of window 1

  dx (out)   (n, c, h, w), overwritten
  dcol       (c*kh*kw, n, oh*ow): the images side by side

A thread for each column would have to add into pixels that others add into. Turn it round: one
thread for each pixel of dx gathers from the windows that hold it. With row = hi + pad_top,
window ohi holds it at khi = row - ohi*stride_h, if 0 <= khi < kh. What no window holds gets 0.

The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Take the index apart: ni = index / (c * h * w), ci = index / (h * w) % c, then the row and
the column. In dcol, what belongs to a place of the window is n * oh*ow elements from the next.""",
    """Try all windows: for each ohi below oh let khi = hi + pad_top - ohi*stride_h, and leave those
out where khi is not in 0..kh-1. The same for the columns. Add up in a register.""",
    """const int row = index / w % h + pad_top, column = index % w + pad_left;
REAL sum = 0;
for (int ohi = 0; ohi < oh; ++ohi) {
    const int khi = row - ohi * stride_h;
    if (khi < 0 || khi >= kh) continue;
    for (int owi = 0; owi < ow; ++owi) {
        ...
        sum += dcol[((((ci * kh + khi) * kw + kwi) * n + ni) * oh + ohi) * ow + owi];
    }
}
dx[index] = sum;""",
)


def gathered(given: dict, add: bool = True, **other: int) -> np.ndarray:
    """col2im in loops; perhaps with other sizes, or with the last window in place of the sum."""
    n, c, h, w, kh, kw, *_, oh, ow = (given[name] for name in NAMES)
    taps, dx = given["dcol"].reshape(c, kh, kw, n, oh, ow), np.zeros((n, c, h, w))
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        dx[:, :, hi, wi] = taps[:, khi, kwi, :, ohi, owi].T + dx[:, :, hi, wi] * add
    return dx


def mistakes(given: dict) -> dict[str, np.ndarray]:
    n, c, kh, kw, oh, ow = (given[name] for name in ("n", "c", "kh", "kw", "oh", "ow"))
    turned = given["dcol"].reshape(c, kh, kw, n, oh, ow)[:, ::-1, ::-1]
    exchanged = given["dcol"].reshape(c, kw, kh, n, oh, ow).swapaxes(1, 2)
    strides = {"stride_h": given["stride_w"], "stride_w": given["stride_h"]}
    return {
        "the padding is left out: row is hi + pad_top": gathered(given, pad_top=0, pad_left=0),
        "the padding has the wrong sign: row is hi + pad_top": gathered(given, **wrong_sign(given)),
        "the last row of windows is left out: ohi runs to oh - 1": gathered(given, oh=oh - 1),
        "the last column of windows is left out: owi runs to ow - 1": gathered(given, ow=ow - 1),
        "only one window counts: all that hold the pixel must be added up": gathered(
            given, add=False
        ),
        "the window is mirrored: khi is row - ohi*stride_h": gathered({**given, "dcol": turned}),
        "the rows of dcol are taken as kwi*kh + khi: they are khi*kw + kwi": gathered(
            {**given, "dcol": exchanged}
        ),
        "stride_h and stride_w are exchanged": gathered(given, **strides),
        "the images are taken one after the other: in dcol they are side by side": gathered(
            {**given, "dcol": given["dcol"].reshape(n, c * kh * kw, oh, ow).swapaxes(0, 1)}
        ),
    }


EXERCISE = Exercise(
    "col2im",
    "col2im: a scatter turned into a gather",
    TASK,
    TRIES,
    HINTS,
    mistakes=mistakes,
)
