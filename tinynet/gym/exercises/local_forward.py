"""A convolution whose filters differ from place to place: each weight is used once an image."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.windows import ONE_PIXEL, OVERLAPPING, WITH_GAPS, places, wrong_sign

TASK = """
local_forward: y[ni, fi, ohi, owi] = sum over ci, khi, kwi of
                                     weight[fi, ci, khi, kwi, ohi, owi]
                                     * x[ni, ci, ohi*stride_h - pad_top + khi,
                                                 owi*stride_w - pad_left + kwi];
        places outside the image add nothing.

    one row of x, kw 2, stride_w 1                   1   2   3   4
    the filters of places 0, 1, 2                   (1  10)
                                                        (2  20)
                                                            (3  30)
    y                                                 21  64  129

  y (out)    (n, filters, oh, ow)
  x          (n, c, h, w)
  weight     (filters, c, kh, kw, oh, ow): the place stands last

One thread for each element of y, in its order. Threads that are neighbours compute neighbouring
places, so they read neighbouring weights.
The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """With places = oh*ow: index % places is the place, ohi*ow + owi; index / places % filters is
fi; what is left, index / places / filters, is ni.""",
    """The weight is at ((fi*c + ci)*kh*kw + khi*kw + kwi) * places + place. Test hi and wi before
you read x.""",
    """for (int ci = 0; ci < c; ++ci) {
    for (int khi = 0; khi < kh; ++khi) {
        for (int kwi = 0; kwi < kw; ++kwi) {
            const int hi = place / ow * stride_h - pad_top + khi, wi = ...;
            if (...) continue;
            sum += weight[...] * x[((ni * c + ci) * h + hi) * w + wi];
        }
    }
}""",
)


def summed(given: dict, weight: np.ndarray, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes. (n, filters, oh, ow)"""
    y = np.zeros([given[name] for name in ("n", "filters", "oh", "ow")])
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        y[:, :, ohi, owi] += given["x"][:, :, hi, wi] @ weight[:, :, khi, kwi, ohi, owi].T
    return y


def mistakes(given: dict) -> dict[str, np.ndarray]:
    weight, n = given["weight"], given["n"]
    shared = np.broadcast_to(weight[..., :1, :1], weight.shape)
    first = np.zeros_like(weight)
    first[:, 0] = weight[:, 0]
    filters = np.broadcast_to(weight[:1], weight.shape)
    return {
        "all places have the filters of the first: that is a convolution": summed(given, shared),
        "only the first channel counts: ci runs to c - 1": summed(given, first),
        "every map has the first one's filters": summed(given, filters),
        "the padding is left out: hi is ohi*stride_h - pad_top + khi": summed(
            given, weight, pad_top=0, pad_left=0
        ),
        "the padding has the wrong sign: hi is ohi*stride_h - pad_top + khi": summed(
            given, weight, **wrong_sign(given)
        ),
        "stride_h is left out: hi is ohi*stride_h - pad_top + khi": summed(
            given, weight, stride_h=1
        ),
        "the window is mirrored": summed(given, weight[:, :, ::-1, ::-1]),
        "every image is the first one": np.repeat(summed(given, weight)[:1], n, axis=0),
    }


SEVERAL = {**OVERLAPPING, "filters": 5}

EXERCISE = Exercise(
    "local_forward",
    "locally connected: a convolution whose filters are not shared",
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
