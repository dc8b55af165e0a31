"""Convolution as a matrix product: what each window of an image sees becomes a column of a matrix.

For one group, with m filters of K = c/groups*kh*kw weights each, and P = oh*ow windows an image,
im2col lays out the matrix `columns` (K, images*P) of several images side by side, and

    forward     y (m, images*P)        = W (m, K) @ columns
    backward    dW (m, K)              = dy (m, images*P) @ columns^T, which sums over the images
                dcolumns (K, images*P) = W^T @ dy,    dx = col2im(dcolumns)

where col2im adds each entry of dcolumns to the pixel that im2col copied it from. Columns take up to
kh*kw times the memory of the images, so they are not kept: the batch goes through in parts
(batch.py), each lays out its own (columns.py), and backward does it once more.

A product for each image would leave most of a GPU idle: the 13 x 13 outputs of AlexNet's conv3 are
not even two of the tiles of 128 columns that its multiprocessors compute. But x and y hold one
image after another, (images, m, P). So y is taken apart as the bias is added, which must pass over
it anyway; and dy is put side by side once for both of backward's products.
"""

from tinynet.ops.batch import for_each_part, parts, shares, total
from tinynet.ops.bias import bias_gradient
from tinynet.ops.columns import Columns, side_by_side
from tinynet.ops.function import Function
from tinynet.ops.product import add_product, product
from tinynet.ops.window import Window, check_images, check_positive


class Conv2d(Function):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window pixel i, j).

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,). With groups,
    output channels of group g see only the input channels of group g: the towers of the paper.
    """

    name = "conv2d"

    def forward(self, x, weight, bias=None, *, stride, padding, groups):
        self.window = _check(x, weight, bias, stride, padding, groups)
        self.groups, out = int(groups), self.window.output_size(self.name, *x.shape[2:])
        self.columns = Columns(self.device, self.window, self.groups, x.shape[2:], out)
        x, weight = self.contiguous(x), self.contiguous(weight)
        self.saved = (x, weight)
        y = self.device.empty((len(x), len(weight), *out), x.dtype)
        self.correlate(y, x, weight, None if bias is None else self.contiguous(bias))
        return y

    def backward(self, dy):
        x, weight = self.saved
        dy = self.contiguous(dy)
        dx, dweight = self.gradients(dy, x, weight)
        dbias = bias_gradient(self.device, dy) if self.needs_grad[2:] == (True,) else None
        return (dx, dweight, dbias)[: len(self.needs_grad)]

    def correlate(self, y, x, weight, bias):
        """y = W @ columns + bias."""
        part, filters = self.columns.part, self.matrices(weight)

        def one_part(images, groups):
            columns = self.wide(self.columns.of(part(x, images, groups)))
            y_part = part(y, images, groups)
            of_all = self.beside(y_part)
            self.multiply(self.wide(of_all), filters[groups], columns)
            if bias is None:
                y_part[...] = of_all
            else:
                self.xp.add(of_all, bias.reshape(self.groups, -1, 1)[groups], out=y_part)

        for_each_part(self.device, len(x), self.groups, self.columns.image_bytes(x), one_part)

    def gradients(self, dy, x, weight):
        """dx = col2im(W^T @ dy), and dW = dy @ columns^T, summed over the parts of each share."""
        part, image_bytes = self.columns.part, self.columns.image_bytes(x)
        filters = self.matrices(weight)
        cut = shares(self.device, len(x), image_bytes)
        dx = self.device.empty(x.shape, x.dtype) if self.needs_grad[0] else None
        sums = None  # (shares, groups, m, K)
        if self.needs_grad[1]:
            sums = self.device.empty((len(cut), *filters.shape), x.dtype)

        def one_share(i):
            for images, groups in parts(self.device, cut[i], self.groups, image_bytes):
                dy_wide = self.wide(self.together(part(dy, images, groups)))
                if sums is not None:
                    columns = self.wide(self.columns.of(part(x, images, groups)))
                    first = images.start == cut[i].start
                    self.multiply(sums[i, groups], dy_wide, columns.swapaxes(1, 2), add=not first)
                if dx is not None:
                    dcolumns = self.columns.buffer(part(dx, images, groups))
                    self.multiply(self.wide(dcolumns), filters[groups].swapaxes(1, 2), dy_wide)
                    self.columns.to_pixels(dcolumns, part(dx, images, groups))

        self.device.for_each(len(cut), one_share)
        return dx, None if sums is None else total(self.device, sums).reshape(weight.shape)

    def multiply(self, out, a, b, add: bool = False):
        """out = a @ b, or out += a @ b, for each group."""
        for of_group, a_of_group, b_of_group in zip(out, a, b):
            if add:
                add_product(self.device, of_group, a_of_group, b_of_group)
            else:
                product(self.device, a_of_group, b_of_group, out=of_group)

    def matrices(self, weight):
        """(groups, m, K)."""
        return weight.reshape(self.groups, -1, weight[0].size)

    def together(self, part):
        """A part of dy, (images, groups, m, P), with its images side by side in memory."""
        if len(part) == 1:
            return part
        beside = self.beside(part)
        beside[...] = part
        return beside

    def beside(self, part):
        """Room for a part of y, (images, groups, m, P), with the images side by side in memory."""
        images, groups, m, p = part.shape
        shape = groups, m, images, p
        return self.device.scratch("side by side", shape, part.dtype).transpose(2, 0, 1, 3)

    @staticmethod
    def wide(part):
        """What lies side by side, (images, groups, rows, P), as (groups, rows, images*P)."""
        rows = side_by_side(part)
        return rows.reshape(*rows.shape[:2], -1)


def _check(x, weight, bias, stride, padding, groups) -> Window:
    check_positive("conv2d", groups=groups)
    check_images("conv2d", x)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(
            f"conv2d: weight expects (out_channels, in_channels/groups, kh, kw), got {weight.shape}"
        )
    channels, out_channels = x.shape[1], weight.shape[0]
    if channels % groups or channels // groups != weight.shape[1]:
        stand_last = x.shape[3] == weight.shape[1] * groups
        hint = "; if they stand last, x.transpose(0, 3, 1, 2) puts them second" * stand_last
        raise ValueError(
            f"conv2d: weight expects {weight.shape[1]} input channels per group, "
            f"x has {channels} channels in {groups} group{'s' if groups > 1 else ''}{hint}"
        )
    if out_channels % groups:
        raise ValueError(f"conv2d: {out_channels} filters do not divide into {groups} groups")
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"conv2d: bias expects shape ({out_channels},), got {bias.shape}")
    return Window.of("conv2d", weight.shape[2:], stride, padding)
