"""The public functions on Tensors. Images are NCHW: (n, channels, h, w).

Each is a thin wrapper around an operation in tinynet/ops, which has the work, its gradient and most
of the checks. Mistakes raise a ValueError or TypeError that names the operation and the argument.
"""

import numpy as np

from tinynet import random
from tinynet.ops.activation import ReLU, Tanh
from tinynet.ops.arguments import integer
from tinynet.ops.avg_pool import AvgPool2d
from tinynet.ops.conv import Conv2d
from tinynet.ops.dropout import Dropout, rate
from tinynet.ops.elementwise import Maximum, Sigmoid, Where
from tinynet.ops.local import Local2d
from tinynet.ops.lrn import LocalResponseNorm
from tinynet.ops.lrn_within import LocalResponseNormWithin
from tinynet.ops.matmul import Linear
from tinynet.ops.max_pool import MaxPool2d
from tinynet.ops.shape import Concatenate, Pad
from tinynet.ops.softmax import CrossEntropy, LogSoftmax, Softmax
from tinynet.ops.window import four_sides
from tinynet.pytorch_names import missing_from
from tinynet.tensor import Tensor, apply, as_operands

__all__ = [
    "avg_pool2d",
    "concatenate",
    "conv2d",
    "cross_entropy",
    "dropout",
    "linear",
    "local2d",
    "local_response_norm",
    "local_response_norm_within",
    "log_softmax",
    "max_pool2d",
    "maximum",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "where",
]

__getattr__ = missing_from(__name__)

Size = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int]


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images with filters (paper, section 3.5), zeros outside the image.

    x (n, channels, h, w), weight (out_channels, channels/groups, kh, kw), bias (out_channels,)
    -> (n, out_channels, oh, ow) with oh = (top + h + bottom - kh) // stride + 1.
    stride: int or (h, w). padding: int, (h, w) or (top, bottom, left, right).
    """
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return apply(Conv2d, *inputs, stride=stride, padding=padding, groups=groups)


def local2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
) -> Tensor:
    """A convolution whose filters differ from place to place: a locally connected layer.

    x (n, channels, h, w), weight (out_channels, channels, kh, kw, oh, ow), bias
    (out_channels, oh, ow) -> (n, out_channels, oh, ow); stride and padding as in `conv2d`. The
    CIFAR-10 nets of 2012 have two of them (`type=local` in their configurations).
    """
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return apply(Local2d, *inputs, stride=stride, padding=padding)


def max_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest pixel of each window (paper, section 3.4, where windows overlap).

    x (n, c, h, w) -> (n, c, oh, ow). stride None: the window's size. Padding, less than the
    window, counts as -inf. ceil_mode: a last window that only partly fits counts too, unless it
    would start past the image. Of equal pixels the first, row by row, gets the gradient.

    >>> max_pool2d(Tensor([[[[1, 5, 2], [0, 3, 4]]]]), kernel_size=2, stride=1)
    Tensor([[[[5. 5.]]]], float32, cpu)
    """
    return apply(
        MaxPool2d,
        x,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
    )


def avg_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The mean of each window, divided by the number of its pixels that lie in the image.

    Arguments and shapes as in `max_pool2d`. PyTorch's counts the padding too, unless told not to.
    """
    return apply(
        AvgPool2d,
        x,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
    )


def local_response_norm(
    x: Tensor,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 2.0,
    groups: int = 1,
) -> Tensor:
    """Normalization across channels (paper, section 3.3): large neighbours make a number small.

    y[c] = x[c] / (k + alpha * sum of x[c']**2) ** beta, over the `size` channels c' from
    c - size//2 on, as far as they are in c's group. As in the paper, alpha is NOT divided by size;
    the 2012 source, Caffe and PyTorch do divide, so their alpha is this one times size.
    """
    return apply(LocalResponseNorm, x, size=size, alpha=alpha, beta=beta, k=k, groups=groups)


def local_response_norm_within(
    x: Tensor, size: int, alpha: float, beta: float, k: float = 1.0
) -> Tensor:
    """Normalization over a size x size window of the same map, clipped at the map's edges.

    The CIFAR-10 nets of 2012 (`rnorm` in their configurations, which divide alpha by size**2).
    """
    return apply(LocalResponseNormWithin, x, size=size, alpha=alpha, beta=beta, k=k)


def dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,
    mode: str = "inverted",
    seed: int | None = None,
    counter: int = 0,
    offset: int = 0,
    full_shape: tuple[int, ...] | None = None,
) -> Tensor:
    """Zero each element with probability p, 0 <= p < 1 (paper, section 4.2).

    mode "inverted": in training what is kept is divided by 1 - p; in testing nothing changes.
    mode "paper": in training what is kept stays as it is; in testing all is multiplied by 1 - p.

    Which elements are kept follows from `seed` and `counter`: give the same two for the same mask,
    another counter for another mask. Seed None: tinynet's own (`manual_seed`), and a new counter at
    each call.

    A network on several devices must drop what it would drop on one. There x is a part of a larger
    array: `full_shape` is that array's, and `offset` the place of x's first element in it, counted
    in reading order. The part then gets its part of the large array's mask. full_shape None: x lies
    in it in one piece, such as some images of a batch.
    """
    p = rate(p, mode)
    if not training or p == 0:
        return x * (1 - p) if mode == "paper" and p > 0 else x
    if seed is None:
        seed, counter = random.dropout_stream()
    return apply(
        Dropout,
        x,
        p=p,
        scale=1 / (1 - p) if mode == "inverted" else 1.0,
        seed=_unsigned("seed", seed),
        counter=_unsigned("counter", counter),
        offset=_unsigned("offset", offset),
        full_shape=full_shape,
    )


def _unsigned(argument: str, value) -> int:
    found = integer(value)
    if found is None or not 0 <= found < 2**64:
        raise ValueError(f"dropout: {argument} expects an int from 0 to 2**64 - 1, got {value!r}")
    return found


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias: x (..., inputs), weight (outputs, inputs), bias (outputs,)."""
    return apply(Linear, *((x, weight) if bias is None else (x, weight, bias)))


def relu(x: Tensor) -> Tensor:
    """max(x, 0) (paper, section 3.1)."""
    return apply(ReLU, x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent, the saturating neuron of the paper's figure 1."""
    return apply(Tanh, x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return apply(Sigmoid, x)


def pad(x: Tensor, padding: Padding) -> Tensor:
    """Zeros around the last two axes: (top, bottom, left, right), where PyTorch's begins with the
    left; (h, w) for both sides of each; or one number for all four."""
    return apply(Pad, x, padding=four_sides("pad", padding))


def concatenate(tensors: list[Tensor] | tuple[Tensor, ...], axis: int = 0) -> Tensor:
    """Tensors joined along an axis, of equal lengths along all others."""
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            f"concatenate: tensors expects a list of Tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError("concatenate: tensors expects at least one Tensor, got none")
    return apply(Concatenate, *tensors, axis=axis)


def maximum(x: Tensor, y: Tensor | float) -> Tensor:
    """The larger of two, element by element; where they are equal, x gets the gradient."""
    return apply(Maximum, *as_operands(Maximum.name, x, y))


def where(condition: np.ndarray | Tensor, x: Tensor | float, y: Tensor | float) -> Tensor:
    """x where the condition (bools, on any device) holds, y elsewhere; all three broadcast."""
    x, y = as_operands("where", x, y)
    mask = _array(condition, x)
    if mask.dtype != bool:
        raise TypeError(f"where: condition expects bools, got {mask.dtype}")
    with x.device.active():
        own = x.device.asarray(mask).copy()  # backward reads it, whatever the caller does to his
    return apply(Where, x, y, condition=own)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / sum of exp(x) along an axis."""
    return apply(Softmax, x, axis=axis)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of softmax, exact where softmax itself would round to 0."""
    return apply(LogSoftmax, x, axis=axis)


def cross_entropy(logits: Tensor, labels: np.ndarray | Tensor, reduction: str = "mean") -> Tensor:
    """-log softmax(logits)[label] in nats: logits (n, classes), labels (n,) ints below classes.

    labels: NumPy, or an integer Tensor on any device.
    reduction "mean" (over the batch), "sum", or "none" for the (n,) losses.

    >>> round(cross_entropy(Tensor([[2, 0], [0, 2]]), np.array([0, 0])), 4)
    1.1269
    """
    return apply(CrossEntropy, logits, labels=_array(labels, logits), reduction=reduction)


def _array(value, like) -> np.ndarray:
    """`value` as an array: a Tensor's on the device of the Tensor `like`, else NumPy's."""
    if not isinstance(value, Tensor):
        return np.asarray(value)
    return value.to(like.device).data if isinstance(like, Tensor) else value.data
