"""Convolution with stride 1, the filters taken apart into their rows: columns kh times smaller.

A matrix that holds all kh*kw pixels of every window holds mostly the same numbers over and over.
But a filter is kh rows, and each is a filter of 1 x kw. Let all of them see the whole image. With m
filters that see c channels (those of a group), one product gives what row i of each filter makes of
every row of the image,

    by_row (kh*m, images*h*ow) = W (kh*m, c*kw) @ columns (c*kw, images*h*ow)

and row r of y is the sum of what row i of the filter made of the image's row r + i - top, where
`top` is the rows of padding above the image:

    y[r] = by_row[0][r - top] + by_row[1][r + 1 - top] + ... + by_row[kh - 1][r + kh - 1 - top]

where rows outside the image add nothing. Only whole rows move, which are long runs of memory. In
backward dy goes to all places of `by_row` that it is a sum of, and the rest is backward of a
convolution with windows of 1 x kw.
"""

from tinynet.devices import Device
from tinynet.kernels.windows import tap_slices
from tinynet.ops.columns import Columns
from tinynet.ops.window import Window

SHALLOW = 32  # weights in a row of a filter: with fewer, products are slow and `by_row` is large
WASTED = 1.5  # rows of the image for one of y: with more, too much of `by_row` has no part in y


class FilterRows(Columns):
    """Columns of windows of 1 x kw at every row of the image: `out` is (h, ow), and the product has
    kh*m rows. The rows of y, oh, are what `apart` adds up."""

    @staticmethod
    def serve(device: Device, window: Window, channels: int, image, out) -> bool:
        """Is this the faster way, for filters that see so many channels?"""
        return (
            device.takes_filters_apart
            and window.stride_h == window.stride_w == 1
            and channels * window.kw >= SHALLOW
            and image[0] <= WASTED * out[0]
        )

    def __init__(self, device: Device, window: Window, groups: int, image, out):
        super().__init__(device, window.one_row(), groups, image, (image[0], out[1]))
        self.pieces = window.kh
        # For row i of the filter: the rows of y that it has a part in, those of the image it sees.
        self.meetings = [tap_slices(i, 1, window.top, image[0], out[0]) for i in range(window.kh)]

    def matrices(self, weight):
        """W (groups, kh*m, c*kw): the first rows of all filters, then the second ones."""
        rows = weight.reshape(self.groups, -1, *weight.shape[1:]).transpose(0, 3, 1, 2, 4)
        return rows.reshape(self.groups, self.pieces * rows.shape[2], -1)

    def filters(self, matrices, shape):
        m, channels, kh, kw = shape
        rows = matrices.reshape(self.groups, kh, m // self.groups, channels, kw)
        return rows.transpose(0, 2, 3, 1, 4).reshape(shape)

    def apart(self, y_part, product, bias):
        """y = the sum over i of by_row[i], moved up by i - top rows, + bias."""
        y, by_row = self._rows(y_part, product)
        y[...] = 0 if bias is None else bias[..., None, None, None]
        for i, (to, source) in enumerate(self.meetings):
            y[..., to, :] += by_row[:, i, :, :, source]

    def together(self, dy_part):
        """dby_row[i] = dy, moved down by i - top rows."""
        dproduct = self.product_for(dy_part)
        dy, dby_row = self._rows(dy_part, dproduct)
        for i, (source, to) in enumerate(self.meetings):
            dby_row[:, i, :, :, to] = dy[..., source, :]
            dby_row[:, i, :, :, : to.start] = 0
            dby_row[:, i, :, :, to.stop :] = 0
        return dproduct

    def image_bytes(self, x) -> int:
        """What the columns of one of the images take, c*kw rows, and `by_row`, kh*m, which is taken
        to be as large: an estimate, as how many filters there are is not known here."""
        return super().image_bytes(x) * 2

    def _rows(self, y_part, product):
        """Views: y (groups, m, images, oh, ow), and `by_row` (groups, kh, m, images, h, ow)."""
        images, groups, m, _ = y_part.shape
        y = y_part.transpose(1, 2, 0, 3).reshape(groups, m, images, -1, self.out[1])
        return y, product.reshape(groups, -1, m, images, *self.out)
