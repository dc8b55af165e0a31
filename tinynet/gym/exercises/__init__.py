"""The exercises, a file each, from the easiest on:

relu_forward.py, relu_backward.py, bias_forward.py, bias_backward.py,
softmax_cross_entropy_forward.py, col2im.py
"""

from tinynet.gym.exercises import (
    bias_backward,
    bias_forward,
    col2im,
    relu_backward,
    relu_forward,
    softmax_cross_entropy_forward,
)

EXERCISES = {
    module.EXERCISE.kernel: module.EXERCISE
    for module in (
        relu_forward,
        relu_backward,
        bias_forward,
        bias_backward,
        softmax_cross_entropy_forward,
        col2im,
    )
}
