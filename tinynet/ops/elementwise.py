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
    """x / y. Backward divides twice: y**2 would be 0 or inf where -x / y**2 is neither."""

    name = "divide"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x, y)
        return x / y

    def backward(self, dz):
        x, y = self.saved
        dx = unbroadcast(dz / y, x.shape) if self.needs_grad[0] else None
        dy = unbroadcast(-(dz * (x / y)) / y, y.shape) if self.needs_grad[1] else None
        return dx, dy


class Power(Function):
    """z = x ** y; dz/dx = y * x**(y-1) and dz/dy = z * log(x), which is taken as 0 where x is 0."""

    name = "power"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        z = x**y
        self.saved = (x, y, z)
        return z

    def backward(self, dz):
        x, y, z = self.saved
        at_0 = x == 0
        dx = unbroadcast(dz * self._slope(at_0), x.shape) if self.needs_grad[0] else None
        if not self.needs_grad[1]:
            return dx, None
        # At x = 0 log(x) is infinite, and so is z where y < 0: in their place 0 * log(1) is taken.
        slope = self.xp.where(at_0, self.xp.zeros((), z.dtype), z) * self.xp.log(x + at_0)
        return dx, unbroadcast(dz * slope, y.shape)

    def _slope(self, at_0):
        """dz/dx = y * x**(y - 1). For y < 1 it is taken as y * z / x, since y - 1 would lose the
        last digits of a small y. For y = 0 it is 0, at x = 0 too.
        """
        x, y, z = self.saved
        powers = (y >= 1) | (at_0 & (y != 0))
        slope = y * x ** self.xp.where(powers, y - 1, 1)
        slope = self.xp.where(powers, slope, y * z / (x + at_0))
        return slope.astype(z.dtype, copy=False)


class Maximum(Function):
    """The larger of the two; where they are equal, x counts as the larger, and so does a nan."""

    name = "maximum"

    def forward(self, x, y):
        check_broadcast(self.name, x.shape, y.shape)
        self.saved = (x, y)
        return self.xp.maximum(x, y)

    def backward(self, dz):
        x, y = self.saved
        zero = self.xp.zeros((), dz.dtype)
        from_x = (x >= y) | (x != x)  # a nan is not itself
        dx = dy = None
        if self.needs_grad[0]:
            dx = unbroadcast(self.xp.where(from_x, dz, zero), x.shape)
        if self.needs_grad[1]:
            dy = unbroadcast(self.xp.where(from_x, zero, dz), y.shape)
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
    """y = 1 / (1 + exp(-x)), and dy/dx = y * (1 - y).

    With e = exp(-|x|), which cannot overflow: y = 1 / (1 + e) for x >= 0, else e / (1 + e), and
    the derivative is e / (1 + e)**2 on both sides. So both keep all their digits where y is near 0
    or 1: 1 - y itself would have lost them.
    """

    name = "sigmoid"

    def forward(self, x):
        self.saved = (x,)
        e = self.xp.exp(-self.xp.abs(x))
        return self.xp.where(x < 0, e / (1 + e), 1 / (1 + e))

    def backward(self, dy):
        (x,) = self.saved
        e = self.xp.exp(-abs(x))
        return dy * (e / ((1 + e) * (1 + e)))


class Abs(Function):
    """|x|, with gradient 0 at 0."""

    name = "abs"

    def forward(self, x):
        self.saved = (x,)
        return self.xp.abs(x)

    def backward(self, dy):
        (x,) = self.saved
        return dy * self.xp.sign(x)


class Clip(Function):
    """x held between lo and hi, either of which may be None.

    The gradient passes wherever y is x itself: where lo <= x <= hi, and where x is nan.
    """

    name = "clip"

    def forward(self, x, *, lo, hi):
        lo, hi = (None if bound is None else float(bound) for bound in (lo, hi))
        y = self.xp.clip(x, lo, hi)  # with NumPy's float64 as bounds y would be float64 too
        self.saved = ((y == x) | (x != x),)  # a nan is not itself
        return y

    def backward(self, dy):
        (unchanged,) = self.saved
        return self.xp.where(unchanged, dy, self.xp.zeros((), dy.dtype))
