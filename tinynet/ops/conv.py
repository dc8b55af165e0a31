"""Convolution as a matrix product: im2col lays every window out as a column, then y = W @ col.

An image's columns are kh*kw times larger than the image, so they are never kept for the batch:
each task makes those of one image in a buffer that stays in cache, and backward makes them again.
"""

from tinynet.devices import WORKSPACE_SHARES
from tinynet.kernels import launch
from tinynet.ops.function import Function
from tinynet.ops.window import Window, check_images


class Conv2d(Function):
    """y[o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window pixel i, j).

    x (n, c, h, w), weight (out_channels, c/groups, kh, kw), bias (out_channels,). With groups,
    output channels of group g see only the input channels of group g: the towers of the paper.
    """

    name = "conv2d"

    def forward(self, x, weight, bias=None, *, stride, padding, groups):
        self.window = _check(x, weight, bias, stride, padding, groups)
        x, weight = self.contiguous(x), self.contiguous(weight)
        n, _, h, w = x.shape
        self.oh, self.ow = self.window.output_size(self.name, h, w)
        self.groups = groups
        self.saved = (x, weight)
        filters = self._filters(weight)
        out_channels, plane = weight.shape[0], self.oh * self.ow
        y = self.device.empty((n, out_channels, self.oh, self.ow), x.dtype)
        y_groups = y.reshape(n, groups, out_channels // groups, plane)

        def one_image(i: int) -> None:
            self.xp.matmul(filters, self._columns(x, i), out=y_groups[i])
            if bias is not None:
                launch(self.device, "bias_forward", y[i : i + 1], bias, 1, out_channels, plane)

        self.device.for_each(n, one_image)
        return y

    def backward(self, dy):
        x, weight = self.saved
        n, c, h, w = x.shape
        out_channels, plane = weight.shape[0], self.oh * self.ow
        dy = self.contiguous(dy)
        dy_groups = dy.reshape(n, self.groups, out_channels // self.groups, plane)
        filters = self._filters(weight)
        dx = self.device.empty(x.shape, x.dtype) if self.needs_grad[0] else None

        # dweight is a sum over the batch. Each share of the batch sums its own images in order,
        # then the shares are added in order: the same bits whichever worker took which.
        shares = min(n, WORKSPACE_SHARES)
        dfilters = self.device.zeros((shares, *filters.shape), x.dtype)

        def one_share(share: int) -> None:
            for i in range(share * n // shares, (share + 1) * n // shares):
                if self.needs_grad[1]:
                    columns = self._columns(x, i)
                    product = self.device.scratch("dfilters", filters.shape, x.dtype)
                    self.xp.matmul(dy_groups[i], columns.swapaxes(1, 2), out=product)
                    dfilters[share] += product
                if dx is not None:
                    columns = self._buffer(x)
                    self.xp.matmul(filters.swapaxes(1, 2), dy_groups[i], out=columns)
                    dcol = columns.reshape(1, -1, plane)
                    launch(
                        self.device, "col2im", dx[i : i + 1], dcol, 1, c, h, w, *self._geometry()
                    )

        self.device.for_each(shares, one_share)
        dweight = dfilters.sum(axis=0).reshape(weight.shape) if self.needs_grad[1] else None
        if len(self.needs_grad) == 2:
            return dx, dweight
        dbias = None
        if self.needs_grad[2]:
            dbias = self.device.empty((out_channels,), dy.dtype)
            launch(self.device, "bias_backward", dbias, dy, n, out_channels, plane)
        return dx, dweight, dbias

    def _filters(self, weight):
        """The weights as one matrix a group: (groups, out_channels/groups, c/groups*kh*kw)."""
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def _geometry(self) -> tuple[int, ...]:
        return (*self.window.arguments, self.oh, self.ow)

    def _buffer(self, x):
        """Room for one image's columns: (groups, c/groups*kh*kw, oh*ow)."""
        rows = x.shape[1] // self.groups * self.window.kh * self.window.kw
        return self.device.scratch("columns", (self.groups, rows, self.oh * self.ow), x.dtype)

    def _columns(self, x, i: int):
        columns = self._buffer(x)
        col = columns.reshape(1, -1, self.oh * self.ow)
        launch(self.device, "im2col", col, x[i : i + 1], 1, *x.shape[1:], *self._geometry())
        return columns


def _check(x, weight, bias, stride, padding, groups) -> Window:
    check_images("conv2d", x)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(
            f"conv2d: weight expects (out_channels, in_channels/groups, kh, kw), got {weight.shape}"
        )
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ValueError(f"conv2d: groups expects an int of at least 1, got {groups!r}")
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
