"""A copy to another device, as an operation: its gradient is copied back."""

from tinynet.devices import copy
from tinynet.ops.function import Function


class To(Function):
    name = "to"

    def forward(self, x, *, target):
        self.result_device = target
        return copy(x, self.device, target)

    def backward(self, dy):
        return copy(dy, self.result_device, self.device)
