"""Softmax, its logarithm, and the cross-entropy of class labels (paper, section 3.5)."""

import numpy as np

from tinynet.kernels import launch
from tinynet.kernels.sums import sum_over
from tinynet.ops.function import Function
from tinynet.ops.reduce import reduced_axes


def _axis(name: str, axis, shape: tuple[int, ...]) -> int:
    if isinstance(axis, tuple) or axis is None:
        raise TypeError(f"{name}: axis expects an int, got {axis!r}")
    axis = reduced_axes(name, axis, len(shape))[0]
    if shape[axis] == 0:
        raise ValueError(f"{name}: x is empty along axis {axis}: {shape}")
    return axis


class Softmax(Function):
    name = "softmax"

    def forward(self, x, *, axis):
        self.axis = _axis(self.name, axis, x.shape)
        # exp(x - max) cannot overflow, and the common factor cancels
        e = self.xp.exp(x - x.max(axis=self.axis, keepdims=True))
        y = e / sum_over(e, (self.axis,), keepdims=True)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return y * (dy - sum_over(dy * y, (self.axis,), keepdims=True))


class LogSoftmax(Function):
    name = "log_softmax"

    def forward(self, x, *, axis):
        self.axis = _axis(self.name, axis, x.shape)
        shifted = x - x.max(axis=self.axis, keepdims=True)
        # log of the sum, without the largest's own exp(0) = 1, beside which a small rest is lost
        largest = shifted == 0
        smaller = self.xp.where(largest, 0, self.xp.exp(shifted))
        ties = largest.sum(axis=self.axis, keepdims=True)
        rest = sum_over(smaller, (self.axis,), keepdims=True) + (ties - 1).astype(x.dtype)
        y = shifted - self.xp.log1p(rest)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy - self.xp.exp(y) * sum_over(dy, (self.axis,), keepdims=True)


def check_reduction(name: str, reduction: str) -> None:
    """ValueError unless it says what becomes of the losses of a batch."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction expects 'mean', 'sum' or 'none', got {reduction!r}")


class CrossEntropy(Function):
    """loss[i] = -log softmax(logits[i])[labels[i]]; its gradient is softmax - one-hot."""

    name = "cross_entropy"

    def forward(self, logits, *, labels, reduction):
        n, classes = self._check(logits, labels)
        check_reduction(self.name, reduction)
        labels = self.device.asarray(labels.astype(np.int32))
        probabilities = self.device.empty((n, classes), logits.dtype)
        loss = self.device.empty((n,), logits.dtype)
        launch(
            self.device,
            "softmax_cross_entropy_forward",
            loss,
            probabilities,
            self.contiguous(logits),
            labels,
            n,
            classes,
        )
        self.reduction = reduction
        self.saved = (probabilities, labels)
        if reduction == "none":
            return loss
        return loss.mean() if reduction == "mean" else loss.sum()

    def backward(self, dy):
        probabilities, labels = self.saved
        n, classes = probabilities.shape
        share = dy / n if self.reduction == "mean" else dy
        dloss = self.xp.ascontiguousarray(self.xp.broadcast_to(share, (n,)))
        dlogits = self.device.empty((n, classes), dy.dtype)
        launch(
            self.device,
            "softmax_cross_entropy_backward",
            dlogits,
            dloss,
            probabilities,
            labels,
            n,
            classes,
        )
        return dlogits

    def _check(self, logits, labels) -> tuple[int, int]:
        if logits.ndim != 2 or logits.size == 0:
            raise ValueError(
                f"cross_entropy: logits expects (n, classes), neither 0, got {logits.shape}"
            )
        n, classes = logits.shape
        if labels.shape == (n, classes):
            raise ValueError(
                f"cross_entropy: labels expects the number of each class, of shape ({n},), got "
                f"{labels.shape}: if they are one-hot, labels.argmax(1) gives the numbers"
            )
        if labels.dtype.kind not in "iu":
            raise TypeError(
                f"cross_entropy: labels expects integers, got {labels.dtype}; "
                "np.array(labels, dtype='int64') makes integers of numbers"
            )
        if labels.shape != (n,):
            raise ValueError(f"cross_entropy: labels expects shape ({n},), got {labels.shape}")
        least, most = int(labels.min()), int(labels.max())
        if least < 0 or most >= classes:
            raise ValueError(
                f"cross_entropy: labels expects 0 to {classes - 1}, got {least} to {most}"
            )
        return n, classes
