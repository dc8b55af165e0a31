"""Adding a bias to every channel, and its gradient (NumPy twin of bias.cu)."""

import numpy as np

from tinynet import threads


def bias_forward(y, bias, n, c, plane):
    """y (n, c, plane) += bias (c,), in place."""
    y, bias = y.reshape(n, c, plane), bias[:, None]
    threads.for_each(n, lambda image: np.add(y[image], bias, out=y[image]))


def bias_backward(dbias, dy, n, c, plane):
    """dbias (c,) = the sum of dy (n, c, plane) over images and places.

    Each image is summed by one worker, then the images in order: the same bits for any number of
    workers.
    """
    dy = dy.reshape(n, c, plane)
    partial = np.empty((n, c), dy.dtype)
    threads.for_each(n, lambda image: np.sum(dy[image], axis=1, out=partial[image]))
    np.sum(partial, axis=0, out=dbias)
