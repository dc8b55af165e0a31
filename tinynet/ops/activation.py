"""ReLU and tanh. Both gradients follow from y alone, so x need not be kept."""

from tinynet.kernels import launch
from tinynet.ops.function import Function


class ReLU(Function):
    """y = max(x, 0); dx = dy where y > 0 (paper, section 3.1)."""

    name = "relu"

    def forward(self, x):
        y = self.device.empty(x.shape, x.dtype)
        launch(self.device, "relu_forward", y, self.contiguous(x), x.size)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        dx = self.device.empty(y.shape, y.dtype)
        launch(self.device, "relu_backward", dx, self.contiguous(dy), y, y.size)
        return dx


class Tanh(Function):
    """y = tanh(x); dx = dy * (1 - y*y)."""

    name = "tanh"

    def forward(self, x):
        y = self.device.empty(x.shape, x.dtype)
        launch(self.device, "tanh_forward", y, self.contiguous(x), x.size)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        dx = self.device.empty(y.shape, y.dtype)
        launch(self.device, "tanh_backward", dx, self.contiguous(dy), y, y.size)
        return dx
