"""From bytes to numbers: a piece of each image, perhaps mirrored, made ready for the network."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
augment: cut a crop out of every image, mirror it where flip is 1, shift its colours, take the
mean away, and scale.

    x[ni, ci, ohi, owi] = (images[ni, ci, top[ni] + ohi, left[ni] + column] + shift[ni, ci]
                           - mean[ci, ohi, owi]) * scale[ci]
    column = owi, or ow - 1 - owi where flip[ni]

    image, 6 wide    10 20 30 40 50 60
    left 1, ow 4       [20 30 40 50]      flip 0: 20 30 40 50
                                          flip 1: 50 40 30 20, the same crop from its end
    mean                 5  6  7  8       taken away from left to right in both: the crop is
                                          mirrored, and the mean is not

  x (out)          (n, c, oh, ow)
  images           (n, c, h, w), bytes: unsigned char, 0..255
  top, left, flip  (n,), int; every crop lies inside its image
  shift            (n, c)
  mean             (c, oh, ow)
  scale            (c,)

One thread for each element of x, in its order.
The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Take the index apart from its end: index % ow is owi, index / ow % oh is ohi, then come ci
and ni. There is one top, left and flip for each image.""",
    """Which pixel is seen and where it is written are two things: only the column of the pixel
depends on flip. The image is h x w, the crop and the mean are oh x ow.""",
    """const int wi = left[ni] + (flip[ni] ? ... : owi);
const REAL pixel = REAL(images[((ni * c + ci) * h + top[ni] + ohi) * w + wi]);
x[index] = (pixel + shift[ni * c + ci] - mean[...]) * scale[ci];""",
)


def prepare(given: dict) -> None:
    """Corners that differ from image to image and down from across; every second one mirrored."""
    number = np.arange(given["n"])
    given["top"][:] = (1 + number) % (given["h"] - given["oh"] + 1)
    given["left"][:] = (3 - 3 * number) % (given["w"] - given["ow"])
    given["flip"][:] = (1 + number) % 2


def cropped(given: dict, **other: np.ndarray) -> np.ndarray:
    """The pixels of the crops, (n, c, oh, ow), perhaps with another top, left or flip."""
    images, oh, ow = given["images"].astype(float), given["oh"], given["ow"]
    top, left, flip = ({**given, **other}[name] for name in ("top", "left", "flip"))
    crops = [x[:, i : i + oh, j : j + ow] for x, i, j in zip(images, top, left)]
    return np.stack([x[:, :, ::-1] if mirrored else x for x, mirrored in zip(crops, flip)])


def mistakes(given: dict) -> dict[str, np.ndarray]:
    mean, top, left, flip = (given[name] for name in ("mean", "top", "left", "flip"))
    shift, scale = given["shift"][:, :, None, None], given["scale"][:, None, None]
    pixels, nothing = cropped(given), np.zeros_like(given["top"])
    from_right = np.where(flip, given["w"] - given["ow"] - left, left)
    mirrored = flip[:, None, None, None] == 1

    def made(pixels: np.ndarray, shift=shift, mean=mean) -> np.ndarray:
        return (pixels + shift - mean) * scale

    return {
        "no crop is mirrored: where flip is 1, column is ow - 1 - owi": made(
            cropped(given, flip=nothing)
        ),
        "all crops are mirrored: only those are whose flip is 1": made(
            cropped(given, flip=nothing + 1)
        ),
        "the wrong crops are mirrored: flip is asked the wrong way round": made(
            cropped(given, flip=1 - flip)
        ),
        "the whole image is mirrored: ow - 1 - owi begins at left too": made(
            cropped(given, left=from_right)
        ),
        "top is left out": made(cropped(given, top=nothing)),
        "left is left out": made(cropped(given, left=nothing)),
        "top and left are exchanged": made(cropped(given, top=left, left=top)),
        "the mean is mirrored too: it is that of the place in x": made(
            pixels, mean=np.where(mirrored, mean[:, :, ::-1], mean)
        ),
        "the mean is left out": made(pixels, mean=0),
        "the mean is added": made(pixels, mean=-mean),
        "the shift is left out": made(pixels, shift=0),
        "all images have the shift of the first": made(pixels, shift=shift[:1]),
        "the scale is left out": made(pixels) / scale,
        "only the mean is scaled, not all of it": pixels + shift - mean * scale,
        "bytes are unsigned here: from 128 on they came as negative": made(
            np.where(pixels > 127, pixels - 256, pixels)
        ),
    }


CROPS = {"n": 4, "c": 3, "h": 12, "w": 15, "oh": 9, "ow": 11}
ONE = {"n": 1, "c": 1, "h": 2, "w": 2, "oh": 1, "ow": 1}

EXERCISE = Exercise(
    "augment",
    "crop and flip: bytes made into the network's input",
    TASK,
    (Try(CROPS), Try(CROPS, blocks=1), Try(ONE), Try({**CROPS, "n": 0})),
    HINTS,
    prepare=prepare,
    mistakes=mistakes,
)
