"""Ten shapes, drawn: a dataset that needs no download, for a first run on any machine.

The class is the form alone. Colour, position, size, rotation and background have the same
distribution in every class, so no single pixel tells anything: a linear classifier fails here, and
a network must learn edges and corners first, as it must on photographs.

Image i of a split depends only on (seed, split, i) and its size: it can be drawn at any time, by
any thread, in any order, and the training and validation images come from disjoint seeds.
"""

import numpy as np
from PIL import Image, ImageDraw

from tinynet.data.dataset import Dataset

COUNTS = {"train": 6_000, "val": 1_000}
SPLIT_SEEDS = {"train": 0, "val": 1}

SUPERSAMPLING = 4  # a mask is drawn this many times larger and averaged: smooth edges
RADII = (0.25, 0.44)  # of the circle around the shape, as a fraction of the image's side
MARGIN = 0.04  # between that circle and the border, so that a crop cuts off little
CONTRAST = 130.0  # least distance of shape and ground in RGB; black to white is 442


def _arc(
    radius: float, start: float, end: float, centre: tuple[float, float] = (0, 0)
) -> np.ndarray:
    """Points (40, 2) on a circle, from one angle to the other, both in turns."""
    angles = 2 * np.pi * np.linspace(start, end, 40)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) + centre


def _spokes(*radii: float) -> np.ndarray:
    """Points at these distances from the centre, at equal angles all around."""
    angles = 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array(radii)[:, None]


def _outlines() -> dict[str, np.ndarray]:
    """Each class's outline: points (k, 2), the farthest at distance 1 from (0, 0).

    No class is another one rotated, mirrored or scaled (a diamond would be a square).
    """
    a = 0.3  # half the width of the cross's arms and of the arrow's shaft
    arm = np.array([[a, a], [a, 1], [-a, 1]])
    right_angle = np.array([[0, 1], [-1, 0]])
    head, shaft = [[0.1, 0.75], [1, 0], [0.1, -0.75]], [[0.1, -a], [-1, -a], [-1, a], [0.1, a]]
    inner_edge = _arc(0.8, 1.035, 0.465, centre=(0, 0.45))
    right_lobe = _arc(0.5, 0.5, -0.09, centre=(0.5, 0.4))
    outlines = {
        "circle": _arc(1, 0, 1),
        "square": _spokes(1, 1, 1, 1),
        "triangle": _spokes(1, 1, 1),
        "star": _spokes(*(1, 0.4) * 5),
        "cross": np.concatenate([arm @ np.linalg.matrix_power(right_angle, k) for k in range(4)]),
        "ring": np.concatenate([_arc(1, 0, 1), _arc(0.6, 1, 0)]),
        "heart": np.concatenate([right_lobe, [[0, -1]], right_lobe[::-1] * (-1, 1)]),
        "crescent": np.concatenate([_arc(1, 0.393, 1.107), inner_edge]),
        "arrow": np.array(head + shaft),
        "hourglass": np.array([[-0.65, -1], [0.65, -1], [-0.65, 1], [0.65, 1]]),
    }
    return {name: points / np.hypot(*points.T).max() for name, points in outlines.items()}


OUTLINES = _outlines()
CLASSES = list(OUTLINES)


class Shapes(Dataset):
    """The drawn dataset: `count` images (6,000 for training, 1,000 for validation), balanced."""

    def __init__(
        self, split: str, image_size: int, store_size: int, seed: int = 0, count: int | None = None
    ) -> None:
        labels = np.arange(COUNTS[split] if count is None else count) % len(CLASSES)
        super().__init__("shapes", split, CLASSES, labels, image_size, store_size)
        self._seed = seed

    def read(self, i: int) -> np.ndarray:
        rng = np.random.default_rng([self._seed, SPLIT_SEEDS[self.split], i])
        return draw(OUTLINES[self.classes[self.labels[i]]], self.store_size, rng)


def draw(outline: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """One shape on a ground of another colour: uint8 (3, size, size).

    What is drawn from `rng` depends neither on the outline nor on the size.
    """
    radius = rng.uniform(*RADII)
    centre = rng.uniform(radius + MARGIN, 1 - radius - MARGIN, 2)
    turn = rng.uniform(0, 2 * np.pi)
    ground, colour = _ground_and_colour(rng)

    top, left = np.floor((centre - radius) * size).astype(int)
    box = int(np.ceil(2 * radius * size)) + 1  # the square of pixels that holds the shape
    place = centre * size - (top, left)
    mask = _mask(outline, radius * size, place, turn, box)

    image = _paint_ground(ground, size)
    patch = image[:, top : top + box, left : left + box]  # the last row may be beyond a small image
    patch += mask[: patch.shape[1], : patch.shape[2]] * (colour[:, None, None] - patch)
    return np.rint(image).astype(np.uint8)


def _ground_and_colour(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The ground's colours (3, 2, 2) in the image's corners, and the shape's colour (3,)."""
    ground = rng.uniform(0, 255, 3)[:, None, None]
    # Half of the grounds are plain, half a soft gradient: each corner its own shade.
    shades = rng.uniform(-40, 40, (3, 2, 2)) * (rng.uniform() < 0.5)
    corners = np.clip(ground + shades, 0, 255)
    while True:
        colour = rng.uniform(0, 255, 3)
        differences = corners - colour[:, None, None]
        if np.sqrt((differences**2).sum(axis=0)).min() >= CONTRAST:
            return corners, colour


def _paint_ground(corners: np.ndarray, size: int) -> np.ndarray:
    """Float32 (3, size, size), bilinear between the colours (3, 2, 2) of the corners."""
    weight = np.linspace(0, 1, size, dtype=np.float32)
    weights = np.stack([1 - weight, weight])  # (2, size)
    return weights.T @ corners.astype(np.float32) @ weights


def _mask(
    outline: np.ndarray, radius: float, place: np.ndarray, turn: float, box: int
) -> np.ndarray:
    """How much of each pixel the shape covers: float32 (box, box), from 0 to 1."""
    cos, sin = np.cos(turn), np.sin(turn)
    points = outline @ np.array([[cos, sin], [-sin, cos]]) * radius + place[::-1]
    fine = Image.new("L", (box * SUPERSAMPLING, box * SUPERSAMPLING))
    # Pillow counts from pixel centres: -0.5 puts a corner where it belongs.
    vertices = (points * SUPERSAMPLING - 0.5).ravel().tolist()
    ImageDraw.Draw(fine).polygon(vertices, fill=255)
    return np.asarray(fine.reduce(SUPERSAMPLING), np.float32) / 255
