"""What can be computed of Tensors: their operators, and the methods that are operations.

Each hands its operation (tinynet/ops) and its operands to `operate`, which runs it.
"""

import math
import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tinynet import tape
from tinynet.ops import activation, elementwise, matmul, reduce
from tinynet.ops.arguments import integer, integers
from tinynet.ops.function import Function
from tinynet.ops.shape import GetItem, Reshape, Transpose

if TYPE_CHECKING:
    from typing import Self  # Python has it since 3.11


class Operations:
    """Operators and methods. Tensor defines `operate`, `compare`, `write` and `item`."""

    __slots__ = ()
    __hash__ = object.__hash__  # == compares elements, but a key or a member of a set is the Tensor

    # ---------------------------------------------------------------- arithmetic

    def __add__(self, other):
        return self.operate(elementwise.Add, self, other)

    def __radd__(self, other):  # other + self
        return self.operate(elementwise.Add, other, self)

    def __sub__(self, other):
        return self.operate(elementwise.Subtract, self, other)

    def __rsub__(self, other):  # other - self
        return self.operate(elementwise.Subtract, other, self)

    def __mul__(self, other):
        return self.operate(elementwise.Multiply, self, other)

    def __rmul__(self, other):  # other * self
        return self.operate(elementwise.Multiply, other, self)

    def __truediv__(self, other):
        return self.operate(elementwise.Divide, self, other)

    def __rtruediv__(self, other):  # other / self
        return self.operate(elementwise.Divide, other, self)

    def __pow__(self, other):
        return self.operate(elementwise.Power, self, other)

    def __rpow__(self, other):  # other ** self
        return self.operate(elementwise.Power, other, self)

    def __matmul__(self, other):
        return self.operate(matmul.MatMul, self, other)

    def __rmatmul__(self, other):  # other @ self
        return self.operate(matmul.MatMul, other, self)

    def __neg__(self):
        return self.operate(elementwise.Negate, self)

    def __abs__(self):
        return self.abs()

    # ---------------------------------------------------------------- in place

    def __iadd__(self, other):  # self += other
        return self._in_place(elementwise.Add, "+=", other)

    def __isub__(self, other):
        return self._in_place(elementwise.Subtract, "-=", other)

    def __imul__(self, other):
        return self._in_place(elementwise.Multiply, "*=", other)

    def __itruediv__(self, other):
        return self._in_place(elementwise.Divide, "/=", other)

    def __ipow__(self, other):
        return self._in_place(elementwise.Power, "**=", other)

    def _in_place(self, op: type[Function], sign: str, other):
        """A leaf that requires a gradient is overwritten, so that a Parameter stays one. For any
        other Tensor the result is a new one, as in `x = x + y`."""
        if not self.requires_grad or self.creator is not None:
            return self.operate(op, self, other)
        if tape.recording():
            raise RuntimeError(
                f"{op.name}: x {sign} y would overwrite a leaf that requires a gradient: do it "
                f"inside `with tinynet.no_grad():`, or give the result a name of its own"
            )
        result = self.operate(op, self, other)
        self.check_like(op.name, f"the result of x {sign} y", result)
        self.write(result)
        return self

    # ---------------------------------------------------------------- comparisons

    def __eq__(self, other):
        return self.compare(operator.eq, other)

    def __ne__(self, other):
        return self.compare(operator.ne, other)

    def __lt__(self, other):
        return self.compare(operator.lt, other)

    def __le__(self, other):
        return self.compare(operator.le, other)

    def __gt__(self, other):
        return self.compare(operator.gt, other)

    def __ge__(self, other):
        return self.compare(operator.ge, other)

    # ---------------------------------------------------------------- of bools

    def __and__(self, other):
        return self._of_bools("&", operator.and_, other)

    def __or__(self, other):
        return self._of_bools("|", operator.or_, other)

    def __invert__(self):
        return self._of_bools("~", operator.ne, True)

    def _of_bools(self, sign: str, operation, other) -> "Self":
        dtypes = [x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype for x in (self, other)]
        if dtypes != [bool, bool]:
            got = " and ".join(map(str, dtypes))
            raise TypeError(f"{sign}: expects bools, such as those of (x > 0), got {got}")
        return self.compare(operation, other)

    # ---------------------------------------------------------------- as Python's own

    def __format__(self, spec: str) -> str:  # f"{loss:.4f}"
        return format(self.item() if spec else str(self), spec)

    def __iter__(self) -> Iterator["Self"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __round__(self, digits: int | None = None) -> float | int:
        return round(self.item(), digits)

    # ---------------------------------------------------------------- indexing

    def __getitem__(self, index) -> "Self":
        parts = index if isinstance(index, tuple) else (index,)
        return self.operate(GetItem, self, index=tuple(self._index_part(p) for p in parts))

    def _index_part(self, part):
        """Slices and ints as they are; ints and bools in arrays copied, on the host: backward reads
        them again, whatever has become of the caller's by then."""
        if isinstance(part, Operations):
            return np.array(part.numpy())
        if isinstance(part, list | np.ndarray):
            return np.array(part, np.intp if isinstance(part, list) and not part else None)
        return part if integer(part) is None else integer(part)

    # ---------------------------------------------------------------- element by element

    def exp(self) -> "Self":
        """e**x for each element x."""
        return self.operate(elementwise.Exp, self)

    def log(self) -> "Self":
        """The natural logarithm of each element: -inf for 0, nan for what is below."""
        return self.operate(elementwise.Log, self)

    def sqrt(self) -> "Self":
        """The square root of each element, which has no finite gradient at 0."""
        return self.operate(elementwise.Sqrt, self)

    def tanh(self) -> "Self":
        """(e**x - e**-x) / (e**x + e**-x) for each element x: from -1 to 1."""
        return self.operate(activation.Tanh, self)

    def relu(self) -> "Self":
        """max(x, 0) for each element x (paper, section 3.1); nan stays nan."""
        return self.operate(activation.ReLU, self)

    def sigmoid(self) -> "Self":
        """1 / (1 + e**-x) for each element x: from 0 to 1."""
        return self.operate(elementwise.Sigmoid, self)

    def abs(self) -> "Self":
        """|x| for each element x, with gradient 0 at 0."""
        return self.operate(elementwise.Abs, self)

    def clip(self, lo: float | None, hi: float | None) -> "Self":
        """min(max(x, lo), hi) for each element x; the gradient passes where lo <= x <= hi.

        A bound that is None does not bind; not both may be.
        """
        ends = (-math.inf if lo is None else lo, math.inf if hi is None else hi)
        if (lo is None and hi is None) or not ends[0] <= ends[1]:
            raise ValueError(f"clip: expects lo <= hi, got lo={lo!r}, hi={hi!r}")
        return self.operate(elementwise.Clip, self, lo=lo, hi=hi)

    # ---------------------------------------------------------------- reductions and shapes

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Self":
        """The sum along `axis`, by default all axes; with `keepdims` these stay, of length 1."""
        return self.operate(reduce.Sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Self":
        """The mean, with the arguments of `sum`; ValueError if there is nothing to average."""
        return self.operate(reduce.Mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Self":
        """The largest elements; of equal ones the first gets the gradient.

        As NumPy's. PyTorch's has their places as well: x.numpy().argmax(axis) gives these.
        """
        return self.operate(reduce.Max, self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int) -> "Self":
        """The elements in a new shape, reshape(2, 3) or reshape((2, 3)); one length may be -1."""
        return self.operate(Reshape, self, shape=_one_by_one("reshape", "shape", shape))

    def transpose(self, *axes: int) -> "Self":
        """The axes in a new order, transpose(1, 0) or transpose((1, 0)); by default reversed.

        As NumPy's. PyTorch's is another: there transpose(0, 1) exchanges the two, here it names
        both where they are.
        """
        order = _one_by_one("transpose", "axes", axes) if axes else None
        return self.operate(Transpose, self, axes=order)

    @property
    def T(self) -> "Self":
        """The axes reversed: (2, 3, 4) becomes (4, 3, 2)."""
        return self.transpose()

    def flatten(self, start_axis: int = 0) -> "Self":
        """Merge all axes from `start_axis` on into one."""
        if integer(start_axis) is None or not -self.ndim <= start_axis < max(self.ndim, 1):
            raise ValueError(f"flatten: start_axis {start_axis} is not an axis of {self.shape}")
        start = integer(start_axis) % max(self.ndim, 1)
        length = int(np.prod(self.shape[start:], dtype=np.int64))
        return self.reshape(*self.shape[:start], length)


def _one_by_one(name: str, argument: str, given: tuple) -> tuple[int, ...]:
    """The ints of f(2, 3), f((2, 3)) or f(array([2, 3]))."""
    alone = len(given) == 1 and integer(given[0]) is None
    found = integers(given[0] if alone else given)
    if found is None:
        raise TypeError(f"{name}: {argument} expects ints, got {given[0] if alone else given!r}")
    return found
