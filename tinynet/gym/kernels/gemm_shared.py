"""The matrix product (NumPy twin of gemm_shared.cu): BLAS, as for its other versions."""

from tinynet.kernels.gemm import gemm


def gemm_shared(c, a, b, m, n, k):
    """c (m, n) = a (m, k) @ b (k, n)."""
    gemm(c, a, b, m, n, k)
