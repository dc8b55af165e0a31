"""The input's last step: crop, mirror, colour, minus mean, scale; 256 pixels of bytes to 224.

PyTorch has no such function: there images are cropped one by one and computed with as a batch. The
bound is a copy of as many bytes: those of the crops, and the floats.
"""

import numpy as np
from operations import Operation, Session, Table, run

NAME = "augment"
STORED, SEEN = 256, 224


def definition(images, top, left, flip, shift, mean, scale):
    crops = []
    for image, i, j, mirrored in zip(images, top, left, flip):
        crop = image[:, i : i + SEEN, j : j + SEEN]
        crops.append(crop[:, :, ::-1] if mirrored else crop)
    return (np.stack(crops) + shift[:, :, None, None] - mean) * scale[:, None, None]


def arrays(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    def places(below: int) -> np.ndarray:
        return rng.integers(0, below, n, dtype=np.int32)

    images = rng.integers(0, 256, (n, 3, STORED, STORED), dtype=np.uint8)
    return {
        "images": images,
        "top": places(STORED - SEEN + 1),
        "left": places(STORED - SEEN + 1),
        "flip": places(2),
        "shift": rng.standard_normal((n, 3), dtype=np.float32),
        "mean": np.full((3, SEEN, SEEN), 120, np.float32),
        "scale": np.full(3, 1 / 64, np.float32),
    }


def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
    return {"forward": {"products": [], "bytes": 5 * y.size}}


STEPS = (Operation("input", "augment", arrays, bound, definition, wanted=(), kind="augment"),)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, STEPS)
