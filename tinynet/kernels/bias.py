"""Adding a bias to every channel, and its gradient (NumPy twin of bias.cu)."""

import numpy as np

from tinynet.devices import threads
from tinynet.kernels.sums import sum_over


def bias_forward(y, bias, n, c, plane):
    """y (n, c, plane) += bias (c,), in place."""
    y, bias = y.reshape(n, c, plane), bias.reshape(c, 1)
    threads.for_each_chunk(
        n, c * plane * y.itemsize, lambda images: np.add(y[images], bias, out=y[images])
    )


def bias_backward(dbias, dy, n, c, plane):
    """dbias (c,) = the sum of dy (n, c, plane) over images and pixels.

    Each image is summed on its own, then the images in a fixed order: the same bits for any number
    of workers.
    """
    dy = dy.reshape(n, c, plane)
    per_image = np.empty((n, c), dy.dtype)
    threads.for_each_chunk(
        n, c * plane * dy.itemsize, lambda images: np.sum(dy[images], axis=2, out=per_image[images])
    )
    dbias[...] = sum_over(per_image, (0,))
