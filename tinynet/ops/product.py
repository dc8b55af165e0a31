"""a @ b on a device: BLAS or cuBLAS, or the kernels of gemm.cu.

TINYNET_GEMM=naive or tiled makes the kernels do every product, to watch and time them. cuBLAS
computes in full float32. CUPY_TF32=1 lets CuPy use TF32, but only in products of two matrices,
those of the fully connected layers: never in the stacks of a convolution.
"""

import os
from math import prod

import numpy as np

from tinynet.devices import Cpu, Device, threads
from tinynet.kernels import launch
from tinynet.kernels.gemm import PARTS, SMALL, gemm

KERNELS = {"": None, "naive": "gemm_naive", "tiled": "gemm_tiled"}


def product(device: Device, a, b, out=None):
    """a @ b for matrices, or for stacks of matrices, which broadcast; written to `out` if given."""
    chosen = os.environ.get("TINYNET_GEMM", "")
    if chosen not in KERNELS:
        raise ValueError(f"TINYNET_GEMM expects naive or tiled, got {chosen!r}")
    (m, k), n = a.shape[-2:], b.shape[-1]
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if out is None:
        out = device.empty((*stack, m, n), a.dtype)
    if KERNELS[chosen] is None:
        if not isinstance(device, Cpu) or (stack and threads.at_work()):
            return device.xp.matmul(a, b, out=out)
        _on_all_cores(out, a, b, stack)
        return out
    a = device.contiguous(device.xp.broadcast_to(a, (*stack, m, k))).reshape(prod(stack), m, k)
    b = device.contiguous(device.xp.broadcast_to(b, (*stack, k, n))).reshape(prod(stack), k, n)
    c = out.reshape(prod(stack), m, n)
    for i in range(prod(stack)):
        launch(device, KERNELS[chosen], c[i], a[i], b[i], m, n, k)
    return out


def _on_all_cores(out, a, b, stack: tuple[int, ...]) -> None:
    """out = a @ b with BLAS, cut so that any number of cores gives the same bits."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    a, b = np.broadcast_to(a, (*stack, m, k)), np.broadcast_to(b, (*stack, k, n))
    if not stack or m * n * k > SMALL:
        for i in np.ndindex(stack):
            gemm(out[i], a[i], b[i], m, n, k)
    else:  # whole matrices to each worker, along the first axis of the stack
        step = max(1, -(-stack[0] // PARTS))
        threads.for_each_slice(stack[0], step, lambda i: np.matmul(a[i], b[i], out=out[i]))
