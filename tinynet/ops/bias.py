"""A bias for every channel: what the last step of a convolution and of a linear layer share."""

from math import prod

from tinynet.devices import Device
from tinynet.kernels import launch


def add_bias(device: Device, y, bias) -> None:
    """y (n, channels, ...) += bias (channels,), in place; the channels may have several axes."""
    launch(device, "bias_forward", y, bias, len(y), bias.size, prod(y.shape[1 + bias.ndim :]))


def bias_gradient(device: Device, dy):
    """dbias (channels,) = the sum of dy (n, channels, ...) over all other axes."""
    dbias = device.empty((dy.shape[1],), dy.dtype)
    launch(device, "bias_backward", dbias, dy, *dy.shape[:2], prod(dy.shape[2:]))
    return dbias
