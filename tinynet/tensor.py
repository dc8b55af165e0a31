"""Tensor: an array that remembers how it was made, and backward(), which walks the way back.

Every operation on Tensors runs a Function (tinynet/ops) on their arrays and, where a gradient may
be wanted, records which Function made the result and where its inputs came from: the tape.
"""

import math
from collections.abc import Iterator

import numpy as np

from tinynet import tape
from tinynet.arrays import as_array
from tinynet.devices import Device, copy
from tinynet.devices import device as open_device
from tinynet.ops import activation, elementwise, matmul, reduce
from tinynet.ops.function import Function
from tinynet.ops.shape import GetItem, Reshape, Transpose
from tinynet.ops.to import To


class Tensor:
    """An array on a device, with a gradient.

    `data`: an array, nested lists or a number. Arrays keep their dtype, and are copied only if not
    C-contiguous or not on the device; Python numbers become float32; integer and bool arrays hold
    labels and masks, without a gradient. `.data` is the device's array, `.grad` a Tensor or None.
    """

    __slots__ = ("data", "device", "grad", "requires_grad", "creator", "__weakref__")
    __array_ufunc__ = None  # ndarray + Tensor is then left to Tensor.__radd__

    def __init__(
        self,
        data,
        requires_grad: bool = False,
        device: str | Device | None = None,
        dtype: np.dtype | str | None = None,
    ):
        if isinstance(data, Tensor):
            device = data.device if device is None else device
            data = data.data
        self.device = open_device(device)
        self.data = self.device.asarray(as_array(data, dtype))
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: requires_grad expects float data, got {self.data.dtype}")
        self.requires_grad = bool(requires_grad)
        self.grad: Tensor | None = None
        self.creator: Function | None = None  # the Function whose result this is

    # ---------------------------------------------------------------- what it is

    shape = property(lambda self: self.data.shape, doc="The lengths of the axes.")
    dtype = property(lambda self: self.data.dtype, doc="The NumPy dtype of the elements.")
    ndim = property(lambda self: self.data.ndim, doc="The number of axes.")
    size = property(lambda self: self.data.size, doc="The number of elements.")

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len: a Tensor with no axes has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), precision=4, threshold=20, prefix="Tensor(")
        grad = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({text}, {self.dtype}, {self.device.name}{grad})"

    def numpy(self) -> np.ndarray:
        """The elements as a NumPy array (on cpu the very array, not a copy)."""
        return self.device.to_numpy(self.data)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:  # np.asarray(tensor)
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> float | int | bool:
        """The one element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item: expects a Tensor of one element, got shape {self.shape}")
        return self.numpy().item()

    def __format__(self, spec: str) -> str:  # f"{loss:.4f}"
        return format(self.item() if spec else str(self), spec)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def detach(self) -> "Tensor":
        """The same data, off the tape."""
        return Tensor(self.data, device=self.device)

    def to(self, device: str | Device) -> "Tensor":
        """This Tensor on `device`: itself, or a copy, whose gradient is copied back."""
        target = open_device(device)
        if target is self.device:
            return self
        if self.requires_grad:
            return apply(To, self, target=target)
        return Tensor(copy(self.data, self.device, target), device=target)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # ---------------------------------------------------------------- the way back

    def backward(self, grad: "Tensor | np.ndarray | float | None" = None) -> None:
        """Add the gradient of this Tensor to the `.grad` of every leaf that requires one.

        `grad` is the gradient of the loss with respect to this Tensor, of its shape; it may be
        left out for a Tensor of one element, the loss itself. What the tape saved is freed on the
        way: a second backward through the same operations is refused.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this Tensor does not require a gradient")
        for leaf, dx in tape.backward(self, self._first_gradient(grad)):
            total = dx if leaf.grad is None else leaf.grad.data + dx
            leaf.grad = Tensor(total, device=leaf.device)

    def _first_gradient(self, grad):
        if grad is None:
            if self.size != 1:
                raise ValueError(
                    f"backward: a Tensor of shape {self.shape} needs the argument grad; only a "
                    "Tensor of one element, such as a loss, can do without it"
                )
            grad = np.ones(self.shape, self.dtype)
        grad = as_operand("backward", grad, self)
        if grad.shape != self.shape or grad.dtype != self.dtype:
            raise ValueError(
                f"backward: grad expects {self.dtype} {self.shape}, got {grad.dtype} {grad.shape}"
            )
        return grad.data

    # ---------------------------------------------------------------- arithmetic

    def __add__(self, other) -> "Tensor":
        return binary(elementwise.Add, self, other)

    def __radd__(self, other) -> "Tensor":  # other + self
        return binary(elementwise.Add, other, self)

    def __sub__(self, other) -> "Tensor":
        return binary(elementwise.Subtract, self, other)

    def __rsub__(self, other) -> "Tensor":  # other - self
        return binary(elementwise.Subtract, other, self)

    def __mul__(self, other) -> "Tensor":
        return binary(elementwise.Multiply, self, other)

    def __rmul__(self, other) -> "Tensor":  # other * self
        return binary(elementwise.Multiply, other, self)

    def __truediv__(self, other) -> "Tensor":
        return binary(elementwise.Divide, self, other)

    def __rtruediv__(self, other) -> "Tensor":  # other / self
        return binary(elementwise.Divide, other, self)

    def __pow__(self, other) -> "Tensor":
        return binary(elementwise.Power, self, other)

    def __rpow__(self, other) -> "Tensor":  # other ** self
        return binary(elementwise.Power, other, self)

    def __matmul__(self, other) -> "Tensor":
        return binary(matmul.MatMul, self, other)

    def __rmatmul__(self, other) -> "Tensor":  # other @ self
        return binary(matmul.MatMul, other, self)

    def __neg__(self) -> "Tensor":
        return apply(elementwise.Negate, self)

    def __getitem__(self, index) -> "Tensor":
        parts = index if isinstance(index, tuple) else (index,)
        return apply(GetItem, self, index=tuple(self._index_part(p) for p in parts))

    def _index_part(self, part):
        """Slices and ints as they are, arrays of ints or bools on this device."""
        if isinstance(part, Tensor):
            return part.to(self.device).data
        if isinstance(part, list | np.ndarray):
            return self.device.asarray(np.asarray(part, None if len(part) else np.intp))
        return part

    def exp(self) -> "Tensor":
        """e**x for each element x."""
        return apply(elementwise.Exp, self)

    def log(self) -> "Tensor":
        """The natural logarithm of each element: -inf for 0, nan for what is below."""
        return apply(elementwise.Log, self)

    def sqrt(self) -> "Tensor":
        """The square root of each element, which has no finite gradient at 0."""
        return apply(elementwise.Sqrt, self)

    def tanh(self) -> "Tensor":
        """(e**x - e**-x) / (e**x + e**-x) for each element x: from -1 to 1."""
        return apply(activation.Tanh, self)

    def relu(self) -> "Tensor":
        """max(x, 0) for each element x (paper, section 3.1); nan stays nan."""
        return apply(activation.ReLU, self)

    def sigmoid(self) -> "Tensor":
        """1 / (1 + e**-x) for each element x: from 0 to 1."""
        return apply(elementwise.Sigmoid, self)

    def abs(self) -> "Tensor":
        """|x| for each element x, with gradient 0 at 0."""
        return apply(elementwise.Abs, self)

    def clip(self, lo: float | None, hi: float | None) -> "Tensor":
        """min(max(x, lo), hi) for each element x; the gradient passes where lo <= x <= hi.

        A bound that is None does not bind; not both may be.
        """
        ends = (-math.inf if lo is None else lo, math.inf if hi is None else hi)
        if (lo is None and hi is None) or not ends[0] <= ends[1]:
            raise ValueError(f"clip: expects lo <= hi, got lo={lo!r}, hi={hi!r}")
        return apply(elementwise.Clip, self, lo=lo, hi=hi)

    # ---------------------------------------------------------------- reductions and shapes

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """The sum along `axis`, by default all axes; with `keepdims` these stay, of length 1."""
        return apply(reduce.Sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """The mean, with the arguments of `sum`; ValueError if there is nothing to average."""
        return apply(reduce.Mean, self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """The largest elements; of equal ones the first gets the gradient."""
        return apply(reduce.Max, self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: int) -> "Tensor":
        """The elements in a new shape, reshape(2, 3) or reshape((2, 3)); one length may be -1."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return apply(Reshape, self, shape=tuple(shape))

    def transpose(self, *axes: int) -> "Tensor":
        """The axes in a new order, transpose(1, 0) or transpose((1, 0)); by default reversed."""
        axes = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        return apply(Transpose, self, axes=tuple(axes))

    @property
    def T(self) -> "Tensor":
        """The axes reversed: (2, 3, 4) becomes (4, 3, 2)."""
        return self.transpose()

    def flatten(self, start_axis: int = 0) -> "Tensor":
        """Merge all axes from `start_axis` on into one."""
        if not -self.ndim <= start_axis < max(self.ndim, 1):
            raise ValueError(f"flatten: start_axis {start_axis} is not an axis of {self.shape}")
        start = start_axis % max(self.ndim, 1)
        length = int(np.prod(self.shape[start:], dtype=np.int64))
        return self.reshape(*self.shape[:start], length)


def apply(op: type[Function], *inputs: Tensor, **options) -> Tensor:
    """Run an operation on Tensors of one device and dtype, and record it on the tape."""
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor):
            wanted = "a Tensor" if op.any_dtype else "a float Tensor"
            got = type(x).__name__
            raise TypeError(f"{op.name}: {op.argument(i)} expects {wanted}, got {got}")
    tape.check_inputs(op, inputs)
    device = inputs[0].device
    needs_grad = tuple(tape.recording() and x.requires_grad for x in inputs)
    function = op(device, needs_grad)
    with device.active():
        result = function.forward(*(x.data for x in inputs), **options)
    y = Tensor(result, device=function.result_device)
    if any(needs_grad):
        y.requires_grad, y.creator = True, function
        function.input_types = tuple((x.dtype, x.shape) for x in inputs)
        function.parents = tuple((x.creator or x) if x.requires_grad else None for x in inputs)
    return y


def as_operand(name: str, value, like: Tensor) -> Tensor:
    """`value` as a Tensor that fits `like`: a number takes its dtype, an array keeps its own."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, int | float | np.integer):
        return Tensor(np.asarray(value, like.dtype), device=like.device)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return Tensor(value, device=like.device)
    raise TypeError(f"{name}: expects a Tensor, an array or a number, got {type(value).__name__}")


def as_operands(name: str, x, y) -> tuple[Tensor, Tensor]:
    """Two operands, at least one a Tensor, as Tensors."""
    like = x if isinstance(x, Tensor) else y
    if not isinstance(like, Tensor):
        raise TypeError(
            f"{name}: x or y expects a Tensor, got {type(x).__name__} and {type(y).__name__}"
        )
    return as_operand(name, x, like), as_operand(name, y, like)


def binary(op: type[Function], x, y) -> Tensor:
    """Apply an operation to two operands, one of which may be a number or an array."""
    return apply(op, *as_operands(op.name, x, y))
