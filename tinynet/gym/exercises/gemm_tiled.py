"""The third rung, where a product gets fast: read once, used by many."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.products import mistakes as of_products

TASK = """
gemm_tiled: c = a @ b once more, through shared memory and registers.

    c[row, column] = sum over i < k of a[row, i] * b[i, column]

The plain way reads two numbers from global memory for each multiply-add. Here a block of 256
threads computes a tile of 64 x 64 elements of c, and walks along k in steps of 32:

                                 |  b_tile  |  32 x 64      1. all threads copy both tiles, once,
                                 +----------+                  from global to shared memory
                                 |    |     |               2. barrier
                   a_tile        |    v     |               3. each reads there, and adds
            ----+---------+---   +----------+               4. barrier; then the next 32 along k
                | ->      |      | c: 64 x  |
      64 x 32   |         |      |    64    |
            ----+---------+---   +----------+

    Each thread has 16 sums in registers, REAL sum[4][4], for the elements

        row    = top  + threadIdx.y + 16 * i      i and j from 0 to 3: 4 numbers of a and 4 of b
        column = left + threadIdx.x + 16 * j      serve 16 multiply-adds

  c (out)   (m, n)      all row-major, any sizes
  a         (m, k)
  b         (k, n)

What lies outside a or b is copied as 0, which adds nothing; what lies outside c is not written.

Launch: blocks of (16, 16) threads. The grid has ceil(n / 64) blocks across, which covers the
columns; but there are at most so many down, so a block goes on to the rows from
top + gridDim.y * 64 on. A block has 48 KiB of shared memory.

It is solved if it is right, and asks for hardly more of the memory than ours does.
"""

HINTS = (
    """__shared__ REAL a_tile[64][33], b_tile[32][64]; in rows of 32 what two rows hold in one
column would lie in one bank, so a_tile has one column more. With
thread = threadIdx.y * 16 + threadIdx.x, thread number t copies the elements t, t + 256, ... of
each tile.""",
    """Every thread must come to every barrier, even one whose part of c lies outside: no return,
and no barrier in an `if`. There are two in a step: when the tiles are full, and before the next
step overwrites them. The 16 sums begin at 0 for each tile of c, and not for each step.""",
    """for (int top = blockIdx.y * 64; top < m; top += gridDim.y * 64) {
    REAL sum[4][4] = {};
    for (int step = 0; step < k; step += 32) {
        for (int t = thread; t < 64 * 32; t += 256) {
            const int row = top + t / 32, i = step + t % 32;
            a_tile[t / 32][t % 32] = row < m && i < k ? a[row * k + i] : REAL(0);
        }
        ... b_tile[t / 64][t % 64], the same way ...
        __syncthreads();
        for (int depth = 0; depth < 32; ++depth) {
            REAL from_a[4], from_b[4];  // read once: 8 numbers serve 16 multiply-adds
            ... a_tile[threadIdx.y + 16 * i][depth], b_tile[depth][threadIdx.x + 16 * i] ...
            ... sum[i][j] += from_a[i] * from_b[j];
        }
        __syncthreads();
    }
    ... c[row * n + column] = sum[i][j], where row < m && column < n
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    carried = given["a"] @ given["b"]
    carried[64:] += carried[:-64]
    return of_products(given) | {
        "the sums of the tile above are still there: they begin at 0 for each tile of c": carried
    }


UNEVEN = {"m": 70, "n": 67, "k": 123}

EXERCISE = Exercise(
    "gemm_tiled",
    "a matrix product in tiles: shared memory and registers",
    TASK,
    (
        Try(UNEVEN),
        Try(UNEVEN, blocks=1),
        Try({"m": 1, "n": 1, "k": 1}),
        Try({"m": 3, "n": 2, "k": 0}),
    ),
    HINTS,
    mistakes=mistakes,
    frugal=True,
)
