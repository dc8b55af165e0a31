"""The matrix product (NumPy twin of gemm.cu): BLAS, on all cores."""

from tinynet.devices import blas


def gemm(c, a, b, m, n, k):
    """c (m, n) = a (m, k) @ b (k, n)."""
    blas.multiply(c.reshape(m, n), a.reshape(m, k), b.reshape(k, n))
