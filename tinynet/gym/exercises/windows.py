"""A window that steps over an image, in loops: what the exercises with windows have in common."""

from collections.abc import Iterator

import numpy as np

from tinynet.gym.exercise import Try

NAMES = ("n", "c", "h", "w", "kh", "kw", "stride_h", "stride_w", "pad_top", "pad_left", "oh", "ow")


def sizes(*values: int) -> dict[str, int]:
    """The sizes of a window kernel, in the order in which it takes them."""
    return dict(zip(NAMES, values))


# Windows that overlap down and step by one across, with padding above; then some that leave gaps,
# with padding on the left; one pixel; and no image at all.
OVERLAPPING = sizes(3, 4, 9, 7, 3, 2, 2, 1, 1, 0, 5, 6)
WITH_GAPS = sizes(1, 2, 5, 13, 2, 4, 3, 2, 0, 2, 2, 8)
ONE_PIXEL = sizes(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1)
TRIES = (
    *(Try(OVERLAPPING), Try(OVERLAPPING, blocks=1)),
    *(Try(WITH_GAPS), Try(ONE_PIXEL), Try({**OVERLAPPING, "n": 0})),
)


def wrong_sign(given: dict) -> dict[str, int]:
    """The padding of `places`, if it is added where it is to be taken away, or the other way."""
    return {name: -given[name] for name in ("pad_top", "pad_left")}


def places(given: dict, **other: int) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(ohi, owi, khi, kwi, hi, wi) of each window and each place in it that lies in the image.

    `other` sizes take the place of those given: what a mistake would make of them.
    """
    _, _, h, w, kh, kw, stride_h, stride_w, top, left, oh, ow = (
        {**given, **other}[name] for name in NAMES
    )
    for ohi, owi, khi, kwi in np.ndindex(oh, ow, kh, kw):
        hi, wi = ohi * stride_h + khi - top, owi * stride_w + kwi - left
        if 0 <= hi < h and 0 <= wi < w:
            yield ohi, owi, khi, kwi, hi, wi
