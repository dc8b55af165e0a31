"""Max pooling with overlapping windows (NumPy twin of max_pool.cu).

definitions.py says in loops what both functions compute, and the tests hold them to it.

The maximum over a window is separable: first over each row of the window, then over the rows. The
first of several equal maxima wins, in reading order, because a later candidate must be larger.
`argmax` (index i*kw + j within the window) is all that backward needs. Each map is pooled on its
own, so a batch is n*c maps, and a task takes some of them.

A task looks at its maps as one run of pixels, and lets a window begin at every one of them: tap
(i, j) is then the run itself, i*w + j pixels on. What the stride leaves out, and the windows that
wrap round to the next row or map, are computed for nothing and dropped at the end: one loop over
all pixels takes less time than many short ones over every second pixel of a row.
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
    stops = np.s_[:, : reach_h - kh + 1 : stride_h, : reach_w - kw + 1 : stride_w]

    def some_maps(part):
        pixels, maps = x[part], part.stop - part.start
        if overhangs:
            pixels = threads.scratch("max_pool padded", (maps, reach_h, reach_w), x.dtype)
            pixels[...] = -np.inf
            inside = pixels[:, pad_top : pad_top + h, pad_left : pad_left + w]
            inside[...] = x[part, : inside.shape[1], : inside.shape[2]]
        largest, index = _both_axes(pixels, kh, kw, index_type, np.greater)
        y[part] = largest[stops]
        if np.isnan(np.min(y[part])):  # rare, so np.greater need not look for NaN
            _, index = _both_axes(pixels, kh, kw, index_type, _greater_or_nan)
        # A window of nothing but -inf has kept its index 0, which may lie in the padding.
        np.maximum(index[stops], first_inside, out=argmax[part])

    threads.for_each_chunk(n * c, h * w * x.itemsize, some_maps)


def _both_axes(pixels, kh, kw, index_type, greater):
    """The maximum of the window that begins at each pixel (maps, h, w), and its index."""
    run, w = pixels.reshape(-1), pixels.shape[2]
    zeros = threads.scratch("max_pool zeros", run.shape, index_type)
    zeros[...] = 0
    along_row, along_column = [(j, j) for j in range(kw)], [(i * w, i * kw) for i in range(kh)]
    of_row, index = _largest("row", run, zeros, along_row, greater)
    largest, index = _largest("window", of_row, index, along_column, greater)
    return largest.reshape(pixels.shape), index.reshape(pixels.shape)


def _largest(name, run, index, taps, greater):
    """For each place p the largest run[p + step] of the taps (step, offset), and its index, which
    is index[p + step] + offset. Where a tap would lie beyond the end, anything comes out.

    The offsets rise, so the index to keep is a plain maximum.
    """
    best = threads.scratch(f"max_pool of {name}", run.shape, run.dtype)
    best_index = threads.scratch(f"max_pool index in {name}", run.shape, index.dtype)
    replaced = threads.scratch("max_pool replaced", run.shape, bool)
    offered = threads.scratch("max_pool offered", run.shape, index.dtype)
    so_far, index_so_far = run, index
    for step, offset in taps[1:]:
        here = slice(0, max(0, len(run) - step))
        greater(run[step:], so_far[here], out=replaced[here])
        np.add(index[step:], index.dtype.type(offset), out=offered[here])
        offered[here] *= replaced[here].view(np.uint8)
        np.maximum(index_so_far[here], offered[here], out=best_index[here])
        np.maximum(so_far[here], run[step:], out=best[here])
        so_far, index_so_far = best, best_index
    return so_far, index_so_far


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
