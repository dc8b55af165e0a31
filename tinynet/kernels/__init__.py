"""The exhibition: each operation's kernel twice, as CUDA (`lrn.cu`) and as NumPy (`lrn.py`).

A kernel is a name and one argument list, outputs first and preallocated. `launch` is the only way
to run one:

    launch(device, "lrn_forward", y, scale, x, n, c, plane, groups, size, alpha, beta, k)
"""

from tinynet.devices import Device
from tinynet.kernels.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from tinynet.kernels.augment import augment
from tinynet.kernels.avg_pool import avg_pool_backward, avg_pool_forward
from tinynet.kernels.bias import bias_backward, bias_forward
from tinynet.kernels.conv import col2im, im2col
from tinynet.kernels.dropout import dropout_backward, dropout_forward
from tinynet.kernels.gemm import gemm
from tinynet.kernels.launching.gate import check
from tinynet.kernels.launching.geometry import elements, rows, tiles
from tinynet.kernels.launching.kernel import Kernel
from tinynet.kernels.local import local_backward, local_backward_weight, local_forward
from tinynet.kernels.lrn import lrn_backward, lrn_forward
from tinynet.kernels.lrn_within import lrn_within_backward, lrn_within_forward
from tinynet.kernels.max_pool import max_pool_backward, max_pool_forward
from tinynet.kernels.sgd import sgd_update
from tinynet.kernels.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward

__all__ = ["KERNELS", "launch"]

KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel(im2col, elements("n", "c", "oh", "ow")),
        Kernel(col2im, elements("n", "c", "h", "w")),
        Kernel(local_forward, elements("n", "filters", "oh", "ow")),
        Kernel(local_backward, elements("n", "c", "h", "w")),
        Kernel(local_backward_weight, elements("filters", "c", "kh", "kw", "oh", "ow")),
        Kernel(max_pool_forward, elements("n", "c", "oh", "ow")),
        Kernel(max_pool_backward, elements("n", "c", "h", "w")),
        Kernel(avg_pool_forward, elements("n", "c", "oh", "ow")),
        Kernel(avg_pool_backward, elements("n", "c", "h", "w")),
        Kernel(lrn_forward, elements("n", "groups", "plane")),
        Kernel(lrn_backward, elements("n", "groups", "plane")),
        Kernel(lrn_within_forward, elements("n", "c", "h", "w")),
        Kernel(lrn_within_backward, elements("n", "c", "h", "w")),
        Kernel(relu_forward, elements("size")),
        Kernel(relu_backward, elements("size")),
        Kernel(tanh_forward, elements("size")),
        Kernel(tanh_backward, elements("size")),
        Kernel(dropout_forward, elements("rows", "cols")),
        Kernel(dropout_backward, elements("rows", "cols")),
        Kernel(softmax_cross_entropy_forward, rows("n")),
        Kernel(softmax_cross_entropy_backward, elements("n", "classes")),
        Kernel(bias_forward, elements("n", "c", "plane")),
        Kernel(bias_backward, rows("c")),
        Kernel(sgd_update, elements("size")),
        Kernel(augment, elements("n", "c", "oh", "ow")),
        Kernel(gemm, tiles(tile=(8, 32), block=(32, 8)), "gemm_naive"),
        Kernel(gemm, tiles(tile=(64, 64), block=(16, 16)), "gemm_tiled"),
    )
}


def launch(device: Device, name: str, *args) -> None:
    """Run the kernel called `name` on `device`, once `gate.check` has let its arguments through."""
    kernel = KERNELS[name]
    device.run(kernel, args, check(device, kernel, args))
