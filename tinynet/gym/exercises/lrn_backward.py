"""The paper's own: every channel acts on its neighbours, and they all answer."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.kernels import KERNELS

TASK = """
lrn_backward, for  scale[i] = k + alpha * sum over j in window(i) of x[j]^2,  y = x * scale^-beta
                   window(i) = [i - size/2, i - size/2 + size), clipped to i's group of channels:

    dx[i] = dy[i] * scale[i]^-beta - 2 * alpha * beta * x[i] * sum(i)
    sum(i) = sum over j in reach(i) of dy[j] * x[j] * scale[j]^(-beta - 1)
    reach(i) = every j whose window holds i

    size 4       channel      0   1   2   3   4   5
    window(3) looks at            1   2   3   4           two before, one after
    reach(3) is looked from           2   3   4   5       one before, two after: it is mirrored

At every pixel on its own. A window never crosses the groups: two towers are two groups.

  dx (out)      (n, c, plane): element (ni, ci, pixel) is dx[(ni * c + ci) * plane + pixel]
  dy, x, scale  (n, c, plane), scale from forward

Launch: a thread for each pixel of each group, n * groups * plane in all, which walks up the
group's c / groups channels; but there are at most so many blocks of 256, so each thread goes on
by one whole grid.
"""

HINTS = (
    """Take the index apart: group = index / plane counts the groups of all images, and pixel is
index % plane. The group's first channel is element group * (c / groups) * plane + pixel; the next
is plane further.""",
    """j's window holds i if j - size/2 <= i < j - size/2 + size. Solve for j: from
i + size/2 - size + 1 to i + size/2, clipped to 0 and the last channel of the group.""",
    """for (int i = 0; i < channels; ++i) {
    const int j_first = max(i + size / 2 - size + 1, 0), j_end = min(..., channels);
    REAL sum = 0;
    for (int j = j_first; j < j_end; ++j) sum += dy[...] * x[...] * pow(..., -beta - 1);
    const int here = base + i * plane;
    dx[here] = dy[here] * pow(scale[here], -beta) - 2 * alpha * beta * x[here] * sum;
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    n, c, plane, groups, size = (given[name] for name in ("n", "c", "plane", "groups", "size"))
    channels = c // groups
    dy, x, scale = (
        given[name].reshape(n, groups, channels, plane) for name in ("dy", "x", "scale")
    )
    beta = given["beta"]
    direct, factor = dy * scale**-beta, 2 * given["alpha"] * beta * x

    def sums(first: int, count: int, terms: np.ndarray) -> np.ndarray:
        """For each channel i the sum of the terms from i + first on."""
        out = np.zeros(terms.shape)
        for i, j in np.ndindex(channels, channels):
            if 0 <= j - i - first < count:
                out[:, :, i] += terms[:, :, j]
        return out

    reach, terms = size // 2 - size + 1, dy * x * scale ** (-beta - 1)
    crossing = {**given, "groups": 1, "dx": np.empty(given["dx"].shape)}
    KERNELS["lrn_backward"].twin(*crossing.values())
    found = {
        "the window is not mirrored: reach(i) is every j whose window holds i": direct
        - factor * sums(-(size // 2), size, terms),
        "the sum over the neighbours is missing": direct,
        "the factor 2 is missing": direct - factor / 2 * sums(reach, size, terms),
        "the sum is added: it is taken away": direct + factor * sums(reach, size, terms),
        "the last channel of reach is left out": direct - factor * sums(reach, size - 1, terms),
        "x[i] is missing before the sum": direct
        - 2 * given["alpha"] * beta * sums(reach, size, terms),
        "scale of channel i is taken for all j": direct
        - factor * sums(reach, size, dy * x) * scale ** (-beta - 1),
        "the power in the sum is -beta: it is -beta - 1": direct
        - factor * sums(reach, size, dy * x * scale**-beta),
    }
    found = {cause: dx.reshape(given["dx"].shape) for cause, dx in found.items()}
    return found | {"reach crosses from one group into the next": crossing["dx"]}


EVEN = {"n": 3, "c": 6, "plane": 77, "groups": 2, "size": 4, "alpha": 0.9, "beta": 0.6, "k": 2.0}
ODD = {"n": 1, "c": 7, "plane": 301, "groups": 1, "size": 5, "alpha": 0.9, "beta": 0.75, "k": 2.0}
ONE = {"n": 1, "c": 1, "plane": 1, "groups": 1, "size": 5, "alpha": 0.9, "beta": 0.75, "k": 2.0}

EXERCISE = Exercise(
    "lrn_backward",
    "local response normalization's gradient: a window mirrored",
    TASK,
    (Try(EVEN), Try(EVEN, blocks=1), Try(ODD), Try(ONE), Try({**EVEN, "n": 0})),
    HINTS,
    mistakes=mistakes,
)
