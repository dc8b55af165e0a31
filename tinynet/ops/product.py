"""a @ b on a device: BLAS or cuBLAS, or the kernels of gemm.cu.

TINYNET_GEMM=naive or tiled makes the kernels do every product, to watch and time them. cuBLAS
computes in full float32, or in TF32 where `device.use_tf32` says so.
"""

import os

import numpy as np

from tinynet.devices import Device, Gpu
from tinynet.kernels import launch

KERNELS = {"": "", "naive": "gemm_naive", "tiled": "gemm_tiled"}


def product(device: Device, a, b, out=None):
    """a @ b for matrices, or for stacks of matrices, which broadcast; written to `out` if given."""
    chosen = _chosen_kernel()
    if out is None:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = device.empty((*stack, a.shape[-2], b.shape[-1]), a.dtype)
    if chosen:
        _by_kernel(device, chosen, out, a, b)
    else:
        device.multiply(out, a, b)
    return out


def add_product(device: Device, out, a, b) -> None:
    """out += a @ b, for matrices; cuBLAS does that in one go."""
    if isinstance(device, Gpu) and not _chosen_kernel():
        device.multiply(out, a, b, add=True)
    else:
        out += product(device, a, b, out=device.scratch("term", out.shape, out.dtype))


def _chosen_kernel() -> str:
    """The kernel of gemm.cu that TINYNET_GEMM asks for, or ""."""
    chosen = os.environ.get("TINYNET_GEMM", "")
    if chosen not in KERNELS:
        raise ValueError(f"TINYNET_GEMM expects naive or tiled, got {chosen!r}")
    return KERNELS[chosen]


def _by_kernel(device: Device, kernel: str, out, a, b) -> None:
    (*stack, m, n), k = out.shape, a.shape[-1]
    a = device.contiguous(device.xp.broadcast_to(a, (*stack, m, k))).reshape(-1, m, k)
    b = device.contiguous(device.xp.broadcast_to(b, (*stack, k, n))).reshape(-1, k, n)
    c = out.reshape(-1, m, n)
    for i in range(len(c)):
        launch(device, kernel, c[i], a[i], b[i], m, n, k)
