"""The exhibition: each operation's kernel twice, as CUDA (`lrn.cu`) and as NumPy (`lrn.py`).

A kernel is a name and one argument list, outputs first and preallocated. `launch` is the only way
to run one:

    launch(device, "lrn_forward", y, scale, x, n, c, plane, groups, size, alpha, beta, k)
"""

from tinynet.devices import Device, Gpu
from tinynet.kernels.activation import relu_backward, relu_forward, tanh_backward, tanh_forward
from tinynet.kernels.augment import augment
from tinynet.kernels.avg_pool import avg_pool_backward, avg_pool_forward
from tinynet.kernels.bias import bias_backward, bias_forward
from tinynet.kernels.conv import col2im, im2col
from tinynet.kernels.dropout import dropout_backward, dropout_forward
from tinynet.kernels.gemm import gemm
from tinynet.kernels.launching import compiled
from tinynet.kernels.launching.gate import check
from tinynet.kernels.lrn import lrn_backward, lrn_forward
from tinynet.kernels.lrn_within import lrn_within_backward, lrn_within_forward
from tinynet.kernels.max_pool import max_pool_backward, max_pool_forward
from tinynet.kernels.sgd import sgd_update
from tinynet.kernels.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward

TWINS = {
    twin.__name__: twin
    for twin in (
        im2col,
        col2im,
        max_pool_forward,
        max_pool_backward,
        avg_pool_forward,
        avg_pool_backward,
        lrn_forward,
        lrn_backward,
        lrn_within_forward,
        lrn_within_backward,
        relu_forward,
        relu_backward,
        tanh_forward,
        tanh_backward,
        dropout_forward,
        dropout_backward,
        softmax_cross_entropy_forward,
        softmax_cross_entropy_backward,
        bias_forward,
        bias_backward,
        sgd_update,
        augment,
    )
} | {"gemm_naive": gemm, "gemm_tiled": gemm}


def launch(device: Device, name: str, *args) -> None:
    """Run the kernel called `name` on `device`, once `gate.check` has let its arguments through."""
    real = check(device, name, args)
    if isinstance(device, Gpu):
        compiled.run(device, name, args, real)
    else:
        TWINS[name](*args)
