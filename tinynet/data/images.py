"""From an image file to a square of pixels: the one way in for JPEG, PNG and their kin.

Pictures found in the wild lie on their side, come in CMYK, gray, palettes or 16 bits, are half
transparent, cut short, or not pictures at all. Whatever comes, `decode_image` gives uint8
(3, S, S), red, green, blue, or raises `BadImage` with the file's name and the reason.

Images are resized as in the paper, section 2: the shorter side is scaled to S and the centre square
is cut. Here the two steps are one: only the pixels of that square are ever resized.
"""

import io
import warnings
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from tinynet.data.errors import BadImage
from tinynet.data.png import transparent_pixels, without_notes
from tinynet.files.regular_file import open_regular

# Named one by one: Pillow also knows formats that start other programs (EPS: Ghostscript).
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 2**26  # 8192 x 8192: a file of kilobytes can claim gigabytes of pixels

ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held; to undo each value:
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow only warns; here enormous images are refused, and garbled EXIF data do no harm.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode_image(
    source: str | PathLike | bytes | BinaryIO, store_size: int, name: str | None = None
) -> np.ndarray:
    """The image in `source` (a path, the file's bytes, or an open file) as uint8 (3, S, S).

    EXIF orientation is applied, transparent images are laid over white, gray is repeated to three
    channels, 16 bits are scaled to 8, and an animation gives its first frame. ICC profiles are not
    applied. Messages use `name`, or else the source's own. Raises BadImage.
    """
    return to_array(load_square(source, store_size, name))


def load_square(
    source: str | PathLike | bytes | BinaryIO, size: int, name: str | None = None
) -> Image.Image:
    """The same as a Pillow image, `size` pixels a side, gray or RGB.

    An image that needed no change still has the `format` of its file.
    """
    if name is None:
        is_path = isinstance(source, str | PathLike)
        name = str(source if is_path else getattr(source, "name", "image"))
    try:
        with _opened(source) as file:
            return _decode_despite_notes(file, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"more than {MAX_PIXELS / 1e6:.0f} million pixels"
    except UnidentifiedImageError:
        reason = f"not an image, or damaged at its start (formats read: {', '.join(FORMATS)})"
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise anything at all inside a decoder
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    raise BadImage(name, reason)


def _opened(source: str | PathLike | bytes | BinaryIO) -> AbstractContextManager[BinaryIO]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return open_regular(source) if isinstance(source, str | PathLike) else nullcontext(source)


def _decode_despite_notes(file: BinaryIO, size: int) -> Image.Image:
    try:
        return _decode(file, size)
    except ValueError:
        rest = without_notes(file)  # perhaps only these were at fault
        if rest is None:
            raise
        return _decode(io.BytesIO(rest), size)


def _decode(file: BinaryIO, size: int) -> Image.Image:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, for a fraction of the time.
        # Pillow picks the smallest not below the size asked for; less than 2 * size would blur.
        image.draft(None, (2 * size, 2 * size))
        transparent = transparent_pixels(image, file)
        image.load()
        if transparent is None:
            picture = _gray_or_rgb(image)
        else:
            del image.info["transparency"]
            picture = _gray_or_rgb(image)
            picture.paste("white", mask=Image.fromarray(transparent))
        return _upright(fit_square(picture, size), _orientation(image))


def fit_square(image: Image.Image, size: int) -> Image.Image:
    """The centre square of `image`, its side scaled to `size` pixels (bilinear, anti-aliased)."""
    if image.size == (size, size):
        return image
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BILINEAR, box)


def to_array(image: Image.Image) -> np.ndarray:
    """A gray or RGB image of height h and width w as uint8 (3, h, w), read-only."""
    if image.mode == "L":
        return np.broadcast_to(np.asarray(image), (3, image.height, image.width))
    # Pillow separates the channels row by row (";L") faster than NumPy does pixel by pixel.
    rows = np.frombuffer(image.tobytes("raw", "RGB;L"), np.uint8)
    return rows.reshape(image.height, 3, image.width).transpose(1, 0, 2)


def _gray_or_rgb(image: Image.Image) -> Image.Image:
    """`image` in Pillow's mode L or RGB."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    if image.mode == "F":
        raise ValueError("floating-point pixels: their range is not known")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Gray 0..65535 to 0..255: Pillow's own convert would clip at 255, to white."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit pixels beyond 0..65535: their range is not known")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # a picture whose EXIF data are garbled is a picture all the same
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
