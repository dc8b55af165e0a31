"""Locally connected layers: a convolution whose weights are not shared between places."""

from tinynet.kernels import launch
from tinynet.ops.bias import add_bias, bias_gradient
from tinynet.ops.function import Function
from tinynet.ops.window import Window, check_images


class Local2d(Function):
    """y[o] at a place = bias[o] + sum over c, i, j of weight[o, c, i, j] * (x[c] seen by window
    pixel i, j), with weight and bias of that place.

    x (n, c, h, w), weight (out_channels, c, kh, kw, oh, ow), bias (out_channels, oh, ow).
    """

    name = "local2d"

    def forward(self, x, weight, bias=None, *, stride, padding):
        window = _check(x, weight, bias, stride, padding)
        x, weight = self.contiguous(x), self.contiguous(weight)
        n, (filters, *_, oh, ow) = len(x), weight.shape
        self.sizes = (*x.shape, filters, *window.arguments, oh, ow)
        self.saved = (x, weight)
        y = self.device.empty((n, filters, oh, ow), x.dtype)
        launch(self.device, "local_forward", y, x, weight, *self.sizes)
        if bias is not None:
            add_bias(self.device, y, self.contiguous(bias))
        return y

    def backward(self, dy):
        x, weight = self.saved
        dy, empty = self.contiguous(dy), self.device.empty
        dx = dweight = dbias = None
        if self.needs_grad[0]:
            dx = empty(x.shape, x.dtype)
            launch(self.device, "local_backward", dx, dy, weight, *self.sizes)
        if self.needs_grad[1]:
            dweight = empty(weight.shape, x.dtype)
            launch(self.device, "local_backward_weight", dweight, dy, x, *self.sizes)
        if self.needs_grad[2:] == (True,):
            dbias = bias_gradient(self.device, dy.reshape(len(dy), -1)).reshape(dy.shape[1:])
        return (dx, dweight, dbias)[: len(self.needs_grad)]


def _check(x, weight, bias, stride, padding) -> Window:
    name = Local2d.name
    check_images(name, x)
    if weight.ndim != 6 or weight.size == 0:
        raise ValueError(
            f"{name}: weight expects (out_channels, in_channels, kh, kw, oh, ow), got "
            f"{weight.shape}"
        )
    out_channels, channels, kh, kw, *places = weight.shape
    if x.shape[1] != channels:
        raise ValueError(
            f"{name}: weight expects {channels} input channels, x has {x.shape[1]} channels"
        )
    window = Window.of(name, (kh, kw), stride, padding)
    if (out := window.output_size(name, *x.shape[2:])) != tuple(places):
        raise ValueError(
            f"{name}: weight has filters for {places[0]}x{places[1]} places, but an image of "
            f"{x.shape[2]}x{x.shape[3]} gives {out[0]}x{out[1]}"
        )
    if bias is not None and bias.shape != (out_channels, *places):
        raise ValueError(f"{name}: bias expects shape {(out_channels, *places)}, got {bias.shape}")
    return window
