"""The first kernel: one thread for each element, and what to do where they do not match."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
relu_forward: y = x where x > 0, else 0.

    x   -1.5   0.3   2.0  -0.1   nan         one thread for each element
          |     |     |     |     |
    y    0.0   0.3   2.0   0.0   nan         a NaN is seen, not hidden

  y (out), x   (size,)

Threads come in blocks of 256, and size is hardly ever a multiple of that: in the last block some
have nothing to do.

    |<------ block 0 ------>|<------ block 1 ------>|<------ block 2 ------>|
    |<------------------------ size ------------------------>|  too many    |

The other way round, too: there are at most so many blocks. If size is larger than the grid, each
thread goes on to the element that lies one whole grid further, and so on.

REAL is float or double: the file is compiled for both. Write REAL(0) for a number.
"""

HINTS = (
    "A thread's number in the grid is blockIdx.x * blockDim.x + threadIdx.x. Is it below size?",
    "Let a loop do both: for (int index = number; index < size; index += gridDim.x * blockDim.x). "
    "A comparison with a NaN is false; choose yours so that the NaN stays.",
    """for (int index = first; index < size; index += gridDim.x * blockDim.x) {
    y[index] = x[index] < REAL(0) ? ... : ...;
}""",
)


def prepare(given: dict) -> None:
    given["x"][:4] = (0.5, np.nan, np.inf, -0.0)[: given["x"].size]


def mistakes(given: dict) -> dict[str, np.ndarray]:
    x = given["x"]
    return {
        "a NaN is lost: a comparison with it is false, so which side does it take?": np.where(
            x > 0, x, 0
        ),
        "that is |x|": np.abs(x),
        "that is the part below 0": np.where(x < 0, x, 0),
        "that is x itself": x,
        "that is 1 where x is above 0": np.where(x > 0, 1.0, 0.0),
    }


EXERCISE = Exercise(
    "relu_forward",
    "ReLU: one thread an element, and a ragged end",
    TASK,
    (
        Try({"size": 701}),
        Try({"size": 701}, blocks=1),
        Try({"size": 1}),
        Try({"size": 512}),
        Try({"size": 0}),
    ),
    HINTS,
    prepare,
    mistakes,
)
