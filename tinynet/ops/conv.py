"""Convolution as a matrix product: im2col lays every window out as a column, then y = W @ col.

An image's columns are kh*kw times larger than the image, so those of a batch are never kept: each
part of the batch makes its own in a buffer that is used again, and backward makes them once more.
"""

from tinynet.kernels import launch
from tinynet.ops.function import Function
from tinynet.ops.product import product
from tinynet.ops.window import Window, check_images, check_positive


class Conv2d(Function):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window pixel i, j).

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,). With groups,
    output channels of group g see only the input channels of group g: the towers of the paper.
    A part is a slice of the images and a slice of the groups; for it, with K = c/groups*kh*kw,
    m = out_channels/groups and P = oh*ow,

        y (m, P) = W (m, K) @ col (K, P)      dW^T (K, m) = col @ dy^T      dcol (K, P) = W^T @ dy
    """

    name = "conv2d"

    def forward(self, x, weight, bias=None, *, stride, padding, groups):
        check_positive(self.name, groups=groups)
        groups = int(groups)
        self.window = _check(x, weight, bias, stride, padding, groups)
        x, weight = self.contiguous(x), self.contiguous(weight)
        n, c, h, w = x.shape
        self.oh, self.ow = self.window.output_size(self.name, h, w)
        self.groups, self.m = groups, weight.shape[0] // groups
        self.saved = (x, weight)
        filters = weight.reshape(groups, self.m, -1)
        y = self.device.empty((n, weight.shape[0], self.oh, self.ow), x.dtype)
        y_grouped = self._by_group(y)
        bias_grouped = None if bias is None else self.contiguous(bias).reshape(groups, self.m)

        def one_part(images: slice, some: slice) -> None:
            part = y_grouped[images, some]
            product(self.device, filters[some], self._columns(x, images, some), out=part)
            if bias is not None:
                maps = part.reshape(len(part), -1, self.oh * self.ow)
                launch(self.device, "bias_forward", maps, bias_grouped[some].ravel(), *maps.shape)

        self.device.for_each_part(range(n), groups, self._image_bytes(x), one_part)
        return y

    def backward(self, dy):
        x, weight = self.saved
        filters = weight.reshape(self.groups, self.m, -1)
        dy = self.contiguous(dy)
        dy_grouped = self._by_group(dy)
        dx = self.device.empty(x.shape, x.dtype) if self.needs_grad[0] else None

        # dW is a sum over the batch: a partial sum for each share of it, added up at the end.
        shares = self.device.shares(x.shape[0])
        partial = self.device.zeros((len(shares), *filters.swapaxes(1, 2).shape), x.dtype)

        def one_share(i: int) -> None:
            def one_part(images: slice, some: slice) -> None:
                part = dy_grouped[images, some]
                if self.needs_grad[1]:
                    columns = self._columns(x, images, some)
                    shape = (*columns.shape[:-1], self.m)
                    dfilters = self.device.scratch("dfilters", shape, x.dtype)
                    product(self.device, columns, part.swapaxes(2, 3), out=dfilters)
                    partial[i, some] += dfilters[0] if len(dfilters) == 1 else dfilters.sum(axis=0)
                if dx is not None:
                    columns = self._buffer(*part.shape[:2], x.dtype)
                    product(self.device, filters[some].swapaxes(1, 2), part, out=columns)
                    self._scatter(columns, dx, images, some)

            self.device.for_each_part(shares[i], self.groups, self._image_bytes(x), one_part)

        self.device.for_each(len(shares), one_share)
        dweight = self._sum(partial).reshape(weight.shape) if self.needs_grad[1] else None
        if len(self.needs_grad) == 2:
            return dx, dweight
        dbias = None
        if self.needs_grad[2]:
            dbias = self.device.empty((weight.shape[0],), dy.dtype)
            sizes = (dy.shape[0], dy.shape[1], self.oh * self.ow)
            launch(self.device, "bias_backward", dbias, dy, *sizes)
        return dx, dweight, dbias

    def _by_group(self, y):
        """y (n, groups*m, oh, ow) seen as (n, groups, m, oh*ow)."""
        return y.reshape(y.shape[0], self.groups, self.m, self.oh * self.ow)

    def _part(self, x, images: slice, some: slice):
        """A part of x (n, c, h, w): (images, groups * c/groups, h, w)."""
        n, c, h, w = x.shape
        part = x.reshape(n, self.groups, c // self.groups, h, w)[images, some]
        return part.reshape(len(part), -1, h, w)

    def _sizes(self, part) -> tuple[int, ...]:
        """The sizes that im2col and col2im take."""
        return (*part.shape, *self.window.arguments, self.oh, self.ow)

    def _image_bytes(self, x) -> int:
        """What the columns of one image take."""
        return x.shape[1] * self.window.kh * self.window.kw * self.oh * self.ow * x.itemsize

    def _buffer(self, count: int, groups: int, dtype):
        """Room for the columns of a part: (images, groups, K, P)."""
        rows = self.saved[0].shape[1] // self.groups * self.window.kh * self.window.kw
        shape = (count, groups, rows, self.oh * self.ow)
        return self.device.scratch("columns", shape, dtype)

    def _columns(self, x, images: slice, some: slice):
        """The columns of a part of x: (images, groups, K, P)."""
        part = self._part(x, images, some)
        columns = self._buffer(len(part), some.stop - some.start, x.dtype)
        col = columns.reshape(len(part), -1, self.oh * self.ow)
        launch(self.device, "im2col", col, part, *self._sizes(part))
        return columns

    def _scatter(self, columns, dx, images: slice, some: slice) -> None:
        """Sum the columns of a part back into dx."""
        part = self._part(dx, images, some)
        dcol = columns.reshape(len(part), -1, self.oh * self.ow)
        launch(self.device, "col2im", part, dcol, *self._sizes(part))

    def _sum(self, partial):
        """dW (groups, m, K) from the shares' dW^T (shares, groups, K, m), added in order."""
        _, groups, k, m = partial.shape
        dfilters = self.device.empty((groups, m, k), partial.dtype)
        blocks = range(0, k, 64)

        def one_block(i: int) -> None:
            rows = slice(blocks[i], blocks[i] + 64)
            dfilters[:, :, rows] = partial[:, :, rows].sum(axis=0).swapaxes(1, 2)

        self.device.for_each(len(blocks), one_block)
        return dfilters


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
