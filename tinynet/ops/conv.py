"""Convolution as matrix products: what each window of an image sees becomes a column of a matrix.

For one image and one group, with m filters of K = c/groups*kh*kw weights each and P = oh*ow
windows, im2col lays out the matrix `columns` (K, P), and

    forward     y (m, P)        = W (m, K) @ columns
    backward    dW (m, K)       = dy (m, P) @ columns^T, summed over the images
                dcolumns (K, P) = W^T @ dy,              dx = col2im(dcolumns)

where col2im adds each entry of dcolumns to the pixel that im2col copied it from. Columns take up to
kh*kw times the memory of the image, so they are not kept: the batch goes through in parts
(batch.py), each lays out its own (columns.py), and backward does it once more.
"""

from tinynet.ops.batch import added, for_each_part, parts, shares
from tinynet.ops.bias import add_bias, bias_gradient
from tinynet.ops.columns import Columns
from tinynet.ops.function import Function
from tinynet.ops.product import product
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
        dx = self.dx(dy, x, weight) if self.needs_grad[0] else None
        dweight = self.dweight(dy, x, weight) if self.needs_grad[1] else None
        dbias = bias_gradient(self.device, dy) if self.needs_grad[2:] == (True,) else None
        return (dx, dweight, dbias)[: len(self.needs_grad)]

    def correlate(self, y, x, weight, bias):
        """y = W @ columns + bias."""
        filters = weight.reshape(self.groups, -1, weight[0].size)  # (groups, m, K)
        part = self.columns.part

        def one_part(images, groups):
            y_part, columns = part(y, images, groups), self.columns.of(part(x, images, groups))
            product(self.device, filters[groups], columns, out=y_part)
            if bias is not None:
                add_bias(self.device, y_part, bias.reshape(self.groups, -1)[groups])

        for_each_part(self.device, len(x), self.groups, self.columns.image_bytes(x), one_part)

    def dx(self, dy, x, weight):
        """dx = col2im(W^T @ dy)."""
        transposed = weight.reshape(self.groups, -1, weight[0].size).swapaxes(1, 2)
        dx = self.device.empty(x.shape, x.dtype)
        part = self.columns.part

        def one_part(images, groups):
            dcolumns = self.columns.buffer(part(dx, images, groups))
            product(self.device, transposed[groups], part(dy, images, groups), out=dcolumns)
            self.columns.to_pixels(dcolumns, part(dx, images, groups))

        for_each_part(self.device, len(x), self.groups, self.columns.image_bytes(x), one_part)
        return dx

    def dweight(self, dy, x, weight):
        """dW^T = columns @ dy^T, summed over each share of the batch, and then over the shares."""
        m, k, part = len(weight) // self.groups, weight[0].size, self.columns.part
        image_bytes = self.columns.image_bytes(x) + weight.nbytes  # each image has a dW at first
        cut = shares(self.device, len(x), image_bytes)
        sums = self.device.empty((len(cut), self.groups, k, m), x.dtype)

        def one_share(i):
            sums[i] = 0
            for images, groups in parts(self.device, cut[i], self.groups, image_bytes):
                dweights = self.dweights(part(dy, images, groups), part(x, images, groups))
                of_groups = sums[i, groups]  # a view: sums[...] += would copy it to itself as well
                of_groups += dweights.sum(axis=0)

        self.device.for_each(len(cut), one_share)
        return added(self.device, sums).reshape(weight.shape)

    def dweights(self, dy, x):
        """dW^T of each image in a part: (images, groups, K, m)."""
        columns = self.columns.of(x)
        products = self.device.scratch("dweights", (*columns.shape[:3], dy.shape[2]), x.dtype)
        return product(self.device, columns, dy.swapaxes(2, 3), out=products)


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
