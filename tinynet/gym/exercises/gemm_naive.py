"""The first rung of the matrix product: every number is read where it lies."""

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.products import mistakes

TASK = """
gemm_naive: the matrix product c = a @ b.

    c[row, column] = sum over i < k of a[row, i] * b[i, column]

                               column
                           . . . # . .          b (k, n)
                           . . . # . .
                           . . . # . .
             . . .         . . . . . .
       row   # # #         . . . o . .          c (m, n): o is the sum of three products
             . . .         . . . . . .
            a (m, k)

  c (out)   (m, n)      all row-major: element (row, column) is c[row * n + column]
  a         (m, k)
  b         (k, n)

Launch: blocks of (32, 8) threads: threadIdx.x runs along a row of c, so that neighbours
read and write neighbouring numbers, of b and of c; threadIdx.y runs down the rows.
The grid has ceil(n / 32) blocks across, which covers the columns; but there are at most so many
down, so a thread goes on to the row that is gridDim.y * blockDim.y further.
"""

HINTS = (
    """column = blockIdx.x * blockDim.x + threadIdx.x, and the first row is the same with y. The
last block across is ragged: its threads from column n on have nothing to do.""",
    """One step along k is one place to the right in a, which is the next number, and one row down
in b, which is n numbers further. Add up in a register; write c once, after the loop.""",
    """if (column >= n) return;
for (int row = ...; row < m; row += gridDim.y * blockDim.y) {
    REAL sum = 0;
    for (int i = 0; i < k; ++i) sum += a[row * k + i] * b[...];
    c[...] = sum;
}""",
)

UNEVEN = {"m": 21, "n": 67, "k": 123}

EXERCISE = Exercise(
    "gemm_naive",
    "a matrix product, the plain way",
    TASK,
    (
        Try(UNEVEN),
        Try(UNEVEN, blocks=1),
        Try({"m": 1, "n": 1, "k": 1}),
        Try({"m": 3, "n": 2, "k": 0}),
    ),
    HINTS,
    mistakes=mistakes,
)
