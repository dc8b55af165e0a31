"""Files of every kind become the right pixels, and what is not an image is refused by name."""

import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from fuzzing import damaged
from hypothesis import strategies as st
from PIL import Image

from tinynet.data import BadImage, decode_image


def encode(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def random_pixels(h, w, seed=0):
    """Smooth random RGB pixels, uint8 (h, w, 3), as a photograph has them."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((w, h), Image.Resampling.BICUBIC))


def chunk(kind, data):
    """A piece of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width, height):
    """A PNG of a few bytes whose header claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def png_with_key(depth, pixels, key):
    """A PNG without an alpha channel: `depth` bits, pixels (h, w) or (h, w, 3), a colour for tRNS.

    Written by hand, for Pillow writes neither few bits nor the key beside 16.
    """
    h, w = pixels.shape[:2]
    bits = pixels.reshape(h, -1, 1) >> np.arange(depth)[::-1] & 1
    rows = np.packbits(bits.reshape(h, -1).astype(bool), axis=1)
    header = struct.pack(">IIBBBBB", w, h, depth, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", np.array(key, ">u2").tobytes())
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
        + chunk(b"IEND", b"")
    )


def test_rgb_is_kept_as_it_is_channels_first():
    pixels = random_pixels(9, 9)
    np.testing.assert_array_equal(
        decode_image(encode(Image.fromarray(pixels)), 9), pixels.transpose(2, 0, 1)
    )


@pytest.mark.parametrize("opened", ["path", "str", "bytes", "file"])
def test_all_kinds_of_sources(tmp_path, opened):
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.new("RGB", (4, 4), (1, 2, 3))))
    with path.open("rb") as file:
        source = {"path": path, "str": str(path), "bytes": path.read_bytes(), "file": file}[opened]
        image = decode_image(source, 4)
    assert image.shape == (3, 4, 4) and image.dtype == np.uint8
    assert image[:, 0, 0].tolist() == [1, 2, 3]


def palette_with_transparency():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    return image


@pytest.mark.parametrize(
    ("image", "format", "options", "corner", "rest"),
    [
        (Image.new("L", (4, 4), 77), "PNG", {}, (77,) * 3, (77,) * 3),
        (Image.new("1", (4, 4), 1), "PNG", {}, (255,) * 3, (255,) * 3),
        (Image.new("1", (4, 4), 0), "PNG", {}, (0,) * 3, (0,) * 3),
        # Half transparent over white: 0.5 * 200 + 0.5 * 255, and 0.5 * 0 + 0.5 * 255.
        (Image.new("LA", (4, 4), (0, 128)), "PNG", {}, (127,) * 3, (127,) * 3),
        (Image.new("RGBA", (4, 4), (200, 0, 0, 128)), "PNG", {}, (227, 127, 127), (227, 127, 127)),
        (Image.new("RGBA", (4, 4), (200, 0, 0, 0)), "PNG", {}, (255,) * 3, (255,) * 3),
        (palette_with_transparency(), "PNG", {}, (10, 20, 30), (200, 100, 50)),
        (palette_with_transparency(), "PNG", {"transparency": 0}, (255,) * 3, (200, 100, 50)),
        (palette_with_transparency(), "GIF", {"transparency": 0}, (255,) * 3, (200, 100, 50)),
        # A PNG without an alpha channel can name one colour as transparent.
        (
            Image.new("RGB", (4, 4), (9, 8, 7)),
            "PNG",
            {"transparency": (9, 8, 7)},
            (255,) * 3,
            (255,) * 3,
        ),
        (Image.new("RGB", (4, 4), (9, 8, 7)), "BMP", {}, (9, 8, 7), (9, 8, 7)),
        (Image.new("RGB", (4, 4), (9, 8, 7)), "PPM", {}, (9, 8, 7), (9, 8, 7)),
        (Image.new("RGB", (4, 4), (9, 8, 7)), "WEBP", {"lossless": True}, (9, 8, 7), (9, 8, 7)),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF", {}, (255, 0, 0), (255, 0, 0)),
        (Image.new("CMYK", (4, 4), (255, 0, 255, 0)), "JPEG", {}, (0, 255, 0), (0, 255, 0)),
    ],
)
def test_modes_are_converted_rightly(image, format, options, corner, rest):
    decoded = decode_image(encode(image, format, **options), 4).astype(int)
    tolerance = 1  # rounding of the blend with white; JPEG keeps a plain colour within a level
    assert abs(decoded[:, 0, 0] - corner).max() <= tolerance
    assert abs(decoded[:, 3, 2] - rest).max() <= tolerance


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_scaled_and_not_clipped(format):
    values = np.array([[0, 257], [257 * 77, 65535]], np.uint16)
    if format == "PPM":  # Pillow 10 reads but does not write it
        data = b"P5 2 2 65535\n" + values.astype(">u2").tobytes()
    else:
        data = encode(Image.fromarray(values), format)
    decoded = decode_image(data, 2)
    for channel in decoded:
        assert channel.tolist() == [[0, 1], [77, 255]]


def test_16_bits_are_rounded_to_the_nearest():
    values = np.array([[128, 129], [65535 - 128, 65535 - 129]], np.uint16)
    assert decode_image(encode(Image.fromarray(values)), 2)[0].tolist() == [[0, 1], [255, 254]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_gray_of_a_png_is_white_at_every_depth(depth):
    largest = 2**depth - 1
    values = np.random.default_rng(depth).integers(0, largest + 1, (8, 8))
    values[0, :2] = [largest // 3, largest // 3 + 1]  # the key, and what differs by one step
    key = values[0, 0]
    expected = np.where(values == key, 255, np.rint(values * 255 / largest)).astype(int)
    decoded = decode_image(png_with_key(depth, values, key), 8)
    np.testing.assert_array_equal(decoded, [expected] * 3)


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_a_png_is_white_at_every_depth(depth):
    values = np.random.default_rng(depth).integers(0, 2**depth, (8, 8, 3))
    key = values[3, 3] = values[5, 6]
    values[0] = key + np.eye(8, 3, dtype=int)  # close, but another: of 16 bits, the low ones
    is_key = (values == key).all(2)
    assert is_key.sum() == 7
    expected = np.where(is_key[..., None], 255, values >> depth - 8)
    decoded = decode_image(png_with_key(depth, values, key), 8)
    np.testing.assert_array_equal(decoded, expected.transpose(2, 0, 1))


def test_half_of_a_transparent_picture_is_scaled_over_white():
    values = np.zeros((64, 64), int)
    values[:, 32:] = 2
    decoded = decode_image(png_with_key(2, values, 0), 16)
    assert (decoded[:, :, :7] == 255).all() and (decoded[:, :, 9:] == 170).all()


# Compressed to a few kilobytes, but too long for Pillow; nobody asks what they say.
LONG = zlib.compress(bytes(3 * 2**20))
NOTES = {
    "text": chunk(b"zTXt", b"Comment\0\0" + LONG),
    "foreign text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG),
    "profile": chunk(b"iCCP", b"ICC Profile\0\0" + LONG),
    "many": 70 * chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20 - 9))),
}


@pytest.mark.parametrize("notes", NOTES)
@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("opened", ["path", "bytes", "file"])
def test_texts_and_profiles_of_any_length_do_no_harm(tmp_path, notes, place, opened):
    data = png_with_key(8, np.arange(16).reshape(4, 4), 3)
    at = data.index(place) - 4
    path = tmp_path / "a.png"
    path.write_bytes(data[:at] + NOTES[notes] + data[at:])
    with path.open("rb") as file:
        source = {"path": path, "bytes": path.read_bytes(), "file": file}[opened]
        decoded = decode_image(source, 4)
    np.testing.assert_array_equal(decoded, decode_image(data, 4))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, format):
    # What the camera stored; EXIF then says how a viewer must turn it.
    stored = np.kron(np.array([[0, 80], [160, 240]], np.uint8), np.ones((8, 8), np.uint8))
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),  # a quarter turn clockwise
        7: stored[::-1, ::-1].T,
        8: np.rot90(stored, 1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(stored).convert("RGB")
    options = {"lossless": True} if format == "WEBP" else {}
    decoded = decode_image(encode(image, format, exif=exif, **options), 16)
    # Plain 8 x 8 blocks survive JPEG within rounding; the four grays are 80 levels apart.
    assert abs(decoded.astype(int) - upright).max() <= 2


def test_garbled_exif_does_no_harm_and_says_nothing(tmp_path):
    # In a process of its own, because pytest makes every warning an error.
    paths = [tmp_path / f"{k}.jpg" for k in range(3)]
    garbage = (b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff")
    for path, exif in zip(paths, garbage):
        path.write_bytes(encode(Image.new("RGB", (8, 8), (200, 200, 200)), "JPEG", exif=exif))
    code = (
        "import sys; from tinynet.data import decode_image as decode;"
        "print([int(decode(path, 8).min()) for path in sys.argv[1:]])"
    )
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert done.stdout.strip() == "[200, 200, 200]" and done.stderr == ""


@pytest.mark.parametrize(("h", "w"), [(3, 7), (7, 3)])
def test_the_centre_square_is_cut(h, w):
    pixels = np.random.default_rng(0).integers(0, 256, (h, w, 3), np.uint8)
    decoded = decode_image(encode(Image.fromarray(pixels)), 3)
    np.testing.assert_array_equal(
        decoded, pixels[(h - 3) // 2 :][:3, (w - 3) // 2 :][:, :3].transpose(2, 0, 1)
    )


@pytest.mark.parametrize(
    ("h", "w", "size"), [(90, 140, 64), (140, 90, 64), (20, 33, 64), (64, 500, 64)]
)
def test_shorter_side_is_scaled_then_the_centre_is_cut(h, w, size):
    image = Image.fromarray(random_pixels(h, w))
    scale = size / min(h, w)
    scaled = image.resize((round(w * scale), round(h * scale)), Image.Resampling.BILINEAR)
    left, top = (scaled.width - size) // 2, (scaled.height - size) // 2
    expected = np.asarray(scaled.crop((left, top, left + size, top + size))).transpose(2, 0, 1)
    # The two-step way rounds the long side and the crop to whole pixels: off by one pixel at most,
    # a few levels on such a smooth image.
    difference = abs(decode_image(encode(image), size).astype(int) - expected)
    assert difference.mean() < 2


@pytest.mark.parametrize("side", [65, 127, 128, 255, 256, 257, 300, 512, 700, 1100])
def test_jpegs_decoded_at_a_fraction_of_their_size_keep_their_quality(side):
    detail = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)  # the worst case
    image = Image.fromarray(detail).resize((side, side), Image.Resampling.BICUBIC)
    data = encode(image, "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as whole:
        slow = np.asarray(whole.resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    error = (decode_image(data, 64).astype(int) - detail.transpose(2, 0, 1)).std()
    slow_error = (slow.astype(int) - detail.transpose(2, 0, 1)).std()
    # Measured: 11 % at most; decoding at 1 to 2 times the size asked for gives 48 %.
    assert error < 1.15 * slow_error


PHOTO = Image.fromarray(random_pixels(60, 80))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_truncated_files_are_refused(tmp_path, format):
    path = tmp_path / "cut.img"
    whole = encode(PHOTO, format)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadImage, match="cut.img: ") as caught:
        decode_image(path, 32)
    assert caught.value.name == str(path) and caught.value.reason


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>not found</html>", bytes(1000)])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "n01440764_1.JPEG"
    path.write_bytes(content)
    with pytest.raises(BadImage, match="n01440764_1.JPEG: not an image"):
        decode_image(path, 32)


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (10_000, 10_000), (8_193, 8_192)])
def test_enormous_images_are_refused_before_they_are_decoded(width, height):
    with pytest.raises(BadImage, match="bomb.png: more than 67 million pixels"):
        decode_image(png_claiming(width, height), 32, name="bomb.png")


def test_formats_that_start_other_programs_are_not_read():
    eps = encode(Image.new("RGB", (4, 4)), "EPS")
    with pytest.raises(BadImage, match="image: not an image"):
        decode_image(eps, 32)


def test_pixels_of_unknown_range_are_refused():
    floats = encode(Image.new("F", (4, 4), 0.5), "TIFF")
    with pytest.raises(BadImage, match="floating-point pixels"):
        decode_image(floats, 4)
    large = encode(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF")
    with pytest.raises(BadImage, match="32-bit pixels beyond 0..65535"):
        decode_image(large, 4)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(BadImage, match="none.jpg: No such file"):
        decode_image(tmp_path / "none.jpg", 32)
    with pytest.raises(BadImage, match="a folder, wanted a regular file"):
        decode_image(tmp_path, 32)
    os.mkfifo(tmp_path / "fifo.jpg")  # nobody writes into it
    with pytest.raises(BadImage, match="fifo.jpg: a FIFO, wanted a regular file"):
        decode_image(tmp_path / "fifo.jpg", 32)


def test_damage_gives_pixels_or_a_bad_image_and_nothing_else(fuzz):
    def check(data):
        try:
            assert decode_image(data, 32).shape == (3, 32, 32)
        except BadImage as error:
            assert error.name == "image" and error.reason

    key = np.random.default_rng(0).integers(0, 4, (12, 12))
    wholes = [encode(PHOTO, format) for format in ("JPEG", "PNG", "TIFF", "GIF", "WEBP", "PPM")]
    wholes += [png_with_key(2, key, 1), png_with_key(16, np.stack([key] * 3, 2), (1, 1, 1))]
    fuzz(check, st.sampled_from(wholes).flatmap(damaged))
