"""Max-pooling with overlapping windows (NumPy twin of max_pool.cu).

The maximum over a window is separable: first over each row of the window, then over the rows. The
first of several equal maxima wins, in row-major order, because a later candidate must be strictly
larger. `argmax` (index i*kw + j within the window) is all that backward needs.
"""

import numpy as np

from tinynet import threads
from tinynet.kernels.windows import tap_slices


def max_pool_forward(
    y, argmax, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y and argmax (n, c, oh, ow) from x (n, c, h, w); windows are clipped to the image.

    A NaN in the window makes y NaN (its argmax is then some element of the window).
    """
    index_type = np.uint8 if kh * kw <= 256 else np.int32  # small: 64 indices an instruction
    first_i = np.maximum(pad_top - np.arange(oh) * stride_h, 0)
    first_j = np.maximum(pad_left - np.arange(ow) * stride_w, 0)
    first_index = (first_i[:, None] * kw + first_j).astype(index_type)

    def one_image(image):
        row_best = threads.scratch("row_best", (c, h, ow), x.dtype)
        row_index = threads.scratch("row_index", (c, h, ow), index_type)
        row_best[...] = -np.inf
        row_index[...] = first_j
        for j in range(kw):
            to, source = tap_slices(j, stride_w, pad_left, w, ow)
            _keep_larger(row_best[:, :, to], row_index[:, :, to], x[image, :, :, source], j)
        best = y[image]
        index = threads.scratch("index", (c, oh, ow), index_type)
        best[...] = -np.inf
        index[...] = first_index
        for i in range(kh):
            to, source = tap_slices(i, stride_h, pad_top, h, oh)
            candidate_index = row_index[:, source] + index_type(i * kw)
            _keep_larger(best[:, to], index[:, to], row_best[:, source], candidate_index)
        argmax[image] = index

    threads.for_each(n, one_image)


def _keep_larger(best, index, candidate, candidate_index):
    """Replace best and index where the candidate is strictly larger.

    Candidates come in rising order of their index, so the index kept is a plain maximum.
    """
    larger = np.greater(candidate, best)
    np.maximum(index, larger.view(np.uint8) * candidate_index, out=index, casting="unsafe")
    np.maximum(best, candidate, out=best)


def max_pool_backward(
    dx, dy, argmax, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): each dy goes to the pixel that won its window; overlaps are summed."""
    row = np.arange(oh)[:, None] * stride_h - pad_top
    column = np.arange(ow) * stride_w - pad_left
    corner = row * w + column  # of each window, as an offset into its plane
    planes = np.arange(c)[:, None, None] * (h * w)

    def one_image(image):
        i, j = np.divmod(argmax[image], kw)
        target = planes + corner + i * w + j
        dx[image] = 0
        np.add.at(dx[image].reshape(-1), target.reshape(-1), dy[image].reshape(-1))

    threads.for_each(n, one_image)
