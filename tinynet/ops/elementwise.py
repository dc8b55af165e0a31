"""Arithmetic, element by element, with NumPy's broadcasting: dx is summed where x was stretched."""

from tinynet.ops.function import Function, check_broadcast, unbroadcast


class Add(Function):
    name = "add"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x.shape, y.shape)
        return x + y

    def backward(self, dz):
        x_shape, y_shape = self.saved
        return unbroadcast(dz, x_shape), unbroadcast(dz, y_shape)


class Subtract(Function):
    name = "subtract"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x.shape, y.shape)
        return x - y

    def backward(self, dz):
        x_shape, y_shape = self.saved
        return unbroadcast(dz, x_shape), unbroadcast(-dz, y_shape)


class Multiply(Function):
    name = "multiply"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x, y)
        return x * y

    def backward(self, dz):
        x, y = self.saved
        dx = unbroadcast(dz * y, x.shape) if self.needs_grad[0] else None
        dy = unbroadcast(dz * x, y.shape) if self.needs_grad[1] else None
        return dx, dy


class Divide(Function):
    name = "divide"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x, y)
        return x / y

    def backward(self, dz):
        x, y = self.saved
        dx = unbroadcast(dz / y, x.shape) if self.needs_grad[0] else None
        dy = unbroadcast(-dz * x / (y * y), y.shape) if self.needs_grad[1] else None
        return dx, dy


class Power(Function):
    """x ** y. The gradient of y needs log(x), so it is taken as 0 where x is 0."""

    name = "power"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        z = x**y
        self.saved = (x, y, z)
        return z

    def backward(self, dz):
        x, y, z = self.saved
        xp, dx, dy = self.xp, None, None
        if self.needs_grad[0]:
            # x**0 is constant: without the where, x = 0 would give 0 * 0**-1 = nan
            slope = xp.where(y == 0, 0, y * x ** xp.where(y == 0, 1, y - 1))
            dx = unbroadcast(dz * slope.astype(dz.dtype, copy=False), x.shape)
        if self.needs_grad[1]:
            log_x = xp.log(xp.where(x == 0, 1, x)).astype(dz.dtype, copy=False)
            dy = unbroadcast(dz * z * log_x, y.shape)
        return dx, dy


class Maximum(Function):
    """The larger of the two; where they are equal, x counts as the larger."""

    name = "maximum"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x, y)
        return self.xp.maximum(x, y)

    def backward(self, dz):
        x, y = self.saved
        dx = unbroadcast(dz * (x >= y), x.shape) if self.needs_grad[0] else None
        dy = unbroadcast(dz * (x < y), y.shape) if self.needs_grad[1] else None
        return dx, dy


class Where(Function):
    """x where the condition holds, else y."""

    name = "where"

    def forward(self, x, y, *, condition):
        check_broadcast(self.name, condition.shape, x.shape, y.shape)
        self.saved = (condition, x.shape, y.shape)
        return self.xp.where(condition, x, y)

    def backward(self, dz):
        condition, x_shape, y_shape = self.saved
        zero = self.xp.zeros((), dz.dtype)
        dx = unbroadcast(self.xp.where(condition, dz, zero), x_shape)
        dy = unbroadcast(self.xp.where(condition, zero, dz), y_shape)
        return dx, dy


class Negate(Function):
    name = "negate"

    def forward(self, x):
        return -x

    def backward(self, dy):
        return -dy


class Exp(Function):
    name = "exp"

    def forward(self, x):
        y = self.xp.exp(x)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * y


class Log(Function):
    name = "log"

    def forward(self, x):
        self.saved = (x,)
        return self.xp.log(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy / x


class Sqrt(Function):
    name = "sqrt"

    def forward(self, x):
        y = self.xp.sqrt(x)
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy / (2 * y)


class Sigmoid(Function):
    """1 / (1 + exp(-x)), by way of tanh, which overflows at neither end."""

    name = "sigmoid"

    def forward(self, x):
        y = (self.xp.tanh(x / 2) + 1) / 2
        self.saved = (y,)
        return y

    def backward(self, dy):
        (y,) = self.saved
        return dy * y * (1 - y)


class Abs(Function):
    """|x|, with gradient 0 at 0."""

    name = "abs"

    def forward(self, x):
        self.saved = (x,)
        return abs(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy * self.xp.sign(x)


class Clip(Function):
    """x held between lo and hi; the gradient passes where lo <= x <= hi."""

    name = "clip"

    def forward(self, x, *, lo, hi):
        lo, hi = float(lo), float(hi)  # a NumPy float64 would make y float64 too
        self.saved = ((lo <= x) & (x <= hi),)
        return self.xp.clip(x, lo, hi)

    def backward(self, dy):
        (inside,) = self.saved
        return dy * inside
