"""Local response normalization across channels (paper, section 3.3).

y = x * scale**-beta,  scale[c] = k + alpha * sum of x[c']**2 over `size` channels c' around c
"""

import math

from tinynet.kernels import launch
from tinynet.ops.arguments import integer, number
from tinynet.ops.function import Function
from tinynet.ops.window import check_images


class LocalResponseNorm(Function):
    name = "local_response_norm"

    def forward(self, x, *, size, alpha, beta, k, groups):
        check_images(self.name, x)
        n, c, h, w = x.shape
        size, alpha, beta, k = constants(self.name, size, alpha, beta, k)
        parts = integer(groups)
        if parts is None or parts < 1 or c % parts:
            raise ValueError(
                f"{self.name}: groups expects a divisor of the {c} channels, got {groups!r}"
            )
        x = self.contiguous(x)
        y, scale = self.device.empty(x.shape, x.dtype), self.device.empty(x.shape, x.dtype)
        self.constants = (n, c, h * w, parts, size, alpha, beta)
        launch(self.device, "lrn_forward", y, scale, x, *self.constants, k)
        self.saved = (x, scale)
        return y

    def backward(self, dy):
        x, scale = self.saved
        dx = self.device.empty(x.shape, x.dtype)
        dy = self.contiguous(dy)
        launch(self.device, "lrn_backward", dx, dy, x, scale, *self.constants)
        return dx


def constants(name: str, size, alpha, beta, k) -> tuple[int, float, float, float]:
    """The constants of a normalization as Python's numbers; ValueError if they cannot be such."""
    found = integer(size)
    if found is None or found < 1:
        raise ValueError(f"{name}: size expects an int of at least 1, got {size!r}")
    for argument, value in (("alpha", alpha), ("beta", beta), ("k", k)):
        if number(value) is None or not math.isfinite(value):
            raise ValueError(f"{name}: {argument} expects a finite number, got {value!r}")
    alpha, beta, k = (number(value) for value in (alpha, beta, k))
    if k <= 0 or alpha < 0:  # scale must stay positive: it is raised to -beta
        raise ValueError(f"{name}: expects k > 0 and alpha >= 0, got k={k}, alpha={alpha}")
    return found, alpha, beta, k
