"""The gradient passes where forward kept: the mask is not read but drawn again."""

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.dropout_masks import ALL_KEPT, ONE, PART, mistakes

TASK = """
dropout_backward: dx = dy * scale where forward has kept the element, else 0.

Forward stored no mask. Its random numbers are a function of seed, counter and index, so the same
arguments draw the same ones again:

    kept where word number index % 4 of Philox4x32-10 is at least p * 2^32 (the exercise
    dropout_forward has its rounds: begin with your function from there), with

        index = offset + row * full_cols + j      64 bits; row and j of these (rows, cols)
        c0, c1   index / 4, lower and upper half  key0, key1   seed, lower and upper half
        c2, c3   counter, lower and upper half

    word        07a1..  e31f..  52c0..  9d04..    p 0.3: p * 2^32 is 4ccc..
    kept          no     yes     yes     yes
    dy           1.0    -2.0     0.5     4.0
    dx           0.0    -2.5     0.625   5.0      scale 1.25

  dx (out), dy   (rows, cols)

One thread for each element; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    """y = x * 0 or x * scale, and the factor does not depend on x: backward multiplies dy by the
factor that forward has taken for x.""",
    """Take your forward kernel, and exchange the names: what was read as x is dy, what was written
as y is dx. Nothing else may change, or another mask is drawn.""",
    """const long long full_index = offset + index / cols * full_cols + index % cols;
const unsigned int word = philox(full_index / 4, counter, seed, full_index % 4);
dx[index] = word >= (unsigned long long)(p * 4294967296.0) ? ... : REAL(0);""",
)

EXERCISE = Exercise(
    "dropout_backward",
    "dropout's gradient: the mask drawn again from its counter",
    TASK,
    (Try(PART), Try(PART, blocks=1), Try(ALL_KEPT), Try(ONE), Try({**PART, "rows": 0})),
    HINTS,
    mistakes=lambda given: mistakes(given, given["dy"]),
)
