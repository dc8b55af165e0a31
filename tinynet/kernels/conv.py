"""im2col and col2im: a convolution becomes one matrix product (NumPy twin of conv.cu).

definitions.py says in loops what both functions compute, and the tests hold them to it.

im2col lays out the window of each output position as a column, so that

    y (out_channels, n*oh*ow) = weight (out_channels, c*kh*kw) @ col (c*kh*kw, n*oh*ow)

and col2im, its transpose, adds every entry of the columns back to the pixel it came from.

Both go by way of `rows` (n, c, kw, image rows, ow). Let the window move along an image row r: at
its stop q, its column j sees one pixel of the row, and that is rows[..., j, r, q]. So column j sees
the image row from place j on, every stride_w-th pixel: one slice. Row i of the window then sees
such a row as a whole, and between `rows` and col only whole rows move, which are long runs of
memory; with stride 1, whole maps.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinynet.devices import threads
from tinynet.kernels.windows import tap_slices


def im2col(
    col, x, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """col (c*kh*kw, n, oh*ow) from x (n, c, h, w); taps outside the image are 0."""
    x, taps = x.reshape(n, c, h, w), _image_by_image(col, n, c, kh, kw, oh, ow)
    seen = (oh - 1) * stride_h + kh  # rows of the padded image that any window sees

    def some_images(part):
        if seen == oh:  # the window has one row: the rows are the columns
            _see_rows(taps[part, :, 0], x[part], stride_w, pad_top, pad_left)
            return
        rows = threads.scratch("rows", (part.stop - part.start, c, kw, seen, ow), x.dtype)
        _see_rows(rows, x[part], stride_w, pad_top, pad_left)
        _pull_apart(taps[part], rows, stride_h)

    threads.for_each_chunk(n, c * kw * seen * ow * x.itemsize, some_images)


def _see_rows(rows, x, stride_w, pad_top, pad_left):
    """rows (n, c, kw, rows of the padded image, ow): what column j of the window sees of each."""
    (n, c, kw, seen, ow), (h, w) = rows.shape, x.shape[2:]
    to_rows, inside = tap_slices(0, 1, pad_top, h, seen)
    for j in range(kw):
        to, source = tap_slices(j, stride_w, pad_left, w, ow)
        if stride_w == 1 and ow == w:
            # Moving the whole map at once, as one run of memory, takes half the time of moving its
            # rows one by one. What wraps round from the row before or after is cleared below.
            shift = pad_top * w + pad_left - j
            to_flat, source_flat = tap_slices(0, 1, shift, h * w, seen * w)
            rows.reshape(n, c, kw, -1)[:, :, j, to_flat] = x.reshape(n, c, -1)[:, :, source_flat]
        else:
            rows[:, :, j, to_rows, to] = x[:, :, inside, source]
        for outside in (*range(to.start), *range(to.stop, ow)):
            rows[:, :, j, :, outside] = 0  # one column at a time: a long loop, not many short ones
    rows[:, :, :, : to_rows.start] = 0
    rows[:, :, :, to_rows.stop :] = 0


def _pull_apart(taps, rows, stride_h):
    """taps (n, c, kh, kw, oh, ow): tap i of output row r is rows[..., r*stride_h + i, :].

    Seen through these strides the windows overlap in memory; one copy makes all of them.
    """
    image, channel, column, row, place = rows.strides
    strides = image, channel, row, column, row * stride_h, place
    np.copyto(taps, as_strided(rows, taps.shape, strides, writeable=False))


def col2im(
    dx, dcol, n, c, h, w, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w) from dcol (c*kh*kw, n, oh*ow): overlapping windows are summed.

    First over the rows i of the window, then over its columns j, on kh times less data.
    """
    dx, taps = dx.reshape(n, c, h, w), _image_by_image(dcol, n, c, kh, kw, oh, ow)

    def some_images(part):
        one_row = (kh, stride_h, pad_top, oh) == (1, 1, 0, h)  # then the columns are the rows
        rows = taps[part, :, 0] if one_row else _put_together(taps[part], h, stride_h, pad_top)
        _add_rows(dx[part], rows, stride_w, pad_left)

    threads.for_each_chunk(n, c * kw * h * ow * dx.itemsize, some_images)


def _put_together(taps, h, stride_h, pad_top):
    """Of taps (n, c, kh, kw, oh, ow) the rows (n, c, kw, h, ow): the sum of all that saw them."""
    n, c, kh, kw, oh, ow = taps.shape
    rows = threads.scratch("rows", (n, c, kw, h, ow), taps.dtype)
    rows[...] = 0
    for i in range(kh):
        source, to = tap_slices(i, stride_h, pad_top, h, oh)
        rows[:, :, :, to] += taps[:, :, i, :, source]
    return rows


def _add_rows(dx, rows, stride_w, pad_left):
    """dx (n, c, h, w) = rows (n, c, kw, h, ow), added up where the window saw them."""
    (n, c, kw, h, ow), w = rows.shape, dx.shape[3]
    dx[...] = 0
    for j in range(kw):
        source, to = tap_slices(j, stride_w, pad_left, w, ow)
        if stride_w == 1 and ow == w:
            # As one run of memory, see `_see_rows`. What wraps round falls into columns that this
            # one never saw: they are put back as they were.
            unseen = [column for column in range(w) if column not in range(to.start, to.stop)]
            before = [dx[:, :, :, column].copy() for column in unseen]
            source_flat, to_flat = tap_slices(0, 1, pad_left - j, h * w, h * w)
            dx.reshape(n, c, -1)[:, :, to_flat] += rows.reshape(n, c, kw, -1)[:, :, j, source_flat]
            for column, values in zip(unseen, before):
                dx[:, :, :, column] = values
        else:
            dx[:, :, :, to] += rows[:, :, j, :, source]


def _image_by_image(col, n, c, kh, kw, oh, ow):
    """The same memory as (n, c, kh, kw, oh, ow)."""
    return col.reshape(c, kh, kw, n, oh, ow).transpose(3, 0, 1, 2, 4, 5)
