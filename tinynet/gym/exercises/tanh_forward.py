"""A formula that is right on paper and overflows in figures."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
tanh_forward: y = tanh(x) = (e^x - e^-x) / (e^x + e^-x).

    x    -800   -2.0    -0.5    0.0   0.5    2.0    800
    y      -1   -0.964  -0.462  0.0   0.462  0.964    1        between -1 and 1, whatever x is

      1 |            .----
        |          /
      0 |---------+---------        steep in the middle, flat at the ends
        |        /
     -1 |  -----'

e^800 is more than a double holds, and infinity / infinity is no number: of finite x no NaN may
come out.

  y (out), x   (size,)

One thread for each element; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    "The last block is ragged: a thread whose index is not below size has nothing to do.",
    """Divide the fraction above and below by the larger of the two powers: then no power is above
1. Or take what CUDA has for it.""",
    """for (int index = first; index < size; index += gridDim.x * blockDim.x) {
    y[index] = tanh(...);
}""",
)


def prepare(given: dict) -> None:
    """Some far out, where e^x overflows."""
    far = [0.5, 800.0, -800.0, 100.0, -100.0]  # e^100 is a double, and no float
    given["x"][:5] = far[: given["size"]]


def mistakes(given: dict) -> dict[str, np.ndarray]:
    x = given["x"]
    y = np.tanh(x)
    with np.errstate(over="ignore"):
        return {
            "e^x has overflowed: divide above and below by the larger power": np.where(
                abs(x) > 709, np.nan, y
            ),
            "e^x has overflowed on the right: infinity / infinity": np.where(x > 354, np.nan, y),
            "e^-x has overflowed on the left: infinity / infinity": np.where(x < -354, np.nan, y),
            "that is the sigmoid, 1 / (1 + e^-x): tanh goes from -1 to 1": 1 / (1 + np.exp(-x)),
            "that is the slope, 1 - tanh(x)^2": 1 - y * y,
            "the sign is wrong: tanh(x) has that of x": -y,
            "x has gone through as it is": x,
            "e^x - e^-x is not divided by e^x + e^-x": 2 * np.sinh(x),
            "that is tanh(x / 2): in both powers x is x": np.tanh(x / 2),
            "that is x clipped to -1 and 1": np.clip(x, -1, 1),
        }


EXERCISE = Exercise(
    "tanh_forward",
    "tanh: a formula that overflows",
    TASK,
    (Try({"size": 701}), Try({"size": 701}, blocks=1), Try({"size": 1}), Try({"size": 0})),
    HINTS,
    prepare=prepare,
    mistakes=mistakes,
)
