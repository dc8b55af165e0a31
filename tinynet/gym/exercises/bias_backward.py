"""A reduction: many threads, one sum."""

import numpy as np

from tinynet.gym.exercise import Exercise, Try

TASK = """
bias_backward: dbias[ci] = the sum of dy[ni, ci, pixel] over all images and pixels.

    dy of channel ci     t0 t1 t2 ... t255 t0 t1 t2 ...        256 threads take turns
                          \\  |  /
    a sum each           s0 s1 s2 ... s255                     in registers
                          '--+--'  '--+--'
    a sum each warp        p0   p1   ...  p7                   in shared memory
                            '----+----'
    dbias[ci]                    S                             one thread writes it

  dbias (out)   (c,)
  dy            (n, c, plane): element (ni, ci, pixel) is dy[(ni * c + ci) * plane + pixel]

Launch: blocks of 256 threads, one for each channel, but at most so many: then a block goes on to
channel ci + gridDim.x. No atomics: the sum must have the same bits each time.

What you may use: __shared__ REAL partial[256]; __syncthreads(). And __shfl_xor_sync(0xffffffffu,
v, k) gives a thread the v of the one whose number in the warp differs in the bits of k.
"""

HINTS = (
    """First each thread adds up its own elements: number t takes the elements t, t + 256, ... of
the n * plane that the channel has. Element i is pixel i % plane of image i / plane.""",
    """Then leave the 256 sums in shared memory, wait for all (__syncthreads), and add them up:
halve the number of threads that add, and wait again after each step. Before the block goes on to
another channel it must wait once more.""",
    """__shared__ REAL partial[256];
for (int ci = blockIdx.x; ci < c; ci += gridDim.x) {
    REAL sum = 0;
    for (int i = threadIdx.x; i < n * plane; i += blockDim.x) sum += dy[...];
    partial[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) dbias[ci] = ...;
    __syncthreads();
}""",
)


def mistakes(given: dict) -> dict[str, np.ndarray]:
    n, c, plane = (given[name] for name in ("n", "c", "plane"))
    dy = given["dy"].reshape(n, c, plane)
    rows = dy.swapaxes(0, 1).reshape(c, n * plane)  # the elements of each channel
    lane = np.arange(n * plane) % 256
    return {
        "only the first image is in the sum": dy[0].sum(axis=1),
        "each thread has taken one element only, and must go on to t + 256": rows[:, :256].sum(1),
        "the sum of the first warp alone has arrived: the other seven are missing": rows[
            :, lane < 32
        ].sum(axis=1),
        "the sum of the first thread alone has arrived": rows[:, lane == 0].sum(axis=1),
        "that is the mean: the gradient of a sum has no divisor": rows.mean(axis=1),
        "dy is read as if the channels stood last": dy.reshape(n * plane, c).sum(axis=0),
        "of each warp the first thread's sum alone has arrived": rows[:, lane % 32 == 0].sum(
            axis=1
        ),
        "images and channels are exchanged: dy is (n, c, plane)": dy.reshape(c, n, plane).sum(
            axis=(1, 2)
        ),
        "the first element is left out": rows[:, 1:].sum(axis=1),
        "the last image is left out": dy[:-1].sum(axis=(0, 2)),
    }


EXERCISE = Exercise(
    "bias_backward",
    "the bias's gradient: a reduction by a block",
    TASK,
    (
        Try({"n": 3, "c": 5, "plane": 449}),
        Try({"n": 3, "c": 5, "plane": 449}, blocks=2),
        Try({"n": 9, "c": 67, "plane": 1}),
        Try({"n": 1, "c": 1, "plane": 1}),
        Try({"n": 0, "c": 5, "plane": 49}),
    ),
    HINTS,
    mistakes=mistakes,
)
