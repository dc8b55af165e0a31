"""The first kernel of all: one thread for each element, and what to do where they do not match."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
vector_add: y = a + b.

    a    1.0   2.0  -0.5   4.0         one thread for each element
          +     +     +     +
    b    0.5  -2.0   3.0   1.0
          |     |     |     |
    y    1.5   0.0   2.5   5.0

  y (out), a, b   (size,)

Threads come in blocks of 256, and size is hardly ever a multiple of that: in the last block some
have nothing to do. size may be 0: then nobody has.

    |<------ block 0 ------>|<------ block 1 ------>|<------ block 2 ------>|
    |<------------------------ size ------------------------>|  too many    |

The other way round, too: there are at most so many blocks (gridDim.x). If size is larger than
the grid, each thread goes on to the element that lies one whole grid further, and so on.

What a thread knows of itself: threadIdx.x, its number in its block, from 0 to blockDim.x - 1,
which is 255 here; and blockIdx.x, the number of its block, from 0 to gridDim.x - 1.

REAL is float or double: the file is compiled for both.
"""

HINTS = (
    """A thread's number in the grid is blockIdx.x * blockDim.x + threadIdx.x. The simplest kernel
lets thread number i compute y[i]. Is its i below size?""",
    """A whole grid is gridDim.x * blockDim.x threads. A loop does both: it ends at once for a
thread that has nothing to do, and goes on for one that has more than one element.""",
    """const int first = blockIdx.x * blockDim.x + threadIdx.x;
for (int index = first; index < size; index += ...) {
    y[index] = ...;
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    a, b = given["a"], given["b"]
    return {
        "b is taken away, not added": a - b,
        "that is the product": a * b,
        "that is a alone": a,
        "that is b alone": b,
        "that is a + a": a + a,
        "that is b + b": b + b,
        "every element is that of place 0: let each thread have an index of its own": np.full_like(
            a, (a + b)[:1].sum()
        ),
    }


EXERCISE = Exercise(
    "vector_add",
    "a + b: one thread an element, and a ragged end",
    TASK,
    (
        Try({"size": 701}),
        Try({"size": 701}, blocks=1),
        Try({"size": 1}),
        Try({"size": 512}),
        Try({"size": 0}),
    ),
    HINTS,
    mistakes=mistakes,
)
