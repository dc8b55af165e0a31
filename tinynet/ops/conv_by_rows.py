"""Convolution with stride 1, one row of the window at a time: the columns are kh times smaller.

A matrix that holds all kh*kw pixels of every window holds mostly the same numbers over and over.
With stride 1, row i of the window sees at output row r what row 0 sees at output row r + i. So it
is enough to lay out one row of the window, as a window of 1 x kw that visits every row of the
padded image. What row i of the window sees is then a slice of that, from image row i on:

    laid out              | row 0 | row 1 | row 2 | row 3 | row 4 |    of the padded image
    row 0 of the window   `-----------------------'                    3 output rows
    row 1                         `-----------------------'

    all at once      y = W @ columns                       columns (c*kh*kw, oh*ow)
    row by row       y = sum over i of W[i] @ columns[i]   each (c*kw, oh*ow), overlapping

This takes a product that reads slices in place, as BLAS does. And dx needs no col2im: with stride 1
it is a convolution as well, of dy.
"""

from numpy.lib.stride_tricks import as_strided

from tinynet.devices import Device
from tinynet.ops.batch import for_each_part, parts, shares, total
from tinynet.ops.bias import add_bias
from tinynet.ops.columns import Columns
from tinynet.ops.conv import Conv2d
from tinynet.ops.product import product
from tinynet.ops.window import Window


class ConvByRows(Conv2d):
    """Conv2d where `serves` says so: faster for most layers (benchmarks/NOTES.md)."""

    @staticmethod
    def serves(device: Device, stride) -> bool:
        """Is the stride 1, and can the device multiply slices in place?"""
        return device.multiplies_slices and stride in (1, (1, 1))

    def correlate(self, y, x, weight, bias):
        """y = sum over the rows i of the window of W[i] @ columns[i], + bias."""
        self.columns = RowColumns(self.device, self.window, self.groups, x.shape[2:], y.shape[2:])
        filters = weight.reshape(self.groups, -1, *weight.shape[1:])
        self.sum_over_rows(y, x, filters, self.columns, bias)

    def gradients(self, dy, x, weight):
        dx = self.dx(dy, x, weight) if self.needs_grad[0] else None
        return dx, self.dweight(dy, x, weight) if self.needs_grad[1] else None

    def dx(self, dy, x, weight):
        """A convolution of dy with the filters turned by 180 degrees.

        Pixel q of x was pixel (i, j) of the window at q - (i, j), and was multiplied by
        weight[i, j] there. So dx[q] is the sum of weight[i, j] * dy[q - (i, j)].
        """
        dx = self.device.empty(x.shape, x.dtype)
        turned = weight.reshape(self.groups, -1, *weight.shape[1:])[..., ::-1, ::-1]
        columns = RowColumns(
            self.device, self.window.mirror(), self.groups, dy.shape[2:], x.shape[2:]
        )
        self.sum_over_rows(dx, dy, turned.swapaxes(1, 2), columns, None)
        return dx

    def sum_over_rows(self, y, x, filters, columns, bias):
        """`correlate` for filters (groups, m, channels, kh, kw) and these columns."""
        groups, m, _, kh, _ = filters.shape
        by_row = filters.transpose(0, 3, 1, 2, 4).reshape(groups, kh, m, -1)

        def one_part(images, groups):
            of_rows = columns.of(columns.part(x, images, groups))  # (images, groups, kh, K/kh, P)
            part = columns.part(y, images, groups)
            terms = self.device.scratch("terms", (*of_rows.shape[:3], *part.shape[2:]), x.dtype)
            product(self.device, by_row[groups], of_rows, out=terms).sum(axis=2, out=part)
            if bias is not None:
                add_bias(self.device, part, bias.reshape(self.groups, -1)[groups])

        image_bytes = columns.image_bytes(x) + kh * y[0].nbytes
        for_each_part(self.device, len(x), self.groups, image_bytes, one_part)

    def dweight(self, dy, x, weight):
        """dW[i]^T = columns[i] @ dy^T for each image, summed over each share, then over the shares.

        The rows of the sum, kh*c*kw, are in the order i, c, j: set right at the end.
        """
        (m, _, kh, kw), k, part = weight.shape, weight[0].size, self.columns.part
        image_bytes = self.columns.image_bytes(x) + weight.nbytes  # each image has a dW at first
        cut = shares(self.device, len(x), image_bytes)
        sums = self.device.empty((len(cut), self.groups, k, m // self.groups), x.dtype)

        def one_share(i):
            sums[i] = 0
            for images, groups in parts(self.device, cut[i], self.groups, image_bytes):
                columns = self.columns.of(part(x, images, groups))  # (images, groups, kh, c*kw, P)
                dy_part = part(dy, images, groups)[:, :, None].swapaxes(3, 4)
                shape = *columns.shape[:4], dy_part.shape[4]
                dweights = self.device.scratch("dweights", shape, x.dtype)
                of_all = product(self.device, columns, dy_part, out=dweights).sum(axis=0)
                sums[i, groups] += of_all.reshape(sums[i, groups].shape)

        self.device.for_each(len(cut), one_share)
        by_row = total(self.device, sums).reshape(self.groups, kh, -1, kw, m // self.groups)
        return by_row.transpose(0, 4, 2, 1, 3).reshape(weight.shape)


class RowColumns(Columns):
    """Columns of one row of the window at every row of the padded image; `of` cuts them apart."""

    def __init__(self, device: Device, window: Window, groups: int, image, out):
        self.rows = window.kh
        super().__init__(device, window.one_row(), groups, image, (out[0] + window.kh - 1, out[1]))

    def of(self, part):
        """(images, groups, kh, channels*kw, oh*ow): what each row of the windows sees, views."""
        columns = super().of(part)
        ow = self.out[1]
        pixels = (self.out[0] - self.rows + 1) * ow
        image, group, k, pixel = columns.strides
        shape = (*columns.shape[:2], self.rows, columns.shape[2], pixels)
        return as_strided(columns, shape, (image, group, ow * pixel, k, pixel), writeable=False)
