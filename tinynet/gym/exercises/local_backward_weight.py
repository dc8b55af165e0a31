"""The gradient to weights that are not shared: the only sum left is the one over the images."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.windows import ONE_PIXEL, OVERLAPPING, WITH_GAPS, places, wrong_sign

TASK = """
local_backward_weight: the gradient of local_forward to its weights, for

    y[ni, fi, ohi, owi] = sum over ci, khi, kwi of
                          weight[fi, ci, khi, kwi, ohi, owi]
                          * x[ni, ci, ohi*stride_h - pad_top + khi,
                                      owi*stride_w - pad_left + kwi]

A weight takes part in one product of each image:

    dweight[fi, ci, khi, kwi, ohi, owi] = sum over ni of dy[ni, fi, ohi, owi] * x[ni, ci, hi, wi]
        with hi = ohi*stride_h - pad_top + khi, wi = owi*stride_w - pad_left + kwi;
        0 for a weight that looks outside the image

    one row of x, kw 2, stride_w 1, pad_left 1         0 | 1   2   3
    dy at places 0, 1, 2                               10   20   30
    dweight[kwi 0]   dy times what lies on the left     0   20   60
    dweight[kwi 1]   dy times what lies on the right   10   40   90

  dweight (out)  (filters, c, kh, kw, oh, ow): the place stands last
  dy             (n, filters, oh, ow)
  x              (n, c, h, w)

One thread for each element of dweight, in its order.
The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Take the index apart from its end: with places = oh*ow, index % places is the place,
index / places % kw is kwi, index / places / kw % kh is khi, then come ci and fi.""",
    """All that changes from image to image is ni: find hi and wi first, and test them once. A
weight that looks outside gets 0: it must be written all the same.""",
    """REAL sum = 0;
if (hi >= 0 && hi < h && wi >= 0 && wi < w) {
    for (int ni = 0; ni < n; ++ni) {
        sum += dy[(ni * filters + fi) * places + place] * x[...];
    }
}
dweight[index] = sum;""",
)


def summed(given: dict, dy: np.ndarray, x: np.ndarray, **other: int) -> np.ndarray:
    """In loops; perhaps with other sizes. (filters, c, kh, kw, oh, ow)"""
    dweight = np.zeros(given["dweight"].shape)
    for ohi, owi, khi, kwi, hi, wi in places(given, **other):
        dweight[:, :, khi, kwi, ohi, owi] = dy[:, :, ohi, owi].T @ x[:, :, hi, wi]
    return dweight


def mistakes(given: dict) -> dict[str, np.ndarray]:
    dy, x, n = given["dy"], given["x"], given["n"]
    right = summed(given, dy, x)
    return {
        "only the first image is in the sum": summed(given, dy[:1], x[:1]),
        "only the last image has arrived: they must be added up": summed(given, dy[-1:], x[-1:]),
        "it is summed over the places too: that is a convolution's gradient": np.broadcast_to(
            right.sum(axis=(4, 5), keepdims=True), right.shape
        ),
        "that is the mean over the images: it is their sum": right / n,
        "the padding is left out: hi is ohi*stride_h - pad_top + khi": summed(
            given, dy, x, pad_top=0, pad_left=0
        ),
        "the padding has the wrong sign: hi is ohi*stride_h - pad_top + khi": summed(
            given, dy, x, **wrong_sign(given)
        ),
        "stride_h is left out: hi is ohi*stride_h - pad_top + khi": summed(
            given, dy, x, stride_h=1
        ),
        "the window is mirrored": right[:, :, ::-1, ::-1],
        "dy is that of the first filter for all": summed(
            given, np.broadcast_to(dy[:, :1], dy.shape), x
        ),
        "x is that of the first channel for all": summed(
            given, dy, np.broadcast_to(x[:, :1], x.shape)
        ),
        "dy is left out": summed(given, np.ones_like(dy), x),
    }


SEVERAL = {**OVERLAPPING, "filters": 5}

EXERCISE = Exercise(
    "local_backward_weight",
    "locally connected, to its weights: a sum over the images",
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
