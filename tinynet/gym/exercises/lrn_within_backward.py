"""A square window mirrored: who has this pixel for a neighbour?"""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
lrn_within_backward: the gradient of a normalization over the pixels around, in the same map.

    scale(p) = k + alpha * sum over q in window(p) of x(q)^2,        y = x * scale^-beta
    window(hi, wi) = rows [hi - size/2, hi - size/2 + size), columns the same, clipped to the map

    dx(p) = dy(p) * scale(p)^-beta - 2 * alpha * beta * x(p) * sum(p)
    sum(p) = sum over q in reach(p) of dy(q) * x(q) * scale(q)^(-beta - 1)
    reach(p) = every q whose window holds p: it is mirrored

    size 4, along one axis        0   1   2   3   4   5
    window(3) looks at                1   2   3   4           two before, one after
    reach(3) is looked from               2   3   4   5       one before, two after

  dx (out)      (n, c, h, w)
  dy, x, scale  (n, c, h, w), scale from forward

One thread for each pixel of dx: it gathers over its reach.
The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """Every map is on its own: map = index / (h * w) is ni*c + ci, and no more has to be known of
images and channels. Then find the row and the column.""",
    """The window of row r holds row hi if r - size/2 <= hi < r - size/2 + size. Solve for r: from
hi + size/2 - size + 1 to hi + size/2, clipped to 0 and h - 1. The same for the columns.""",
    """const int top = index / w % h + size / 2 - size + 1, left = ...;
REAL sum = 0;
for (int hi = max(top, 0); hi < min(top + size, h); ++hi) {
    for (int wi = ...) {
        const int there = (map * h + hi) * w + wi;
        sum += dy[there] * x[there] * pow(scale[there], -beta - 1);
    }
}
dx[index] = dy[index] * pow(scale[index], -beta) - 2 * alpha * beta * x[index] * sum;""",
)


def sums(terms: np.ndarray, first: int, rows: int, columns: int) -> np.ndarray:
    """For each pixel the sum of the terms from `first` on, so many rows and columns."""
    h, w = terms.shape[-2:]
    out = np.zeros(terms.shape)
    for hi, wi in np.ndindex(h, w):
        here = slice(max(hi + first, 0), max(hi + first + rows, 0))
        there = slice(max(wi + first, 0), max(wi + first + columns, 0))
        out[..., hi, wi] = terms[..., here, there].sum(axis=(-2, -1))
    return out


def mistakes(given: dict) -> dict[str, np.ndarray]:
    dy, x, scale, size, beta = (given[name] for name in ("dy", "x", "scale", "size", "beta"))
    direct, twice, factor = dy * scale**-beta, 2 * given["alpha"], 2 * given["alpha"] * beta * x
    first, terms = size // 2 - size + 1, dy * x * scale ** (-beta - 1)
    right = sums(terms, first, size, size)
    return {
        "the window is not mirrored: reach is every pixel whose window holds this one": direct
        - factor * sums(terms, -(size // 2), size, size),
        "the sum over the neighbours is missing": direct,
        "the factor 2 is missing": direct - factor / 2 * right,
        "the sum is added: it is taken away": direct + factor * right,
        "the last row of reach is left out": direct - factor * sums(terms, first, size - 1, size),
        "the last column of reach is left out": direct
        - factor * sums(terms, first, size, size - 1),
        "x(p) is missing before the sum": direct - twice * beta * right,
        "beta is missing before the sum": direct - twice * x * right,
        "scale of the pixel itself is taken for all of reach": direct
        - factor * sums(dy * x, first, size, size) * scale ** (-beta - 1),
        "the power in the sum is -beta: it is -beta - 1": direct
        - factor * sums(dy * x * scale**-beta, first, size, size),
        "the power is -beta: that is beta": dy * scale**beta - factor * right,
    }


EVEN = {"n": 2, "c": 3, "h": 9, "w": 11, "size": 4, "alpha": 0.9, "beta": 0.6, "k": 1.0}
WIDE = {"n": 1, "c": 1, "h": 3, "w": 2, "size": 5, "alpha": 0.9, "beta": 0.75, "k": 2.0}
ONE = {**WIDE, "h": 1, "w": 1}

EXERCISE = Exercise(
    "lrn_within_backward",
    "normalization within a map: a square window mirrored",
    TASK,
    (Try(EVEN), Try(EVEN, blocks=1), Try(WIDE), Try(ONE), Try({**EVEN, "n": 0})),
    HINTS,
    mistakes=mistakes,
)
