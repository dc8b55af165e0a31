"""Dropout after fc6, half of 4,096 units an image. tinynet stores no mask: backward draws it again.

Each library draws numbers of its own. So what is checked is what holds for any: what is kept is x
times the scale, about half is kept, and the gradient has the same mask. The bound is a copy of as
many bytes.
"""

import numpy as np
from contest import Disagreement
from operations import Operation, Session, Table, images, moved, run

NAME = "dropout"
P = 0.5


def check(arrays: dict[str, np.ndarray], results: dict[str, np.ndarray]) -> None:
    x, y, dy, dx = arrays["x"], results["y"], arrays["dy"], results["dx"]
    kept = y != 0
    allowed = 5 * (P * (1 - P) / x.size) ** 0.5  # five standard deviations of the share
    if not abs(kept.mean() - (1 - P)) <= allowed:
        raise Disagreement(f"dropout6: {kept.mean():.3f} of the units are kept, not {1 - P}")
    for name, ours, whole in (("y", y, x), ("dx", dx, dy)):
        if not np.allclose(ours, np.where(kept, whole / (1 - P), 0), rtol=1e-6):
            raise Disagreement(f"dropout6: {name} is not what is kept, divided by 1 - p")


def bound(arrays: dict[str, np.ndarray], y: np.ndarray) -> dict:
    return moved(*2 * [2 * 4 * y.size])


OPTIONS = {"p": P, "mode": "inverted", "seed": 1, "counter": 0}
DROPOUTS = (Operation("dropout6", "dropout", images(4096), bound, check=check, options=OPTIONS),)


def benchmark(session: Session) -> list[Table]:
    return run(session, NAME, __doc__, DROPOUTS)
