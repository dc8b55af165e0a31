"""Locally connected layers (NumPy twin of local.cu).

definitions.py says in loops what the three functions compute, and the tests hold them to it.

    y[ni, fi, ohi, owi] = sum over ci, khi, kwi of weight[fi, ci, khi, kwi, ohi, owi]
                                                   * (what the window at (ohi, owi) sees)

At one place this is a fully connected layer: with `seen` (c*kh*kw, n), what its window sees of each
image, it is the product y (filters, n) = W (filters, c*kh*kw) @ seen. So a task takes a place. For
that the images are laid out with the image last, where a window is long runs of memory, and the
weights with the place first.
"""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.windows import tap_slices


def local_forward(
    y, x, weight, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """y (n, filters, oh, ow) from x (n, c, h, w) and weight (filters, c, kh, kw, oh, ow)."""
    windows = _Windows(kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow)
    images = windows.padded(x.reshape(n, c, h, w))
    ys = threads.scratch("local ys", (oh * ow, filters, n), x.dtype)
    weights = _places_first("weights", weight, oh * ow)

    def one_place(place):
        seen = windows.seen(images, place)
        np.matmul(weights[place].reshape(filters, -1), seen, out=ys[place])

    threads.for_each(oh * ow, one_place)
    y.reshape(n, filters, oh * ow)[...] = ys.transpose(2, 1, 0)


def local_backward(
    dx, dy, weight, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dx (n, c, h, w): dseen = W^T @ dy at each place, and every pixel sums what it was seen as."""
    windows = _Windows(kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow)
    dys = _places_first("dys", dy, oh * ow)
    weights = _places_first("weights", weight, oh * ow)
    dseen = threads.scratch("local dseen", (oh * ow, c, kh, kw, n), dx.dtype)

    def one_place(place):
        transposed = weights[place].reshape(filters, -1).T
        dys_here = dys[place].reshape(n, filters).T
        np.matmul(transposed, dys_here, out=dseen[place].reshape(-1, n))

    threads.for_each(oh * ow, one_place)
    images = windows.room(n, c, dx.dtype)

    def some_channels(part):
        images[part] = 0
        for place in range(oh * ow):
            rows, columns = windows.at(place)
            images[part, rows, columns] += dseen[place, part]

    threads.for_each_chunk(c, images[0].nbytes, some_channels)
    windows.unpad(images, dx.reshape(n, c, h, w))


def local_backward_weight(
    dweight, dy, x, n, c, h, w, filters, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow
):  # fmt: skip
    """dweight (filters, c, kh, kw, oh, ow): at each place dW = dy @ seen^T."""
    windows = _Windows(kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow)
    images = windows.padded(x.reshape(n, c, h, w))
    dys = _places_first("dys", dy, oh * ow)
    dweights = threads.scratch("local dweights", (oh * ow, filters, c * kh * kw), x.dtype)

    def one_place(place):
        seen = windows.seen(images, place)
        np.matmul(dys[place].reshape(n, filters).T, seen.T, out=dweights[place])

    threads.for_each(oh * ow, one_place)
    dweight.reshape(-1, oh * ow)[...] = dweights.reshape(oh * ow, -1).T


def _places_first(name, array, places):
    """A copy of an array (..., oh, ow) as (places, all else)."""
    turned = threads.scratch(f"local {name}", (places, array.size // places), array.dtype)
    turned[...] = array.reshape(-1, places).T
    return turned


class _Windows:
    """Where the window of each place lies in images of (c, rows, columns, n), padding included."""

    def __init__(self, kh, kw, stride_h, stride_w, pad_top, pad_left, oh, ow):
        self.kernel, self.strides, self.pads = (kh, kw), (stride_h, stride_w), (pad_top, pad_left)
        self.ow = ow
        self.size = (oh - 1) * stride_h + kh, (ow - 1) * stride_w + kw  # what the windows see

    def at(self, place):
        """The rows and the columns of a place's window."""
        starts = (i * stride for i, stride in zip(divmod(place, self.ow), self.strides))
        return tuple(slice(start, start + k) for start, k in zip(starts, self.kernel))

    def seen(self, images, place):
        """(c*kh*kw, n): what a place's window sees, in a buffer of the worker's own."""
        window = images[(slice(None), *self.at(place))]
        buffer = threads.scratch("local seen", window.shape, images.dtype)
        buffer[...] = window
        return buffer.reshape(-1, images.shape[-1])

    def room(self, n, c, dtype):
        return threads.scratch("local images", (c, *self.size, n), dtype)

    def padded(self, x):
        """x (n, c, h, w) as (c, rows, columns, n), with zeros where the windows see padding."""
        images = self.room(*x.shape[:2], x.dtype)
        images[...] = 0
        (rows, columns), (to_rows, to_columns) = self._inside(*x.shape[2:])
        images[:, to_rows, to_columns] = x[:, :, rows, columns].transpose(1, 2, 3, 0)
        return images

    def unpad(self, images, x):
        """The way back: x = images without padding, and 0 where no window sees."""
        x[...] = 0
        (rows, columns), (to_rows, to_columns) = self._inside(*x.shape[2:])
        x[:, :, rows, columns] = images[:, to_rows, to_columns].transpose(3, 0, 1, 2)

    def _inside(self, h, w):
        """Rows and columns of x that some window may see, and where they lie in `images`."""
        axes = zip(self.pads, (h, w), self.size)
        to, seen = zip(*(tap_slices(0, 1, *axis) for axis in axes))
        return seen, to
