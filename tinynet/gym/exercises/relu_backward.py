"""The first gradient: it follows from y alone, so forward need not keep x."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
relu_backward: dx = dy where y > 0, else 0.

    y     0.0   0.3   2.0   0.0              what forward gave: where x was not above 0, it is 0
    dy   -1.0   0.5  -3.0   4.0              how the loss changes with y
          |     |     |     |
    dx    0.0   0.5  -3.0   0.0              how it changes with x

  dx (out), dy, y   (size,)

At y = 0 there is no derivative: the slope on the left, 0, is taken. dx is overwritten: it holds
nothing at first.

The grid has at most so many blocks of 256 threads: each thread goes on by one whole grid.
"""

HINTS = (
    """The gradient of what a thread computed in forward belongs to the same element: no thread
needs anything of another.""",
    "y is never below 0, so y >= 0 is always true. What do you have to ask?",
    """for (int index = first; index < size; index += gridDim.x * blockDim.x) {
    dx[index] = y[index] > ... ? ... : REAL(0);
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    dy, y = given["dy"], given["y"]
    return {
        "all of dy has passed: y is never below 0, so y >= 0 says nothing": dy,
        "that is the slope alone: the chain rule multiplies it by dy": np.where(y > 0, 1.0, 0.0),
        "that is y, not dy": y,
        "the wrong ones pass: where y is 0, and not where it is above": np.where(y > 0, 0, dy),
        "dy is asked instead of y": np.where(dy > 0, dy, 0),
        "that is dy * y: the slope is 1, whatever y is": dy * y,
    }


EXERCISE = Exercise(
    "relu_backward",
    "ReLU's gradient, from y alone",
    TASK,
    (Try({"size": 701}), Try({"size": 701}, blocks=1), Try({"size": 1}), Try({"size": 0})),
    HINTS,
    mistakes=mistakes,
)
