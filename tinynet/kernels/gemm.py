"""The matrix product (NumPy twin of gemm.cu): BLAS, on all cores.

BLAS libraries have threads of their own, but cut a product by how many there are, and the last bits
of the result change with the cut. Here a large product is always cut into the same 16 parts, each
for one worker: the same bits on any number of cores.
"""

import numpy as np

from tinynet.devices import threads

PARTS = 16
SMALL = 1 << 24  # multiply-adds: 0.1 ms on one core, about as long as waking the others takes


def gemm(c, a, b, m, n, k):
    """c (m, n) = a (m, k) @ b (k, n). Transposed views cost no copy."""
    parts = PARTS if m * n * k > SMALL else 1
    step = max(1, -(-max(m, n) // parts))
    if m > n:
        threads.for_each_slice(m, step, lambda i: np.matmul(a[i], b, out=c[i]))
    else:
        threads.for_each_slice(n, step, lambda j: np.matmul(a, b[:, j], out=c[:, j]))
