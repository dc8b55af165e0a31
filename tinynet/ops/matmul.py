"""Matrix products: x @ y with NumPy's rules, and the fully connected layer."""

import math

from tinynet.ops.bias import add_bias, bias_gradient
from tinynet.ops.function import Function, check_broadcast, unbroadcast
from tinynet.ops.product import product


class MatMul(Function):
    """x @ y. A vector stands for a matrix of one row (x) or of one column (y)."""

    name = "matmul"

    def forward(self, x, y):
        if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
            raise ValueError(
                f"matmul: shapes {x.shape} and {y.shape} do not fit: the last axis of x must be "
                "as long as the second-to-last axis of y"
            )
        rows = x if x.ndim > 1 else x[None, :]
        columns = y if y.ndim > 1 else y[:, None]
        batch_axes = rows.shape[:-2], columns.shape[:-2]
        check_broadcast(f"{self.name}, axes before the last two", *batch_axes)
        z = product(self.device, rows, columns)  # (..., m, n)
        self.saved = (rows, columns, z.shape, x.shape, y.shape)
        shape = z.shape[:-2] + (z.shape[-2:-1] if x.ndim > 1 else ())
        return z.reshape(shape + (z.shape[-1:] if y.ndim > 1 else ()))

    def backward(self, dz):
        rows, columns, z_shape, x_shape, y_shape = self.saved
        dz = dz.reshape(z_shape)
        dx = dy = None
        if self.needs_grad[0]:
            drows = product(self.device, dz, columns.swapaxes(-1, -2))
            dx = unbroadcast(drows, rows.shape).reshape(x_shape)
        if self.needs_grad[1]:
            dcolumns = product(self.device, rows.swapaxes(-1, -2), dz)
            dy = unbroadcast(dcolumns, columns.shape).reshape(y_shape)
        return dx, dy


class Linear(Function):
    """y = x @ weight.T + bias; x (..., inputs), weight (outputs, inputs), bias (outputs,)."""

    name = "linear"

    def forward(self, x, weight, bias=None):
        if weight.ndim != 2:
            raise ValueError(f"linear: weight expects (outputs, inputs), got {weight.shape}")
        outputs, inputs = weight.shape
        if x.ndim < 1 or x.shape[-1] != inputs:
            raise ValueError(f"linear: weight expects {inputs} inputs, x has shape {x.shape}")
        if bias is not None and bias.shape != (outputs,):
            raise ValueError(f"linear: bias expects shape ({outputs},), got {bias.shape}")
        rows = math.prod(x.shape[:-1])
        y = self.device.empty((*x.shape[:-1], outputs), x.dtype)
        product(self.device, x.reshape(rows, inputs), weight.T, out=y.reshape(rows, outputs))
        if bias is not None:
            add_bias(self.device, y.reshape(rows, outputs), bias)
        self.saved = (x, weight)
        return y

    def backward(self, dy):
        x, weight = self.saved
        outputs, inputs = weight.shape
        dy = self.contiguous(dy)
        dy2, x2 = dy.reshape(-1, outputs), x.reshape(-1, inputs)
        dx = dweight = None
        if self.needs_grad[0]:
            dx = self.device.empty(x.shape, x.dtype)
            product(self.device, dy2, weight, out=dx.reshape(x2.shape))
        if self.needs_grad[1]:
            dweight = product(self.device, dy2.T, x2)
        if len(self.needs_grad) == 2:
            return dx, dweight
        return dx, dweight, bias_gradient(self.device, dy2) if self.needs_grad[2] else None
