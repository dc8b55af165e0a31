"""Each place has filters of its own, and a pixel meets a different one in every window."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.windows import (
    NAMES,
    ONE_PIXEL,
    OVERLAPPING,
    WITH_GAPS,
    places,
    wrong_sign,
)

TASK = """
local_backward: the gradient of local_forward to its input, for

    y[ni, fi, ohi, owi] = sum over ci, khi, kwi of
                          weight[fi, ci, khi, kwi, ohi, owi]
                          * x[ni, ci, ohi*stride_h - pad_top + khi,
                                      owi*stride_w - pad_left + kwi]

So dx[ni, ci, hi, wi] is the sum of weight * dy over all products with this pixel of x in them:

    one row of x, kw 2, stride_w 1                   1   2   3   4
    the filters of places 0, 1, 2                   (1  10)
                                                        (2  20)
                                                            (3  30)
    dy                                                 1    5    7
    dx      1*1,  10*1 + 2*5,  20*5 + 3*7,  30*7      1   20  121 210

  dx (out)   (n, c, h, w), overwritten
  dy         (n, filters, oh, ow)
  weight     (filters, c, kh, kw, oh, ow): the place stands last

One thread for each element of dx, which gathers: with row = hi + pad_top, window ohi holds
the pixel at khi = row - ohi*stride_h, if 0 <= khi < kh. What no window holds gets 0.

The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Every map of y has looked at channel ci, so there are three sums: over fi, ohi and owi.
khi and kwi are no sums: they follow from the pixel and the window.""",
    """Try all windows: for each ohi below oh let khi = hi + pad_top - ohi*stride_h, and leave those
out where khi is not in 0..kh-1. The same for the columns. Add up in a register.""",
    """for (int fi = 0; fi < filters; ++fi) {
    for (int ohi = 0; ohi < oh; ++ohi) {
        const int khi = row - ohi * stride_h;
        if (khi < 0 || khi >= kh) continue;
        for (int owi = 0; owi < ow; ++owi) {
            ...
            const int tap = ((fi * c + ci) * kh + khi) * kw + kwi, place = ohi * ow + owi;
            sum += weight[tap * oh * ow + place] * dy[...];
        }
    }
}""",
)


def gathered(given: dict, weight: np.ndarray, add: bool = True, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes, or with the last window in place of the sum."""
    n, c, h, w = (given[name] for name in NAMES[:4])
    dx = np.zeros((n, c, h, w))
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        one = given["dy"][:, :, ohi, owi] @ weight[:, :, khi, kwi, ohi, owi]
        dx[:, :, hi, wi] = one + dx[:, :, hi, wi] * add
    return dx


def mistakes(given: dict) -> dict[str, np.ndarray]:
    weight, oh, ow = given["weight"], given["oh"], given["ow"]
    shared = np.broadcast_to(weight[..., :1, :1], weight.shape)
    first, last = np.zeros_like(weight), np.zeros_like(weight)
    first[0], last[-1] = weight[0], weight[-1]
    return {
        "the padding is left out: row is hi + pad_top": gathered(
            given, weight, pad_top=0, pad_left=0
        ),
        "the padding has the wrong sign: row is hi + pad_top": gathered(
            given, weight, **wrong_sign(given)
        ),
        "all places have the filters of the first: that is a convolution": gathered(given, shared),
        "only the first filter counts: fi runs to filters - 1": gathered(given, first),
        "only one window counts: all that hold the pixel must be added up": gathered(
            given, weight, add=False
        ),
        "only the last product has arrived: the sum runs over filters and windows": gathered(
            given, last, add=False
        ),
        "the window is mirrored: khi is row - ohi*stride_h": gathered(
            given, weight[:, :, ::-1, ::-1]
        ),
        "the last row of windows is left out: ohi runs to oh - 1": gathered(
            given, weight, oh=oh - 1
        ),
        "the last column of windows is left out: owi runs to ow - 1": gathered(
            given, weight, ow=ow - 1
        ),
        "the weights are left out": gathered(given, np.ones_like(weight)),
        "every channel has the first one's filters": gathered(
            given, np.broadcast_to(weight[:, :1], weight.shape)
        ),
    }


SEVERAL = {**OVERLAPPING, "filters": 5}

EXERCISE = Exercise(
    "local_backward",
    "locally connected, to its input: a gather over the windows",
    TASK,
    (
        Try(SEVERAL),
        Try(SEVERAL, blocks=1),
        Try({**WITH_GAPS, "filters": 3}),
        Try({**ONE_PIXEL, "filters": 1}),
    ),
    HINTS,
    mistakes=mistakes,
)
