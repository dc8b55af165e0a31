"""Convolution as a matrix product: every window is laid out as a column, then y = W @ columns.

Columns are many times larger than the image, so those of a batch are never kept: each part of the
batch makes its own in a buffer that is reused, and backward makes them again.
"""

from math import prod

from tinynet.kernels import launch
from tinynet.ops.columns import Columns
from tinynet.ops.function import Function
from tinynet.ops.product import product
from tinynet.ops.window import Window, check_images, check_positive


class Conv2d(Function):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window pixel i, j).

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,). With groups,
    output channels of group g see only the input channels of group g: the towers of the paper.
    For one image and group, with m = out_channels/groups, K = c/groups*kh*kw and P = oh*ow,

        y (m, P) = W (m, K) @ col (K, P)      dW^T (K, m) = col @ dy^T      dcol (K, P) = W^T @ dy

    If the window's rows are taken one at a time (columns.py), y is a sum over these bands, and each
    has a dW of its own.
    """

    name = "conv2d"

    def forward(self, x, weight, bias=None, *, stride, padding, groups):
        check_positive(self.name, groups=groups)
        groups = int(groups)
        self.window = _check(x, weight, bias, stride, padding, groups)
        x, weight = self.contiguous(x), self.contiguous(weight)
        n, _, h, w = x.shape
        out = self.window.output_size(self.name, h, w)
        self.columns = Columns(self.device, self.window, groups, x.shape[1:], out)
        self.saved = (x, weight)
        y = self.device.empty((n, len(weight), *out), x.dtype)
        bias = None if bias is None else self.contiguous(bias).reshape(groups, -1)
        self._correlate(y, x, weight, self.columns, bias)
        return y

    def backward(self, dy):
        x, weight = self.saved
        dy = self.contiguous(dy)
        dx = None
        if self.needs_grad[0]:
            dx = self.device.empty(x.shape, x.dtype)
            to_dx = self._gather if self.columns.bands > 1 else self._scatter
            to_dx(dx, dy, weight)
        dweight = self._dweight(dy, x).reshape(weight.shape) if self.needs_grad[1] else None
        if len(self.needs_grad) == 2:
            return dx, dweight
        dbias = None
        if self.needs_grad[2]:
            dbias = self.device.empty((len(weight),), dy.dtype)
            launch(self.device, "bias_backward", dbias, dy, *dy.shape[:2], prod(dy.shape[2:]))
        return dx, dweight, dbias

    def _correlate(self, y, x, weight, columns: Columns, bias=None) -> None:
        """y = the windows of x times the filters, plus bias (groups, m)."""
        filters, y_grouped = columns.filters(weight), columns.by_group(y)

        def one_part(images: slice, some: slice) -> None:
            part = y_grouped[images, some]
            columns.multiply(filters, x, images, some, out=part)
            if bias is not None:
                maps = part.reshape(len(part), -1, part.shape[-1])
                launch(self.device, "bias_forward", maps, bias[some].ravel(), *maps.shape)

        # several bands give a y each, which are then summed; one writes to y itself
        elements = columns.image_elements(y_grouped[0].size if columns.bands > 1 else 0)
        self.device.for_each_part(range(len(x)), columns.groups, elements * x.itemsize, one_part)

    def _gather(self, dx, dy, weight) -> None:
        """With stride 1, dx is a convolution of dy with the filters rotated by 180 degrees.

        Pixel q was seen at place (i, j) of the window at q - (i, j), with weight[i, j]; it gathers
        dy from all of these. This moves much less memory than `_scatter`, which takes any stride.
        """
        turned = weight.reshape(self.columns.groups, -1, *weight.shape[1:])[..., ::-1, ::-1]
        mirror = self.columns.mirror(dy.shape[1:])
        self._correlate(dx, dy, turned.swapaxes(1, 2), mirror)

    def _scatter(self, dx, dy, weight) -> None:
        """The gradient of the columns, each entry of which col2im adds to its pixel."""
        columns = self.columns
        transposed = columns.filters(weight)[:, 0].swapaxes(1, 2)  # (groups, K, m)
        dy_grouped = columns.by_group(dy)

        def one_part(images: slice, some: slice) -> None:
            part = columns.part(dx, images, some)
            dcol = columns.buffer(len(part), some.stop - some.start, dy.dtype)
            product(self.device, transposed[some], dy_grouped[images, some], out=dcol)
            dcol = dcol.reshape(len(part), -1, dcol.shape[-1])
            launch(self.device, "col2im", part, dcol, *part.shape, *columns.arguments)

        elements = columns.image_elements(0)
        self.device.for_each_part(range(len(dx)), columns.groups, elements * dy.itemsize, one_part)

    def _dweight(self, dy, x):
        """A sum over the batch: a partial sum for each share of it, then these added in order."""
        columns, shares = self.columns, self.device.shares(len(x))
        dy_grouped = columns.by_group(dy)  # (n, groups, m, P)
        sizes = (columns.groups, columns.bands, columns.k, dy_grouped.shape[2])
        partial = self.device.empty((len(shares), *sizes), x.dtype)  # of dW^T
        image_bytes = columns.image_elements(sizes[0] * sizes[2] * sizes[3]) * x.itemsize

        def one_share(i: int) -> None:
            partial[i] = 0

            def one_part(images: slice, some: slice) -> None:
                col = columns.of(x, images, some)
                transposed = dy_grouped[images, some, None].swapaxes(3, 4)
                shape = (*col.shape[:-1], sizes[-1])
                dfilters = self.device.scratch("dfilters", shape, x.dtype)
                product(self.device, col, transposed, out=dfilters)
                partial[i, some] += dfilters[0] if len(dfilters) == 1 else dfilters.sum(axis=0)

            self.device.for_each_part(shares[i], columns.groups, image_bytes, one_part)

        self.device.for_each(len(shares), one_share)
        return self._sum(partial)

    def _sum(self, partial):
        """dW (groups, m, c, bands, rows, kw) from the shares' dW^T."""
        shares, groups, bands, _, m = partial.shape
        c, _, rows, kw = self.columns.taps
        partial = partial.reshape(shares, groups, bands, c, rows, kw, m)
        dweight = self.device.empty((groups, m, c, bands, rows, kw), partial.dtype)

        width = min(c, self.device.channels_at_once)
        blocks = range(0, c, width)

        def one_block(i: int) -> None:
            channels = slice(blocks[i], blocks[i] + width)
            total = partial[:, :, :, channels].sum(axis=0)  # (groups, bands, c, rows, kw, m)
            dweight[:, :, channels] = total.transpose(0, 5, 2, 1, 3, 4)

        self.device.for_each(len(blocks), one_block)
        return dweight


def _check(x, weight, bias, stride, padding, groups) -> Window:
    check_images("conv2d", x)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(
            f"conv2d: weight expects (out_channels, in_channels/groups, kh, kw), got {weight.shape}"
        )
    channels, out_channels = x.shape[1], weight.shape[0]
    if channels % groups or channels // groups != weight.shape[1]:
        raise ValueError(
            f"conv2d: weight expects {weight.shape[1]} input channels per group, "
            f"x has {channels} channels in {groups} group{'s' if groups > 1 else ''}"
        )
    if out_channels % groups:
        raise ValueError(f"conv2d: {out_channels} filters do not divide into {groups} groups")
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"conv2d: bias expects shape ({out_channels},), got {bias.shape}")
    return Window.of("conv2d", weight.shape[2:], stride, padding)
