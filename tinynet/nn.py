"""Layers: modules that apply one function of tinynet.functional, with the parameters it needs."""

import numpy as np

from tinynet import functional as F
from tinynet import init
from tinynet.arrays import as_dtype
from tinynet.containers import ModuleList, Sequential
from tinynet.devices import Device
from tinynet.functional import Padding, Size
from tinynet.module import Module, Parameter
from tinynet.ops.dropout import rate
from tinynet.ops.lrn import constants
from tinynet.ops.softmax import check_reduction
from tinynet.ops.window import Window, check_positive, pair
from tinynet.pytorch_names import missing_from
from tinynet.tensor import Tensor

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Linear",
    "LocalResponseNorm",
    "LocalResponseNormWithin",
    "LocallyConnected2d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "Pool2d",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
]

__getattr__ = missing_from(__name__)


class Conv2d(Module):
    """`functional.conv2d` with its weight and bias, initialized as in PyTorch."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        groups: int = 1,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: str | np.dtype = np.float32,
    ):
        super().__init__()
        check_positive("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups={groups} expects to divide in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        kernel = pair("Conv2d", "kernel_size", kernel_size, least=1)
        Window.of("Conv2d", kernel, stride, padding)
        self.stride, self.padding, self.groups = stride, padding, groups
        shape = (out_channels, in_channels // groups, *kernel)
        self.weight, self.bias = _weight_and_bias(shape, shape[:1] if bias else None, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups)

    def output_size(self, h: int, w: int) -> tuple[int, int]:
        """(oh, ow) for images of h x w."""
        window = Window.of("Conv2d", self.weight.shape[2:], self.stride, self.padding)
        return window.output_size("Conv2d", h, w)


class LocallyConnected2d(Module):
    """`functional.local2d` with its weight and bias, for images of one size; initialized as Conv2d.

    image: (h, w) of the images, on which the number of places, and so of weights, depends.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image: Size,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: str | np.dtype = np.float32,
    ):
        super().__init__()
        name = "LocallyConnected2d"
        check_positive(name, in_channels=in_channels, out_channels=out_channels)
        size = pair(name, "image", image, least=1)
        window = Window.of(name, kernel_size, stride, padding)
        self.stride, self.padding, self.image = stride, padding, size
        places = window.output_size(name, *size)
        shape = (out_channels, in_channels, window.kh, window.kw, *places)
        self.weight, self.bias = _weight_and_bias(
            shape, (out_channels, *places) if bias else None, device, dtype
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.local2d(x, self.weight, self.bias, self.stride, self.padding)


class Linear(Module):
    """`functional.linear` with its weight (out_features, in_features) and bias, initialized as in
    PyTorch."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: str | np.dtype = np.float32,
    ):
        super().__init__()
        check_positive("Linear", in_features=in_features, out_features=out_features)
        self.weight, self.bias = _weight_and_bias(
            (out_features, in_features), (out_features,) if bias else None, device, dtype
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


def _weight_and_bias(shape: tuple, of_bias: tuple | None, device, dtype) -> tuple:
    try:
        values = np.empty(shape, as_dtype(dtype))
    except ValueError:  # more bytes than an address can count, or a dimension that is
        raise MemoryError(f"no memory holds a weight of shape {shape}") from None
    weight = Parameter(values, device=device)
    fan_in = init.inputs(weight)
    init.torch_default_(weight, fan_in)
    if of_bias is None:
        return weight, None
    return weight, init.torch_default_(Parameter(np.empty(of_bias, dtype), device=device), fan_in)


class ReLU(Module):
    """`functional.relu`: max(x, 0), of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class Tanh(Module):
    """`functional.tanh`: from -1 to 1, of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


class Sigmoid(Module):
    """`functional.sigmoid`: from 0 to 1, of any shape."""

    def forward(self, x: Tensor) -> Tensor:
        return F.sigmoid(x)


class Pool2d(Module):
    """What max and average pooling share: a window and how it steps."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
    ):
        super().__init__()
        name = type(self).__name__
        Window.of(name, kernel_size, stride, padding).check_pooling(name)
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def output_size(self, h: int, w: int) -> tuple[int, int]:
        """(oh, ow) for images of h x w."""
        name = type(self).__name__
        window = Window.of(name, self.kernel_size, self.stride, self.padding)
        return window.output_size(name, h, w, self.ceil_mode)


class MaxPool2d(Pool2d):
    """`functional.max_pool2d`: (n, c, h, w) -> (n, c, oh, ow), the largest of each window."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class AvgPool2d(Pool2d):
    """`functional.avg_pool2d`: (n, c, h, w) -> (n, c, oh, ow), the mean of each window."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class LocalResponseNorm(Module):
    """`functional.local_response_norm`: the paper's formula."""

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ):
        super().__init__()
        constants("LocalResponseNorm", size, alpha, beta, k)
        check_positive("LocalResponseNorm", groups=groups)
        self.size, self.alpha, self.beta, self.k, self.groups = size, alpha, beta, k, groups

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k, self.groups)


class LocalResponseNormWithin(Module):
    """`functional.local_response_norm_within`: a size x size window of the same map."""

    def __init__(self, size: int, alpha: float, beta: float, k: float = 1.0):
        super().__init__()
        constants("LocalResponseNormWithin", size, alpha, beta, k)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return F.local_response_norm_within(x, self.size, self.alpha, self.beta, self.k)


class Dropout(Module):
    """`functional.dropout`. With a seed, call number i in training draws from (seed, counter=i).

    `counter` is the number of training calls so far: set it to resume where a run stopped. `first`
    is the place of x's first image in the undivided batch, for a rank that has only a part of it.
    """

    def __init__(self, p: float = 0.5, mode: str = "inverted", seed: int | None = None):
        super().__init__()
        p = rate(p, mode)
        self.p, self.mode, self.seed, self.counter = p, mode, seed, 0
        self.first = 0

    def forward(self, x: Tensor) -> Tensor:
        offset = self.first * (x.size // max(1, len(x)))
        y = F.dropout(x, self.p, self.training, self.mode, self.seed, self.counter, offset)
        self.counter += self.training
        return y


class Flatten(Module):
    """Merge all axes after the batch axis into one."""

    def forward(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError(f"Flatten: x expects a Tensor, got {type(x).__name__}")
        return x.flatten(1)


class CrossEntropyLoss(Module):
    """`functional.cross_entropy` of logits (n, classes) and n labels, integers from 0."""

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        check_reduction("CrossEntropyLoss", reduction)
        self.reduction = reduction

    def forward(self, logits: Tensor, labels) -> Tensor:
        return F.cross_entropy(logits, labels, self.reduction)
