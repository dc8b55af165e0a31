"""The one door from data to tensors: a batch of bytes becomes the network's input, in float32.

Crop, mirror, colour noise, mean and scale are a single pass over the batch, the kernel `augment`.
It runs where the network does, so what is moved there is bytes, a quarter of the size of floats.
"""

import numpy as np

from tinynet.data import Batch
from tinynet.devices import Device
from tinynet.devices import device as open_device
from tinynet.devices.memory import Scratch
from tinynet.kernels import launch
from tinynet.tensor import Tensor


class Inputs:
    """(crop - mean) / std, for crops of uint8 images.

    `mean`: (3, S, S) of 0..255, the same wherever the crop was taken, as in the 2012 source (S is
    the size that the network sees); `std`: (3,), one number per channel.

    In training each image gets a colour shift of its own, different in each epoch (paper, section
    4.1): `colour_noise` (0.1 there; 0: none) times a standard normal number along each of
    `components`, (3, 3), see `data.colour_components`. With `rescale` the image is then divided by
    1 + colour_noise, as in the 2012 source, lest training images have more contrast than others.
    """

    def __init__(
        self,
        mean: np.ndarray,
        std: np.ndarray,
        device: str | Device | None = None,
        components: np.ndarray | None = None,
        colour_noise: float = 0.0,
        rescale: bool = False,
    ):
        self.device = open_device(device)
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        if self.mean.ndim != 3 or self.mean.shape[1] != self.mean.shape[2]:
            raise ValueError(f"Inputs: mean expects (channels, S, S), got {self.mean.shape}")
        self.components = np.zeros((3, 3)) if components is None else np.asarray(components)
        if self.components.shape != (3, 3):
            raise ValueError(f"Inputs: components expects (3, 3), got {self.components.shape}")
        self.colour_noise, self.rescale = colour_noise, rescale
        self._mean = self.device.asarray(self.mean)
        empty = self.device.empty  # not of self: its arrays are free as soon as it is
        self._buffer = Scratch(lambda size: empty((size,), np.dtype(np.uint8)))

    @property
    def image_size(self) -> int:
        return self.mean.shape[-1]

    def training_batch(self, batch: Batch) -> Tensor:
        """The batch as training sees it, cropped, mirrored and coloured: (n, 3, S, S).

        Like every input it lies in a buffer that this thread's next input overwrites.
        """
        # Three terms summed by hand: a matrix product may round differently on another machine.
        along = batch.colour[:, :, None] * (self.colour_noise * self.components)
        shift = along.sum(axis=1).astype(np.float32)
        divisor = 1 + self.colour_noise if self.rescale else 1
        places = batch.top, batch.left, batch.flip
        return self._augment(batch.images, places, shift, 1 / (self.std * divisor))

    def __call__(
        self, images: np.ndarray, top: np.ndarray, left: np.ndarray, flip: np.ndarray
    ) -> Tensor:
        """uint8 (n, 3, h, w), and int32 (n,) for the images' crops -> Tensor (n, 3, S, S)."""
        shift = np.zeros(images.shape[:2], np.float32)
        return self._augment(images, (top, left, flip), shift, 1 / self.std)

    def _augment(
        self, images: np.ndarray, places: tuple, shift: np.ndarray, scale: np.ndarray
    ) -> Tensor:
        n, c, h, w = images.shape
        self._check_places(h, w, *places)
        sizes = (n, c, h, w, self.image_size, self.image_size)
        sent = (images, *places, shift, scale.astype(np.float32))
        with self.device.delivered(*sent) as (images, *places, shift, scale):
            x = self._buffer("x", (n, *self.mean.shape), np.dtype(np.float32))
            # A copy of the last input to tower b has ended, since the host has read that step's
            # loss (or logits). Were it not to read them, this would have to wait for an event.
            launch(self.device, "augment", x, images, *places, shift, self._mean, scale, *sizes)
        return Tensor(x, device=self.device)

    def _check_places(self, h: int, w: int, top, left, flip) -> None:
        """The kernel would read beside the image."""
        size = self.image_size
        for name, place, most in (
            ("top", top, h - size),
            ("left", left, w - size),
            ("flip", flip, 1),
        ):
            if len(place) and not 0 <= place.min() <= place.max() <= most:
                raise ValueError(
                    f"Inputs: {name} expects 0 to {most} for crops of {size} x {size} from images "
                    f"of {h} x {w}, got {place.min()} to {place.max()}"
                )


def centre(mean: np.ndarray, size: int) -> np.ndarray:
    """The middle size x size pixels of the mean image (3, S, S)."""
    start = (mean.shape[-1] - size) // 2
    return mean[:, start : start + size, start : start + size]


def flat_mean(channels: tuple[float, ...], size: int) -> np.ndarray:
    """A mean image (3, size, size) of one colour."""
    return np.broadcast_to(np.array(channels)[:, None, None], (len(channels), size, size))
