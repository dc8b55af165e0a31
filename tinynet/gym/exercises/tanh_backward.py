"""A derivative that follows from the result: 1 - y*y."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
tanh_backward: dx = dy * (1 - y^2), with y = tanh(x) from forward.

    d tanh(x) / dx = 1 / cosh(x)^2 = 1 - tanh(x)^2        so y is enough, and x may be forgotten

    y     -0.9   0.0   0.5   1.0
    1-y^2  0.19  1.0   0.75  0.0         steep in the middle, flat at the ends
    dy     2.0   3.0  -4.0   5.0
    dx     0.38  3.0  -3.0   0.0

  dx (out), dy, y   (size,)

One thread for each element; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    "The chain rule: what comes from behind, dy, times the slope of this function here.",
    "y is already tanh(x): no tanh has to be computed again.",
    """for (int index = first; index < size; index += gridDim.x * blockDim.x) {
    dx[index] = dy[index] * (REAL(1) - ...);
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    dy, y = given["dy"], given["y"]
    return {
        "y is not squared": dy * (1 - y),
        "that is the slope alone: the chain rule multiplies it by dy": 1 - y * y,
        "that is the sigmoid's slope, y * (1 - y)": dy * y * (1 - y),
        "the square is added: it is taken away from 1": dy * (1 + y * y),
        "tanh is taken once more: y is tanh(x) already": dy * (1 - np.tanh(y) ** 2),
        "the 1 is missing": -dy * y * y,
        "dy is squared, not y": dy * (1 - dy * dy),
    }


EXERCISE = Exercise(
    "tanh_backward",
    "tanh's gradient, from y alone",
    TASK,
    (Try({"size": 701}), Try({"size": 701}, blocks=1), Try({"size": 1}), Try({"size": 0})),
    HINTS,
    mistakes=mistakes,
)
