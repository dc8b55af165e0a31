"""Kinks: points where there is no derivative, and which of the slopes there backward takes.

Forward on dual numbers gives the slope on one side: where two numbers are equal, their slopes
decide which is larger, as if x had moved a little (devices/dual.py). Run along -v, it gives the
slope on the other. Backward has to choose: by the rule of this table, always the same, and never
outside of what lies between the two slopes.
"""

from collections.abc import Callable

import numpy as np

from tinynet import functional as F
from tinynet.exact_gradient_check import slopes, unit
from tinynet.gradient_check import GradcheckError
from tinynet.tensor import Tensor

EQUAL = np.ones((1, 1, 2, 2))
# The function, its inputs, and the gradients of its elements' sum, by the rule.
KINKS: dict[str, tuple[Callable[..., Tensor], list, list]] = {
    "relu at 0": (F.relu, [[0.0]], [[0]]),
    "abs at 0": (lambda x: x.abs(), [[0.0]], [[0]]),
    "clip at its ends": (lambda x: x.clip(-1, 2), [[-1.0, 2.0]], [[1, 1]]),
    "maximum of equals": (F.maximum, [[3.0], [3.0]], [[1], [0]]),
    "max of equals": (lambda x: x.max(), [[1.0, 3.0, 3.0]], [[0, 1, 0]]),
    "max_pool2d of equals": (lambda x: F.max_pool2d(x, 2), [EQUAL], [[[[[1, 0], [0, 0]]]]]),
}


def check_kink(name: str, device: str) -> str:
    """Says what slopes meet at a kink, and which is taken. GradcheckError if not by the rule."""
    fn, inputs, rule = KINKS[name]
    tensors = [Tensor(np.asarray(x), True, device) for x in inputs]
    y = fn(*tensors)
    y.backward(np.ones(y.shape))
    said = []
    for i, (x, wanted) in enumerate(zip(tensors, rule)):
        taken = x.grad.numpy()
        if not np.array_equal(taken, wanted):
            raise GradcheckError(
                f"argument {i}: backward gives {taken.tolist()}, and the rule is {wanted}"
            )
        for j in range(x.size):
            step = [0] * len(tensors)
            step[i] = unit(j, x.shape)
            right = slopes(fn, tensors, step).sum()
            left = 0 - slopes(fn, tensors, [-s for s in step]).sum()
            if not min(left, right) <= taken.flat[j] <= max(left, right):
                raise GradcheckError(
                    f"argument {i}, element {j}: {taken.flat[j]:g} is not between the slopes "
                    f"{left:g} and {right:g}"
                )
            if left != right:
                said.append(f"{taken.flat[j]:g} of {left:g} and {right:g}")
    return "takes " + ", ".join(said)
