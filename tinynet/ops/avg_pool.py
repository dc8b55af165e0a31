"""Average pooling: the mean of the window's pixels, not counting padding."""

from tinynet.kernels import launch
from tinynet.ops.function import Function
from tinynet.ops.window import Window, check_images


class AvgPool2d(Function):
    name = "avg_pool2d"

    def forward(self, x, *, kernel_size, stride, padding, ceil_mode):
        check_images(self.name, x)
        window = Window.of(self.name, kernel_size, stride, padding)
        window.check_pooling(self.name)
        n, c, h, w = x.shape
        oh, ow = window.output_size(self.name, h, w, ceil_mode)
        self.sizes = (n, c, h, w, *window.arguments, oh, ow)
        y = self.device.empty((n, c, oh, ow), x.dtype)
        launch(self.device, "avg_pool_forward", y, self.contiguous(x), *self.sizes)
        return y

    def backward(self, dy):
        dx = self.device.empty(self.sizes[:4], dy.dtype)
        launch(self.device, "avg_pool_backward", dx, self.contiguous(dy), *self.sizes)
        return dx
