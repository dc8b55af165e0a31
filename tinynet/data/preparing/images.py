"""The work of `prepare` on images: which go into which shard, and what becomes of each."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tinynet.data.errors import BadImage, DataError
from tinynet.data.images import load_square, to_array
from tinynet.data.preparing.source import Images, Source, key_of
from tinynet.data.statistics import Sums
from tinynet.data.tree import LARGEST_FILE, TOO_LARGE


@dataclass(frozen=True)
class Recipe:
    """What, apart from the source, determines the bytes of a prepared set.

    Quality 90 without chroma subsampling: on ImageNet's photographs at 256 pixels, its
    root-mean-square error is 2.8 of 255, as with the usual 95 and subsampling, in fewer bytes; and
    it keeps the colours, whose smallest principal component is only a few units.

    `seed` draws the order of the training images. The loader, which reads in any order, does not
    need it; but a program that reads shards from front to back would get one class at a time, as in
    the source. The price is random access to the source, which only a hard disk minds.
    """

    size: int = 256
    quality: int = 90
    shard_images: int = 2_000  # some 50 MB; a kill loses no more than one shard
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """A shard to make: `indices` says which images of the source."""

    split: str
    number: int
    indices: np.ndarray


@dataclass(frozen=True)
class Made:
    """What became of some images: (key, label, JPEG) of each, or a line that says why not."""

    images: list[tuple[str, int, bytes]]
    skipped: list[str]
    sums: Sums


def plan(source: Source, recipe: Recipe) -> list[Job]:
    """All shards: those of the training images, in an order drawn by the seed, then the others."""
    jobs = []
    for split, images in source.splits.items():
        order = np.arange(len(images))
        if split == "train":
            order = np.random.default_rng(recipe.seed).permutation(len(images))
        starts = range(0, len(order), recipe.shard_images)
        for number, start in enumerate(starts):
            jobs.append(Job(split, number, order[start : start + recipe.shard_images]))
    return jobs


def make(images: Images, indices: np.ndarray, recipe: Recipe, measure: bool) -> Made:
    """Read, scale and encode some images; with `measure`, sum their pixels too.

    Raises OSError or DataError if a file cannot be read: a momentary disk failure must not cost
    images for good.
    """
    made = Made([], [], Sums(recipe.size, len(indices)))
    arrays = []
    for i in indices.tolist():
        size = images.size(i)
        if size > LARGEST_FILE:
            made.skipped.append(f"{images.describe(i)}: {TOO_LARGE}")
            continue
        data = images.read(i)
        if len(data) != size:
            name = images.describe(i)
            raise DataError(f"{name}: changed since it was listed: wanted {size:,} bytes")
        try:
            square = load_square(data, recipe.size)
        except BadImage as error:
            made.skipped.append(f"{images.describe(i)}: {error.reason}")
            continue
        if measure:
            arrays.append(to_array(square))
        jpeg = data if is_ready(square) else encode(square, recipe.quality)
        made.images.append((key_of(images.name(i)), int(images.labels[i]), jpeg))
    for array in arrays:  # all at once, while the sums are in the processor's cache
        made.sums.add(array)
    return made


def is_ready(square: Image.Image) -> bool:
    """Whether the file already was a baseline JPEG of this size: better copied than re-encoded."""
    return square.format == "JPEG" and "progressive" not in square.info


def encode(square: Image.Image, quality: int) -> bytes:
    """A baseline JPEG."""
    file = io.BytesIO()
    square.save(file, "JPEG", quality=quality, subsampling="4:4:4")
    return file.getvalue()
