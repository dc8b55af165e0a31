"""The paper's normalization: a window that runs over channels, not over pixels."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.lrn_backward import EVEN, ODD, ONE

TASK = """
lrn_forward: scale[i] = k + alpha * sum over j in window(i) of x[j]^2
             y[i]     = x[i] * scale[i]^-beta
             window(i) = [i - size/2, i - size/2 + size), clipped to i's group of channels

    size 4      channel     0   1   2 | 3   4   5        two groups, of three channels each
    window(1)              [.   .   . |                  from -1 on, clipped to the group
    window(3)                         |[.   .            from 1 to 4: never into the other group

At every pixel on its own. alpha is not divided by size: this is the paper's formula.

  y (out)      (n, c, plane): element (ni, ci, pixel) is y[(ni * c + ci) * plane + pixel]
  scale (out)  (n, c, plane), kept for backward
  x            (n, c, plane)

Launch: a thread for each pixel of each group, n * groups * plane in all, which walks up the
group's c / groups channels; but there are at most so many blocks of 256, so each thread goes on
by one whole grid.
"""

HINTS = (
    """Take the index apart: group = index / plane counts the groups of all images, and pixel is
index % plane. The group's first channel is element group * (c / groups) * plane + pixel; the next
is plane further.""",
    """For channel i of the group, j runs from max(i - size/2, 0) on, and stays below
min(i - size/2 + size, channels). pow(s, -beta) is the power.""",
    """for (int i = 0; i < channels; ++i) {
    REAL squares = 0;
    for (int j = max(...); j < min(...); ++j) squares += x[base + j * plane] * ...;
    const REAL s = k + alpha * squares;
    scale[base + i * plane] = s;
    y[base + i * plane] = x[base + i * plane] * pow(s, -beta);
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    """For the first output that is wrong: y."""
    n, c, plane, groups, size = (given[name] for name in ("n", "c", "plane", "groups", "size"))
    alpha, beta, k = (given[name] for name in ("alpha", "beta", "k"))

    def sums(first: int, parts: int = groups, power: int = 2) -> np.ndarray:
        """For each channel the sum over its window, from i + first on."""
        x = given["x"].reshape(n, parts, c // parts, plane)
        out = np.zeros(x.shape)
        for i, j in np.ndindex(c // parts, c // parts):
            if 0 <= j - i - first < size:
                out[:, :, i] += x[:, :, j] ** power
        return out.reshape(n, c, plane)

    x, here = given["x"].reshape(n, c, plane), -(size // 2)
    scale = k + alpha * sums(here)
    linear = k + alpha * sums(here, power=1)
    linear[linear < 0] = np.nan  # it has no such power
    found = {
        "alpha is divided by size: this is the paper's formula, which does not": x
        * (k + alpha / size * sums(here)) ** -beta,
        "the power is beta: it is -beta": x * scale**beta,
        "k is left out": x * (alpha * sums(here)) ** -beta,
        "x is left out of y": scale**-beta,
        "the window is mirrored, which shows where size is even": x
        * (k + alpha * sums(size // 2 - size + 1)) ** -beta,
        "the window crosses from one group into the next": x
        * (k + alpha * sums(here, parts=1)) ** -beta,
        "x is not squared": x * linear**-beta,
        "alpha is left out": x * (k + sums(here)) ** -beta,
    }
    return {cause: y.reshape(given["y"].shape) for cause, y in found.items()}


EXERCISE = Exercise(
    "lrn_forward",
    "local response normalization: a window over channels",
    TASK,
    (Try(EVEN), Try(EVEN, blocks=1), Try(ODD), Try(ONE), Try({**EVEN, "n": 0})),
    HINTS,
    mistakes=mistakes,
)
