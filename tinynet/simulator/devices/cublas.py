"""`cupy.cublas` for simulated devices: the product that adds to what is there."""

import numpy as np

from tinynet.simulator.devices.arrays import SimArray, call, require_written


def gemm(
    transa: str, transb: str, a: SimArray, b: SimArray, out: SimArray, beta: float = 0.0
) -> SimArray:
    """out = a @ b + beta * out, of matrices."""
    if (transa, transb) != ("N", "N"):
        raise NotImplementedError("gemm: hand in a transposed factor as the view a.T")
    if beta == 0:
        return call(np.matmul, a, b, out=out)  # whatever was there, a NaN too
    require_written(out, "gemm")
    return call(_product_and_sum, a, b, beta, out=out)


def _product_and_sum(a: np.ndarray, b: np.ndarray, beta: float, out: np.ndarray) -> np.ndarray:
    return np.add(a @ b, beta * out, out=out)
