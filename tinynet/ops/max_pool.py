"""Max pooling. With stride < window the windows overlap (paper, section 3.4: 3x3, stride 2)."""

from tinynet.kernels import launch
from tinynet.ops.function import Function
from tinynet.ops.window import Window, check_images


class MaxPool2d(Function):
    name = "max_pool2d"

    def forward(self, x, *, kernel_size, stride, padding, ceil_mode):
        check_images(self.name, x)
        window = Window.of(self.name, kernel_size, stride, padding)
        window.check_pooling(self.name)
        n, c, h, w = x.shape
        oh, ow = window.output_size(self.name, h, w, ceil_mode)
        self.sizes = (n, c, h, w, *window.arguments, oh, ow)
        y = self.device.empty((n, c, oh, ow), x.dtype)
        argmax = self.device.empty((n, c, oh, ow), self.xp.int32)
        launch(self.device, "max_pool_forward", y, argmax, self.contiguous(x), *self.sizes)
        self.saved = (argmax,)
        return y

    def backward(self, dy):
        (argmax,) = self.saved
        dx = self.device.empty(self.sizes[:4], dy.dtype)
        launch(self.device, "max_pool_backward", dx, self.contiguous(dy), argmax, *self.sizes)
        return dx
