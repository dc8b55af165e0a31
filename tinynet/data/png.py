"""PNG where Pillow stops short: a transparent colour at every depth, and texts of any length.

The chunk tRNS of a picture without an alpha channel names one colour that is transparent, as it is
stored, in 1 to 16 bits (PNG specification, 11.3.2.1). Pillow widens or narrows the pixels to 8 bits
but compares them with the colour as it was: at 2, 4 and 16 bits none is equal any more.
"""

import struct
from typing import BinaryIO

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NOTES = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # texts, and the profile of colours
WIDENED = {"L": 1, "L;2": 85, "L;4": 17}  # 2 bits, 0..3, become 0, 85, 170, 255


def transparent_pixels(image: Image.Image, file: BinaryIO) -> np.ndarray | None:
    """Where the one transparent colour is, bool (h, w); None if there is none.

    `image` was just opened from `file`, and is loaded here.
    """
    key = image.info.get("transparency")
    if image.format != "PNG" or image.mode not in ("1", "L", "I", "I;16", "RGB") or key is None:
        return None
    stored = image.tile[0][3]  # how the pixels are stored: "L;2"
    pixels = np.asarray(image)
    if image.mode == "RGB":
        if stored == "RGB;16B":
            pixels = pixels.astype(np.uint16) * 256 + _low_bytes(file)
        return (pixels == np.array(key)).all(2)
    return pixels == (bool(key) if image.mode == "1" else key * WIDENED.get(stored, 1))


def without_notes(file: BinaryIO) -> bytes | None:
    """The PNG in `file` without its texts and profile; None if it is no PNG, or has none.

    Pillow refuses a picture whose texts are longer than a limit, for they are compressed and could
    be gigabytes. Nothing here needs them.
    """
    file.seek(0)
    data = file.read()
    if not data.startswith(SIGNATURE):
        return None
    kept, place = [SIGNATURE], len(SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length  # with its length, kind and checksum
        if kind not in NOTES:
            kept.append(data[place:end])
        place = end
    found = b"".join(kept)
    return None if len(found) == len(data) else found


def _low_bytes(file: BinaryIO) -> np.ndarray:
    """The second bytes of 16-bit colours, uint8 (h, w, 3): Pillow gives the first ones alone."""
    with Image.open(file, formats=("PNG",)) as image:
        codec, extents, offset, _ = image.tile[0]
        # PNG stores the high byte first. Read as if it came last, it is the low one that is kept.
        image.tile = [(codec, extents, offset, "RGB;16L")]
        return np.asarray(image)
