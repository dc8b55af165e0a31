"""The exercises, a file each, from the easiest on; first what several have in common:

windows.py, dropout_masks.py, products.py,
vector_add.py, relu_forward.py, relu_backward.py, tanh_forward.py, tanh_backward.py, sgd_update.py,
bias_forward.py, augment.py, softmax_cross_entropy_backward.py, bias_backward.py, transpose.py,
gemm_naive.py, gemm_shared.py,
softmax_cross_entropy_forward.py, dropout_forward.py, dropout_backward.py,
avg_pool_forward.py, max_pool_forward.py, im2col.py, col2im.py, local_forward.py,
max_pool_backward.py, avg_pool_backward.py, local_backward_weight.py, local_backward.py,
lrn_backward.py, lrn_forward.py, lrn_within_backward.py, gemm_tiled.py
"""

from tinynet.gym.exercises import (
    augment,
    avg_pool_backward,
    avg_pool_forward,
    bias_backward,
    bias_forward,
    col2im,
    dropout_backward,
    dropout_forward,
    gemm_naive,
    gemm_shared,
    gemm_tiled,
    im2col,
    local_backward,
    local_backward_weight,
    local_forward,
    lrn_backward,
    lrn_forward,
    lrn_within_backward,
    max_pool_backward,
    max_pool_forward,
    relu_backward,
    relu_forward,
    sgd_update,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    tanh_backward,
    tanh_forward,
    transpose,
    vector_add,
)

EXERCISES = {
    module.EXERCISE.kernel: module.EXERCISE
    for module in (
        *(vector_add, relu_forward, relu_backward, tanh_forward, tanh_backward, sgd_update),
        *(bias_forward, augment, softmax_cross_entropy_backward, bias_backward),
        *(transpose, gemm_naive, gemm_shared),
        *(softmax_cross_entropy_forward, dropout_forward, dropout_backward),
        *(avg_pool_forward, max_pool_forward, im2col, col2im, local_forward),
        *(max_pool_backward, avg_pool_backward, local_backward_weight, local_backward),
        *(lrn_forward, lrn_backward, lrn_within_backward, gemm_tiled),
    )
}
