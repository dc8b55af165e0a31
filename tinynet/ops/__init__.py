"""Every differentiable operation: `forward`, and `backward` right under it, on plain arrays."""

from tinynet.ops.activation import ReLU, Tanh
from tinynet.ops.avg_pool import AvgPool2d
from tinynet.ops.conv import Conv2d
from tinynet.ops.dropout import Dropout
from tinynet.ops.elementwise import (
    Abs,
    Add,
    Clip,
    Divide,
    Exp,
    Log,
    Maximum,
    Multiply,
    Negate,
    Power,
    Sigmoid,
    Sqrt,
    Subtract,
    Where,
)
from tinynet.ops.lrn import LocalResponseNorm
from tinynet.ops.lrn_within import LocalResponseNormWithin
from tinynet.ops.matmul import Linear, MatMul
from tinynet.ops.max_pool import MaxPool2d
from tinynet.ops.reduce import Max, Mean, Sum
from tinynet.ops.shape import Concatenate, GetItem, Pad, Reshape, Transpose
from tinynet.ops.softmax import CrossEntropy, LogSoftmax, Softmax
from tinynet.ops.to import To

__all__ = [
    "Abs",
    "Add",
    "AvgPool2d",
    "Clip",
    "Concatenate",
    "Conv2d",
    "CrossEntropy",
    "Divide",
    "Dropout",
    "Exp",
    "GetItem",
    "Linear",
    "LocalResponseNorm",
    "LocalResponseNormWithin",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool2d",
    "Maximum",
    "Mean",
    "Multiply",
    "Negate",
    "Pad",
    "Power",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Sqrt",
    "Subtract",
    "Sum",
    "Tanh",
    "To",
    "Transpose",
    "Where",
]
