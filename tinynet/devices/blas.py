"""Matrix products by BLAS, on all cores.

BLAS libraries have threads of their own, but cut a product by how many there are, and the last bits
of the result change with the cut. Here a large product is always cut into the same parts, each for
one worker: the same bits on any number of cores.
"""

import numpy as np

from tinynet.devices import threads

SMALL = 1 << 24  # multiply-adds: 0.1 ms on one core, about as long as waking the others takes


def multiply(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out = a @ b, of matrices or of stacks of matrices that broadcast to that of `out`.

    Transposed views cost no copy.
    """
    (*stack, m, n), k = out.shape, a.shape[-1]
    a, b = np.broadcast_to(a, (*stack, m, k)), np.broadcast_to(b, (*stack, k, n))
    if not stack or m * n * k > SMALL:
        for i in np.ndindex(*stack):
            _multiply_one(out[i], a[i], b[i])
    else:  # whole matrices to each worker, along the first axis of the stack
        step = -(-len(out) // threads.SHARES)
        threads.for_each_slice(len(out), step, lambda i: np.matmul(a[i], b[i], out=out[i]))


def _multiply_one(out, a, b):
    m, n = out.shape
    parts = threads.SHARES if m * n * a.shape[1] > SMALL else 1
    step = max(1, -(-max(m, n) // parts))
    if m > n:
        threads.for_each_slice(m, step, lambda i: np.matmul(a[i], b, out=out[i]))
    else:
        threads.for_each_slice(n, step, lambda j: np.matmul(a, b[:, j], out=out[:, j]))
