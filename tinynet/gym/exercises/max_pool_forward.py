"""A maximum that remembers its place, for the way back."""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import TRIES, places

TASK = """
max_pool_forward: y[ni, ci, ohi, owi] = max of x[ni, ci, hi, wi] over the window, and its place

    rows hi from ohi*stride_h - pad_top, kh of them; columns wi from owi*stride_w - pad_left, kw
    of them; clipped to the image: padding counts as -infinity.

    one row of x, kw 3, stride_w 2      1  5  2 -9 -3 -9 -9
    window 0                           [1  5  2]               y  5, argmax 1
    window 1                                 [2 -9 -3]         y  2, argmax 0
    window 2                                      [-3 -9 -9]   y -3, argmax 0

Of equal numbers the first in reading order wins. And a NaN wins, the first one if there are
several, so that it is seen and not lost. (No comparison with a NaN is true, but for !=: a NaN is
not even itself.)

  y (out)       (n, c, oh, ow)
  argmax (out)  (n, c, oh, ow), int: the place khi*kw + kwi inside the window, not in the image
  x             (n, c, h, w)

One thread for each element of y; but the grid has at most so many blocks of 256 threads, so each
goes on by one whole grid.
"""

HINTS = (
    """With top = ohi*stride_h - pad_top the rows are those from max(top, 0) to min(top + kh, h).
Begin with the first pixel that lies inside, not with 0: all may be below.""",
    """A later pixel must be larger to win, not equal. A NaN `value` must win if `best` is none yet:
value != value says that it is a NaN, best == best that best is a number.""",
    """for (int hi = ...) {
    for (int wi = ...) {
        const REAL value = image[hi * w + wi];
        if (value > best || (value != value && best == best)) {
            best = value;
            place = (hi - top) * kw + ...;
        }
    }
}""",
)


def prepare(given: dict) -> None:
    """Numbers of both signs with many ties, and a NaN."""
    given["x"] -= 3
    if given["x"].size > 40:
        given["x"].flat[40] = np.nan


def pooled(given: dict, first: bool = True, nan: bool = True, best=None, **other: int) -> tuple:
    """y and argmax in loops; perhaps with another order, beginning, or other sizes."""
    y = np.full(given["y"].shape, np.nan if best is None else best)
    argmax = np.full(given["y"].shape, -1 if best is None else 0)
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        value, best_yet = given["x"][:, :, hi, wi], y[:, :, ohi, owi]
        larger = value > best_yet if first else value >= best_yet
        wins = (argmax[:, :, ohi, owi] < 0) | larger
        wins |= nan & np.isnan(value) & ~np.isnan(best_yet)
        y[:, :, ohi, owi] = np.where(wins, value, best_yet)
        argmax[:, :, ohi, owi] = np.where(wins, khi * given["kw"] + kwi, argmax[:, :, ohi, owi])
    return y, argmax


def mistakes(given: dict) -> dict[str, np.ndarray]:
    """For the first output that is wrong: y, or argmax if y is right."""
    kh, kw, w = given["kh"], given["kw"], given["w"]
    _, argmax = pooled(given)
    top = np.arange(given["oh"])[:, None] * given["stride_h"] - given["pad_top"]
    left = np.arange(given["ow"]) * given["stride_w"] - given["pad_left"]
    khi, kwi = argmax // kw, argmax % kw
    return {
        "padding counts as 0: it must be less than any number": pooled(given, best=0.0)[0],
        "a NaN is lost: no comparison with it is true": pooled(given, nan=False)[0],
        "a NaN is lost: no number is larger than it, and fmax leaves it out": pooled(
            given, best=-np.inf, nan=False
        )[0],
        "the last row of each window is left out": pooled(given, kh=kh - 1)[0],
        "the last column of each window is left out": pooled(given, kw=kw - 1)[0],
        "the padding is left out: windows begin at ohi*stride_h - pad_top": pooled(
            given, pad_top=0, pad_left=0
        )[0],
        "stride_h is left out: windows begin at ohi*stride_h - pad_top": pooled(given, stride_h=1)[
            0
        ],
        "of equal numbers the last has won: the first must": pooled(given, first=False)[1],
        "argmax is the place in the image: it is wanted inside the window": (top + khi) * w
        + (left + kwi),
        "the place is taken as kwi*kh + khi: it is khi*kw + kwi": kwi * kh + khi,
    }


EXERCISE = Exercise(
    "max_pool_forward",
    "overlapping max-pooling: the maximum and its place",
    TASK,
    TRIES,
    HINTS,
    prepare,
    mistakes,
)
