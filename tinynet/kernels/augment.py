"""Crop, flip, colour shift, minus mean: the last step of the input (NumPy twin of augment.cu).

x[n, c, i, j] = (pixel + shift[n, c] - mean[c, i, j]) * scale[c]
pixel = images[n, c, top + i, left + j], or in a mirrored crop left + ow - 1 - j
"""

import numpy as np

from tinynet.devices import threads


def augment(x, images, top, left, flip, shift, mean, scale, n, c, h, w, oh, ow):
    """x (n, c, oh, ow) from uint8 images (n, c, h, w); top, left, flip (n,), shift (n, c)."""

    def one_image(i):
        crop = images[i, :, top[i] : top[i] + oh, left[i] : left[i] + ow]
        if flip[i]:
            crop = crop[:, :, ::-1]
        np.add(crop, shift[i, :, None, None], out=x[i])
        x[i] -= mean
        x[i] *= scale[:, None, None]

    threads.for_each(n, one_image)
