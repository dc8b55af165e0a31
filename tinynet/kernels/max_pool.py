"""Max pooling with overlapping windows (NumPy twin of max_pool.cu).

definitions.py says in loops what both functions compute, and the tests hold them to it.

The maximum over a window is separable: first over each row of the window, then over the rows. The
first of several equal maxima wins, in reading order, because a later candidate must be larger.
`argmax` (index i*kw + j within the window) is all that backward needs. Each map is pooled on its
own, so a batch is n*c maps, and a task takes some of them.
"""

import numpy as np

from tinynet.devices import threads


def max_pool_forward(
    y, argmax, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y and argmax (n, c, oh, ow) from x (n, c, h, w); windows are clipped to the image.

    A NaN in the window is its maximum: the first one, if there are several.
    """
    reach_h, reach_w = (oh - 1) * stride_h + kh, (ow - 1) * stride_w + kw
    overhangs = pad_top > 0 or pad_left > 0 or reach_h > h or reach_w > w
    # Indices are bytes if they fit: one instruction then handles 64 of them.
    index_type = np.dtype(np.uint8 if kh * kw <= 256 else np.int32)
    first_i = np.maximum(pad_top - np.arange(oh) * stride_h, 0)
    first_j = np.maximum(pad_left - np.arange(ow) * stride_w, 0)
    first_inside = (first_i[:, None] * kw + first_j).astype(index_type)

    x, y, argmax = x.reshape(n * c, h, w), y.reshape(n * c, oh, ow), argmax.reshape(n * c, oh, ow)

    def some_maps(part):
        pixels, maps = x[part], part.stop - part.start
        if overhangs:
            pixels = threads.scratch("max_pool padded", (maps, reach_h, reach_w), x.dtype)
            pixels[...] = -np.inf
            inside = pixels[:, pad_top : pad_top + h, pad_left : pad_left + w]
            inside[...] = x[part, : inside.shape[1], : inside.shape[2]]
        index = threads.scratch("max_pool index", (maps, oh, ow), index_type)
        _both_axes(y[part], index, pixels, kh, kw, stride_h, stride_w, np.greater)
        if np.isnan(np.min(y[part])):  # rare, so the test for NaN is not in the fast comparison
            _both_axes(y[part], index, pixels, kh, kw, stride_h, stride_w, _greater_or_nan)
        # A window of nothing but -inf has kept its index 0, which may lie in the padding.
        np.maximum(index, first_inside, out=argmax[part])

    threads.for_each_chunk(n * c, h * w * x.itemsize, some_maps)


def _both_axes(y, index, pixels, kh, kw, stride_h, stride_w, greater):
    """y and index (maps, oh, ow): the maximum along each row of a window, then over the rows."""
    maps, oh, ow = y.shape
    reach_h, reach_w = (oh - 1) * stride_h + kh, (ow - 1) * stride_w + kw
    best = threads.scratch("max_pool row maxima", (maps, reach_h, ow), y.dtype)
    best_j = threads.scratch("max_pool row indices", (maps, reach_h, ow), index.dtype)
    for j in range(kw):
        tap = pixels[:, :reach_h, j : reach_w - kw + 1 + j : stride_w]
        _keep_greater(best, best_j, tap, j, j == 0, greater)
    for i in range(kh):
        rows = slice(i, reach_h - kh + 1 + i, stride_h)
        candidate_index = best_j[:, rows] + index.dtype.type(i * kw)
        _keep_greater(y, index, best[:, rows], candidate_index, i == 0, greater)


def _keep_greater(best, index, candidate, candidate_index, is_first, greater):
    """Replace best and index where the candidate is greater (all of them, if it is the first).

    Candidates come with rising indices, so the index to keep is a plain maximum.
    """
    if is_first:
        best[...] = candidate
        index[...] = candidate_index
        return
    replaced = threads.scratch("max_pool replaced", best.shape, bool)
    greater(candidate, best, out=replaced)
    offered = threads.scratch("max_pool offered", best.shape, index.dtype)
    np.multiply(replaced.view(np.uint8), candidate_index, out=offered, dtype=index.dtype)
    np.maximum(index, offered, out=index)
    np.maximum(best, candidate, out=best)


def _greater_or_nan(candidate, best, out):
    """np.greater, but a NaN is greater than every number, and no NaN is greater than a NaN."""
    np.greater(candidate, best, out=out)
    out |= np.isnan(candidate) & ~np.isnan(best)


def max_pool_backward(
    dx, dy, argmax, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): each dy goes to the pixel that won its window; overlaps are summed."""
    dx, dy, argmax = (a.reshape(n * c, *a.shape[2:]) for a in (dx, dy, argmax))
    step = threads.chunk(n * c, h * w * dy.itemsize)
    # Where each window begins among the pixels of a task, and where each tap lies from there.
    plane = np.arange(step)[:, None, None] * (h * w)
    row = np.arange(oh)[:, None] * stride_h - pad_top
    corners = plane + row * w + np.arange(ow) * stride_w - pad_left
    taps = (np.arange(kh)[:, None] * w + np.arange(kw)).reshape(-1)

    def some_maps(part):
        winners = threads.scratch("max_pool winners", argmax[part].shape, np.intp)
        np.take(taps, argmax[part], out=winners, mode="clip")  # "raise" would buffer `out`
        winners += corners[: len(winners)]
        dx[part] = 0
        np.add.at(dx[part].reshape(-1), winners.reshape(-1), dy[part].reshape(-1))

    threads.for_each_slice(n * c, step, some_maps)
