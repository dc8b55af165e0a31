"""Convolution as a matrix product: what each window of an image sees becomes a column of a matrix.

For one group, with m filters of K = c/groups*kh*kw weights each, and P = oh*ow windows an image,
im2col lays out the matrix `columns` (K, images*P) of several images side by side, and

    forward     y (m, images*P)        = W (m, K) @ columns
    backward    dW (m, K)              = dy (m, images*P) @ columns^T, which sums over the images
                dcolumns (K, images*P) = W^T @ dy,    dx = col2im(dcolumns)

where col2im adds each entry of dcolumns to the pixel that im2col copied it from. Columns take up to
kh*kw times the memory of the images, so they are not kept: the batch goes through in parts
(batch.py), each lays out its own (columns.py), and backward does it once more. On a CPU the columns
are laid out otherwise where that is faster (filter_rows.py, phases.py); the products stay these.

A product for each image would leave most of a GPU idle: the 13 x 13 outputs of AlexNet's conv3 are
not even two of the tiles of 128 columns that its multiprocessors compute. But x and y hold one
image after another, (images, m, P). So y is taken apart as the bias is added, which must pass over
it anyway; and dy is put side by side once for both of backward's products.
"""

from tinynet.devices import Device
from tinynet.ops.batch import for_each_part, parts, shares, total
from tinynet.ops.bias import bias_gradient
from tinynet.ops.columns import Columns, wide
from tinynet.ops.filter_rows import FilterRows
from tinynet.ops.function import Function
from tinynet.ops.phases import Phases
from tinynet.ops.product import add_product, product
from tinynet.ops.window import Window, check_images, check_positive


class Conv2d(Function):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window pixel i, j).

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,). With groups,
    output channels of group g see only the input channels of group g: the towers of the paper.
    """

    name = "conv2d"

    def forward(self, x, weight, bias=None, *, stride, padding, groups):
        window = _check(x, weight, bias, stride, padding, groups)
        image, out = x.shape[2:], window.output_size(self.name, *x.shape[2:])
        layout = layout_for(self.device, window, weight.shape[1], image, out)
        self.columns = layout(self.device, window, int(groups), image, out)
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
        columns, filters = self.columns, self.columns.matrices(weight)
        bias = None if bias is None else bias.reshape(columns.groups, -1)

        def one_part(images, groups):
            seen = columns.of(columns.part(x, images, groups))
            y_part = columns.part(y, images, groups)
            found = columns.product_for(y_part)
            self.multiply(wide(found), filters[groups], wide(seen))
            columns.apart(y_part, found, None if bias is None else bias[groups])

        image_bytes = columns.image_bytes(x)
        for_each_part(self.device, len(x), columns.groups, image_bytes, one_part)

    def gradients(self, dy, x, weight):
        """dx = col2im(W^T @ dy), and dW = dy @ columns^T, summed over the parts of each share."""
        columns, filters = self.columns, self.columns.matrices(weight)
        part, image_bytes = columns.part, columns.image_bytes(x)
        cut = shares(self.device, len(x), image_bytes)
        dx = self.device.empty(x.shape, x.dtype) if self.needs_grad[0] else None
        sums = None  # (shares, groups, m, K)
        if self.needs_grad[1]:
            sums = self.device.empty((len(cut), *filters.shape), x.dtype)

        def one_share(i):
            for images, groups in parts(self.device, cut[i], columns.groups, image_bytes):
                dy_wide = wide(columns.together(part(dy, images, groups)))
                if sums is not None:
                    seen = wide(columns.of(part(x, images, groups)))
                    first = images.start == cut[i].start
                    self.multiply(sums[i, groups], dy_wide, seen.swapaxes(1, 2), add=not first)
                if dx is not None:
                    dcolumns = columns.buffer(part(dx, images, groups))
                    self.multiply(wide(dcolumns), filters[groups].swapaxes(1, 2), dy_wide)
                    columns.to_pixels(dcolumns, part(dx, images, groups))

        self.device.for_each(len(cut), one_share)
        if sums is None:
            return dx, None
        return dx, columns.filters(total(self.device, sums), weight.shape)

    def multiply(self, out, a, b, add: bool = False):
        """out = a @ b, or out += a @ b, for each group."""
        for of_group, a_of_group, b_of_group in zip(out, a, b):
            if add:
                add_product(self.device, of_group, a_of_group, b_of_group)
            else:
                product(self.device, a_of_group, b_of_group, out=of_group)


def layout_for(device: Device, window: Window, channels: int, image, out) -> type[Columns]:
    """How columns are laid out: by whole windows, if no other way serves better."""
    faster = (
        one for one in (FilterRows, Phases) if one.serve(device, window, channels, image, out)
    )
    return next(faster, Columns)


def _check(x, weight, bias, stride, padding, groups) -> Window:
    check_positive("conv2d", groups=groups)
    check_images("conv2d", x)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(
            f"conv2d: weight expects (out_channels, in_channels/groups, kh, kw), got {weight.shape}"
        )
    channels, out_channels = x.shape[1], weight.shape[0]
    if channels % groups or channels // groups != weight.shape[1]:
        raise _other_channels(x, weight, groups)
    if out_channels % groups:
        raise ValueError(f"conv2d: {out_channels} filters do not divide into {groups} groups")
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"conv2d: bias expects shape ({out_channels},), got {bias.shape}")
    return Window.of("conv2d", weight.shape[2:], stride, padding)


def _other_channels(x, weight, groups) -> ValueError:
    stand_last = x.shape[3] == weight.shape[1] * groups
    hint = "; if they stand last, x.transpose(0, 3, 1, 2) puts them second" * stand_last
    return ValueError(
        f"conv2d: weight expects {weight.shape[1]} input channels per group, "
        f"x has {x.shape[1]} channels in {groups} group{'s' if groups > 1 else ''}{hint}"
    )
