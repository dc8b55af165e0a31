"""The one door from data to tensors: a batch of bytes becomes the network's input, in float32.

Crop, mirror, minus mean and scale are a single pass over the batch, the kernel `augment`, which
runs where the network does, so that a quarter of the bytes is moved there.
"""

import numpy as np

from tinynet.devices import Device
from tinynet.devices import device as open_device
from tinynet.kernels import launch
from tinynet.tensor import Tensor


class Inputs:
    """(crop - mean) / std, for crops of uint8 images.

    `mean`: (3, S, S) of 0..255, subtracted whatever the place of the crop, as the 2012 source does
    (S is the size that the network sees); `std`: (3,), a number a channel.
    """

    def __init__(self, mean: np.ndarray, std: np.ndarray, device: str | Device | None = None):
        self.device = open_device(device)
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        if self.mean.ndim != 3 or self.mean.shape[1] != self.mean.shape[2]:
            raise ValueError(f"Inputs: mean expects (channels, S, S), got {self.mean.shape}")
        self._mean = self.device.asarray(self.mean)
        self._scale = self.device.asarray(1 / self.std)
        self._buffer = None

    @property
    def image_size(self) -> int:
        return self.mean.shape[-1]

    def __call__(
        self, images: np.ndarray, top: np.ndarray, left: np.ndarray, flip: np.ndarray
    ) -> Tensor:
        """uint8 (n, 3, h, w), and int32 (n,) for each image's crop -> Tensor (n, 3, S, S).

        The Tensor lies in a buffer of which there is only one: the next call overwrites it.
        """
        n, c, h, w = images.shape
        if self._buffer is None or len(self._buffer) < n:
            self._buffer = self.device.empty((n, *self.mean.shape), np.dtype(np.float32))
        x = self._buffer[:n]
        shift = self.device.zeros((n, c), np.dtype(np.float32))
        arrays = [self.device.asarray(array) for array in (images, top, left, flip)]
        sizes = (n, c, h, w, self.image_size, self.image_size)
        launch(self.device, "augment", x, *arrays, shift, self._mean, self._scale, *sizes)
        return Tensor(x, device=self.device)


def centre(mean: np.ndarray, size: int) -> np.ndarray:
    """The middle size x size pixels of the mean image (3, S, S)."""
    start = (mean.shape[-1] - size) // 2
    return mean[:, start : start + size, start : start + size]


def flat_mean(channels: tuple[float, ...], size: int) -> np.ndarray:
    """A mean image (3, size, size) of one colour."""
    return np.broadcast_to(np.array(channels)[:, None, None], (len(channels), size, size))
