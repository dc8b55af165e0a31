"""Pixels as a picture in a page: a data URI, which a browser shows without any other file."""

import base64
import io

import numpy as np
from PIL import Image

from tinynet.data.images import fit_square

QUALITY = 85  # of JPEG: a thumbnail of 96 pixels takes some 4 KB


def exact(pixels: np.ndarray) -> str:
    """uint8 (3, h, w) as PNG: the very pixels."""
    return _uri(_picture(pixels), "png", optimize=True)


def thumbnail(pixels: np.ndarray, most: int = 96) -> str:
    """uint8 (3, S, S) as JPEG, of at most this many pixels a side; small ones as PNG."""
    picture = _picture(pixels)
    if max(picture.size) <= 40:  # of which JPEG would leave little
        return exact(pixels)
    return _uri(fit_square(picture, min(most, *picture.size)), "jpeg", quality=QUALITY)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
