"""A gather with a question: was I the maximum of this window?"""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import NAMES, TRIES, places, wrong_sign

TASK = """
max_pool_backward: dx[ni, ci, hi, wi] = sum of dy over the windows whose maximum this pixel is.

    one row of x, kw 3, stride_w 2      1  5  2  9  3  0  4
    window 0: maximum 5, place 1       [1  5  2]
    window 1: maximum 9, place 1             [2  9  3]
    window 2: maximum 4, place 2                   [3  0  4]
    dy                                  a     b     c
    dx                                  0  a  0  b  0  0  c      all others are 0, not unwritten

  dx (out)   (n, c, h, w), overwritten
  dy         (n, c, oh, ow)
  argmax     (n, c, oh, ow), int: the winner's place khi*kw + kwi inside its window

Windows overlap, so a pixel may have won several. A thread for each window would have to add into
pixels that others add into; so one thread for each pixel asks all windows that hold it. With
row = hi + pad_top, window ohi holds it at khi = row - ohi*stride_h, if 0 <= khi < kh.

The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Take the index apart: map = index / (h * w), which is ni * c + ci; then the row and the
column. The windows of the map are elements map * oh * ow on of dy and argmax.""",
    """For each ohi below oh and owi below ow let khi and kwi be the pixel's place in the window. If
both lie inside, and argmax of the window is khi*kw + kwi, add the window's dy.""",
    """REAL sum = 0;
for (int ohi = 0; ohi < oh; ++ohi) {
    for (int owi = 0; owi < ow; ++owi) {
        const int khi = row - ohi * stride_h, kwi = column - owi * stride_w;
        const int window = (map * oh + ohi) * ow + owi;
        if (0 <= khi && khi < kh && ... && argmax[window] == ...) sum += dy[window];
    }
}
dx[index] = sum;""",
)


def gathered(given: dict, add: bool = True, place=None, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes, another place, or the last window instead of the sum."""
    n, c, h, w, kh, kw, *_ = (given[name] for name in NAMES)
    dx = np.zeros((n, c, h, w))
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        at = khi * kw + kwi if place is None else place(khi, kwi)
        won = given["argmax"][:, :, ohi, owi] == at
        kept = dx[:, :, hi, wi] * (add | ~won)
        dx[:, :, hi, wi] = kept + np.where(won, given["dy"][:, :, ohi, owi], 0)
    return dx


def scattered(given: dict, rows: int, columns: int) -> np.ndarray:
    """With khi = argmax / rows and kwi = argmax % columns."""
    dx = np.zeros(given["dx"].shape)
    ni, ci, ohi, owi = np.indices(given["dy"].shape)
    hi = ohi * given["stride_h"] - given["pad_top"] + given["argmax"] // rows
    wi = owi * given["stride_w"] - given["pad_left"] + given["argmax"] % columns
    inside = (hi >= 0) & (hi < given["h"]) & (wi >= 0) & (wi < given["w"])
    at = tuple(index[inside] for index in (ni, ci, hi, wi))
    np.add.at(dx, at, given["dy"][inside])
    return dx


def mistakes(given: dict) -> dict[str, np.ndarray]:
    kh, kw, oh, ow = (given[name] for name in ("kh", "kw", "oh", "ow"))
    everywhere = np.zeros(given["dx"].shape)
    for ohi, owi, _, _, hi, wi in places(given):
        everywhere[:, :, hi, wi] += given["dy"][:, :, ohi, owi]
    return {
        "every pixel of a window has got its dy: only the maximum does": everywhere,
        "the padding is left out: row is hi + pad_top": gathered(given, pad_top=0, pad_left=0),
        "the padding has the wrong sign: row is hi + pad_top": gathered(given, **wrong_sign(given)),
        "the last row of windows is left out: ohi runs to oh - 1": gathered(given, oh=oh - 1),
        "the last column of windows is left out: owi runs to ow - 1": gathered(given, ow=ow - 1),
        "only one window counts: a pixel may have won several": gathered(given, add=False),
        "the place is taken as kwi*kh + khi: it is khi*kw + kwi": gathered(
            given, place=lambda khi, kwi: kwi * kh + khi
        ),
        "the window is mirrored: khi is row - ohi*stride_h": gathered(
            given, place=lambda khi, kwi: kh * kw - 1 - khi * kw - kwi
        ),
        "argmax is divided by kh: khi is argmax / kw": scattered(given, kh, kw),
        "argmax is taken apart by kh: khi is argmax / kw, and kwi argmax % kw": scattered(
            given, kh, kh
        ),
    }


EXERCISE = Exercise(
    "max_pool_backward",
    "overlapping max-pooling's gradient: who was the maximum?",
    TASK,
    TRIES,
    HINTS,
    mistakes=mistakes,
)
