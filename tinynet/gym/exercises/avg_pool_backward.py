"""A gather with a divisor that differs from window to window."""

import numpy as np

from tinynet.gym.exercise import Exercise
from tinynet.gym.exercises.windows import NAMES, TRIES, places, wrong_sign

TASK = """
avg_pool_backward: dx[ni, ci, hi, wi] = sum over the windows that hold the pixel of
                                        dy[ni, ci, ohi, owi] / (pixels of that window)

    one row of x, kw 3, stride_w 2, pad_left 1      .  0  1  2  3  4
    window 0: 2 pixels, for padding does not count [.  0  1]
    window 1: 3 pixels                                  [1  2  3]
    window 2: 2 pixels, it hangs over the edge                [3  4]
    dx of pixel 1                                          dy0/2 + dy1/3

  dx (out)   (n, c, h, w), overwritten
  dy         (n, c, oh, ow)

Window (ohi, owi) has rows ohi*stride_h - pad_top and the kh - 1 after it, and columns in the
same way, clipped to the image: those pixels were averaged in forward. One thread for each pixel
of dx gathers; no atomics. What no window holds gets 0.

The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """How many of the places from start on lie inside 0..size-1, if there are k of them? From
max(start, 0) to min(start + k, size).""",
    """For each window that holds the pixel: the number of its rows inside times the number of its
columns inside is the divisor. It holds it if khi = hi + pad_top - ohi*stride_h is in 0..kh-1.""",
    """for (int ohi = 0; ohi < oh; ++ohi) {
    const int top = ohi * stride_h - pad_top;
    if (hi < top || hi >= top + kh) continue;
    for (int owi = 0; owi < ow; ++owi) {
        const int left = ...;
        if (...) continue;
        const int pixels = (min(top + kh, h) - max(top, 0)) * (...);
        sum += dy[((ni * c + ci) * oh + ohi) * ow + owi] / REAL(pixels);
    }
}""",
)


def gathered(given: dict, divisor=None, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes, or another divisor."""
    n, c, h, w, *_, oh, ow = (given[name] for name in NAMES)
    dx, pixels = np.zeros((n, c, h, w)), np.zeros((oh, ow))
    for ohi, owi, *_ in places(given):
        pixels[ohi, owi] += 1
    for ohi, owi, _, _, hi, wi in places(given, **other):
        share = divisor or pixels[ohi, owi]
        dx[:, :, hi, wi] += given["dy"][:, :, ohi, owi] / share
    return dx


def mistakes(given: dict) -> dict[str, np.ndarray]:
    kh, kw, oh, ow = (given[name] for name in ("kh", "kw", "oh", "ow"))
    held = np.zeros(given["dx"].shape[2:])
    for *_, hi, wi in places(given):
        held[hi, wi] += 1
    return {
        "the divisor is kh*kw: padding and what hangs over the edge do not count": gathered(
            given, divisor=kh * kw
        ),
        "there is no divisor": gathered(given, divisor=1),
        "the padding is left out: row is hi + pad_top": gathered(given, pad_top=0, pad_left=0),
        "the padding has the wrong sign: row is hi + pad_top": gathered(given, **wrong_sign(given)),
        "the last row of windows is left out: ohi runs to oh - 1": gathered(given, oh=oh - 1),
        "the last column of windows is left out: owi runs to ow - 1": gathered(given, ow=ow - 1),
        "it is divided by the windows that hold the pixel, not by the pixels of each": gathered(
            given, divisor=1
        )
        / np.maximum(held, 1),
    }


EXERCISE = Exercise(
    "avg_pool_backward",
    "average pooling's gradient: windows at the edge have fewer pixels",
    TASK,
    TRIES,
    HINTS,
    mistakes=mistakes,
)
