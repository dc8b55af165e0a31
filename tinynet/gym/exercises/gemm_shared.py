"""The second rung of the matrix product: what many threads need is read once for all of them."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.gemm_naive import UNEVEN
from tinynet.gym.exercises.products import mistakes as of_products

TASK = """
gemm_shared: c = a @ b once more, through shared memory.

    c[row, column] = sum over i < k of a[row, i] * b[i, column]

In the plain way each number of a is read from global memory n times, and each of b m times. But
the 256 threads of a block need the same 16 rows of a and 16 columns of b. So they copy them into
shared memory, 16 x 16 numbers of each at a step, and each number serves 16 threads:

                                 | b_tile  |          1. each thread copies one number of both
                                 |    |    |          2. barrier: the tiles are full
                 |  a_tile  |    |    v    |          3. each adds 16 products to its sum
                 | -------> |    |    o    | c        4. barrier: all have read; then the next
                 |          |    |         |             16 along k

  c (out)   (m, n)      all row-major, any sizes
  a         (m, k)
  b         (k, n)

k is hardly ever a multiple of 16, nor m and n: what lies outside a or b is copied as 0, which
adds nothing, and what lies outside c is not written.

Launch: blocks of (16, 16) threads: threadIdx.x runs along a row of c. The grid has ceil(n / 16)
blocks across, which covers the columns; but there are at most so many down, so a block goes on
to the rows from top + gridDim.y * 16 on.

It is solved if it is right, and asks for hardly more of the memory than ours does.
"""

HINTS = (
    """A thread copies what stands at its own place: a_tile[threadIdx.y][threadIdx.x] is element
(row, step + threadIdx.x) of a, b_tile[threadIdx.y][threadIdx.x] is (step + threadIdx.y, column)
of b. Then it reads row threadIdx.y of a_tile and column threadIdx.x of b_tile.""",
    """Every thread must come to every barrier, even one whose row or column lies outside: no
return, and no barrier in an `if`. There are two in a step. The sum begins at 0 for each tile of c,
and not for each step.""",
    """__shared__ REAL a_tile[16][16], b_tile[16][16];
const int column = blockIdx.x * 16 + threadIdx.x;
for (int top = blockIdx.y * 16; top < m; top += gridDim.y * 16) {
    const int row = top + threadIdx.y;
    REAL sum = 0;
    for (int step = 0; step < k; step += 16) {
        a_tile[threadIdx.y][threadIdx.x] =
            row < m && step + threadIdx.x < k ? a[row * k + step + threadIdx.x] : REAL(0);
        b_tile[threadIdx.y][threadIdx.x] = ... ? ... : REAL(0);
        __syncthreads();
        for (int i = 0; i < 16; ++i) sum += a_tile[...][...] * b_tile[...][...];
        __syncthreads();
    }
    if (...) c[row * n + column] = sum;
}""",
)


def _turned(matrix: np.ndarray) -> np.ndarray:
    """With each tile of 16 x 16 turned in itself, and zeros around."""
    padded = np.pad(matrix, [(0, -size % 16) for size in matrix.shape])
    rows, columns = padded.shape
    tiles = padded.reshape(rows // 16, 16, columns // 16, 16)
    return tiles.swapaxes(1, 3).reshape(rows, columns)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    a, b, m, n, k = (given[name] for name in "abmnk")
    return of_products(given) | {
        "a_tile is read down its columns: a thread needs its row threadIdx.y": _turned(a)[:m]
        @ np.pad(b, [(0, -k % 16), (0, 0)]),
        "b_tile is read along its rows: a thread needs its column threadIdx.x": np.pad(
            a, [(0, 0), (0, -k % 16)]
        )
        @ _turned(b)[:, :n],
    }


EXERCISE = Exercise(
    "gemm_shared",
    "a matrix product through shared memory, one element a thread",
    TASK,
    (
        *(Try(UNEVEN), Try(UNEVEN, blocks=1)),
        *(Try({"m": 1, "n": 1, "k": 1}), Try({"m": 3, "n": 2, "k": 0})),
    ),
    HINTS,
    mistakes=mistakes,
    frugal=True,
)
