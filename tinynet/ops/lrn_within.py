"""Local response normalization within a map: the same formula over a size x size window.

The CIFAR-10 nets of 2012 and the second normalizer of the 2012 source's layer 2 use it.
"""

from tinynet.kernels import launch
from tinynet.ops.function import Function
from tinynet.ops.lrn import constants
from tinynet.ops.window import check_images


class LocalResponseNormWithin(Function):
    name = "local_response_norm_within"

    def forward(self, x, *, size, alpha, beta, k):
        check_images(self.name, x)
        size, alpha, beta, k = constants(self.name, size, alpha, beta, k)
        x = self.contiguous(x)
        y, scale = self.device.empty(x.shape, x.dtype), self.device.empty(x.shape, x.dtype)
        self.constants = (*x.shape, size, alpha, beta)
        launch(self.device, "lrn_within_forward", y, scale, x, *self.constants, k)
        self.saved = (x, scale)
        return y

    def backward(self, dy):
        x, scale = self.saved
        dx = self.device.empty(x.shape, x.dtype)
        dy = self.contiguous(dy)
        launch(self.device, "lrn_within_backward", dx, dy, x, scale, *self.constants)
        return dx
