"""Nothing is computed: all is in the order in which memory is touched."""

import numpy as np

from tinynet.gym.exercise import NEVER, Exercise, Try

TASK = """
transpose: y[column, row] = x[row, column], through shared memory and without bank conflicts.

    x (h, w)   0 1 2 3       y (w, h)   0 4 8       element (row, column) of x is
               4 5 6 7                  1 5 9       x[row * w + column], and becomes
               8 9 a b                  2 6 a       y[column * h + row]
                                        3 7 b
  y (out)   (w, h)
  x         (h, w)

The plain way is one line, and slow: threads that read neighbours write a whole row of y apart.
So a block takes a tile of 32 x 32 through shared memory, which may be touched in any order:

      x                              tile                  y
      . . . . . . . .                                      . . . . . .
      . . a b c . . .    rows        a b c     columns     . . a d . .
      . . d e f . . .   ------>      d e f     ------>     . . b e . .
      . . . . . . . .                                      . . c f . .

But shared memory has 32 banks, one word wide: word number n lies in bank n % 32, and a bank
serves one word at a time. In rows of 32 words a column lies in one bank, and its 32 words are
served one after the other. What must be changed so that a column meets all 32 banks?

Launch: blocks of (32, 8) threads: threadIdx.x runs along the rows of a tile, and each thread
moves 4 elements of it, 8 rows apart. The grid has ceil(w / 32) blocks across, which covers the
columns of x; but there are at most so many down, so a block goes on to the tile that lies
gridDim.y further down. h and w are any sizes: tiles hang over the edges of x.

It is solved if it is right, and asks for hardly more sectors and passes than ours does.
"""

HINTS = (
    """Thread (threadIdx.x, threadIdx.y) reads element (top + i, left + threadIdx.x) of x into
tile[i][threadIdx.x], for i = threadIdx.y, threadIdx.y + 8, ... Then a barrier: what it goes on to
write was read by others. Both when it reads and when it writes it asks: is this in the matrix?""",
    """It writes row left + i of y, at column top + threadIdx.x: that is tile[threadIdx.x][i].
Before the block goes on to the next tile, a second barrier. One unused word at the end of each row
of the tile shifts every row by one bank.""",
    """__shared__ REAL tile[32][33];
const int left = blockIdx.x * 32;
for (int top = blockIdx.y * 32; top < h; top += gridDim.y * 32) {
    for (int i = threadIdx.y; i < 32; i += blockDim.y) {
        const int row = top + i, column = left + threadIdx.x;
        if (row < h && column < w) tile[i][threadIdx.x] = x[row * w + column];
    }
    __syncthreads();
    for (int i = threadIdx.y; i < 32; i += blockDim.y) {
        const int row = top + threadIdx.x, column = left + i;  // of x, once more
        if (...) y[...] = tile[...][...];
    }
    __syncthreads();
}""",
)


EIGHT = "a tile has 32 rows, and a block has threads for 8 of them: so each thread moves 4 elements"


def mistakes(given: dict) -> dict[str, np.ndarray]:
    x, h, w = (given[name] for name in "xhw")
    tiles = x.copy()
    for top in range(0, h - 31, 32):
        for left in range(0, w - 31, 32):
            tiles[top : top + 32, left : left + 32] = x[top : top + 32, left : left + 32].T
    rows_of_h = (np.arange(h) * h + np.arange(w)[:, None]) % x.size
    row = np.arange(h)

    def only(arrived: np.ndarray) -> np.ndarray:
        """What y holds if these rows of x have arrived and no other."""
        return np.where(arrived, x.T, NEVER)

    return {
        EIGHT: only(row % 32 < 8),
        f"{EIGHT}; and a block begins 32 rows below the last one": only(row < -(-h // 32) * 8),
        "x is copied as it lies: element (row, column) becomes y[column * h + row]": x.reshape(
            w, h
        ),
        "a row of x has w elements: (row, column) is x[row * w + column]": x.ravel()[rows_of_h],
        "the tiles have changed places, but each is not turned in itself: write tile[threadIdx.x]"
        "[i], a column of it": tiles.T.copy(),
        "only the first 32 rows of x have arrived: down the grid there are fewer blocks than it "
        "needs, so a block goes on to the tile that is gridDim.y further": only(row < 32),
    }


EXERCISE = Exercise(
    "transpose",
    "a transpose through shared memory, without bank conflicts",
    TASK,
    (
        Try({"h": 64, "w": 96}),
        Try({"h": 45, "w": 70}),
        Try({"h": 70, "w": 45}, blocks=1),
        Try({"h": 1, "w": 1}),
        Try({"h": 0, "w": 5}),
    ),
    HINTS,
    mistakes=mistakes,
    frugal=True,
)
