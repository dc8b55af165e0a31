"""Tensor: an array that remembers how it was made, and backward(), which walks the way back.

Every operation on Tensors runs a Function (tinynet/ops) on their arrays and, where a gradient may
be wanted, records which Function made the result and where its inputs came from: the tape.
"""

from collections.abc import Callable

import numpy as np

from tinynet import tape
from tinynet.arrays import as_array, check_fills
from tinynet.devices import Device, copy
from tinynet.devices import device as open_device
from tinynet.numpy_functions import NumPyFunctions, tensors_in
from tinynet.operations import Operations
from tinynet.ops.arguments import number
from tinynet.ops.function import Function, check_broadcast
from tinynet.ops.to import To
from tinynet.pytorch_names import PyTorchNames


class Tensor(Operations, NumPyFunctions, PyTorchNames):
    """An array on a device, with a gradient.

    `data`: an array, nested lists or a number. Arrays keep their dtype, and are copied only if not
    C-contiguous or not on the device; Python numbers become float32; integer and bool arrays hold
    labels and masks, without a gradient. `.data` is the device's array, `.grad` a Tensor or None.
    """

    __slots__ = ("data", "device", "_grad", "requires_grad", "creator", "version", "__weakref__")

    def __init__(
        self,
        data,
        requires_grad: bool = False,
        device: str | Device | None = None,
        dtype: np.dtype | str | None = None,
    ):
        if not isinstance(requires_grad, bool | np.bool_):
            raise TypeError(
                f"Tensor: requires_grad expects True or False, got {requires_grad!r}; write "
                "device=... or dtype=... with its name"
            )
        if isinstance(data, Tensor):
            if dtype is not None and data.creator is not None and tape.recording():
                raise TypeError("Tensor: dtype would cut data's gradient off: hand in its detach()")
            data = data if device is None else data.detach().to(device)
            device, version, data = data.device, data.version, data.data
        else:
            version = None
            if any(x.requires_grad and tape.recording() for x in tensors_in(data)):
                raise TypeError(
                    "Tensor: data holds a Tensor whose gradient would be cut off: join Tensors "
                    "with tinynet.functional.concatenate, numbers after x.reshape(1)"
                )
        self.device = open_device(device)
        self.data = self.device.asarray(as_array(data, self.device, dtype))
        # A Tensor of another one that holds its very array counts the changes with it.
        self.version = version if version and self.data is data else tape.Version()
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: requires_grad expects float data, got {self.data.dtype}")
        self.requires_grad = bool(requires_grad)
        self._grad: Tensor | None = None
        self.creator: Function | None = None  # the Function whose result this is

    @classmethod
    def of(cls, array, device: Device) -> "Tensor":
        """A Tensor that holds an array of this very device, as an operation gives it."""
        self = object.__new__(cls)
        self.data, self.device, self.version = device.asarray(array), device, tape.Version()
        self.requires_grad, self._grad, self.creator = False, None, None
        return self

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

    def item(self) -> float | int | bool:
        """The one element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item: expects a Tensor of one element, got shape {self.shape}")
        return self.numpy().item()

    def __getstate__(self) -> dict:  # for pickle and copy.deepcopy: the elements, off the tape
        requires_grad = self.requires_grad and self.creator is None
        return {
            "data": self.numpy(),
            "device": self.device,
            "requires_grad": requires_grad,
            "grad": self._grad,
        }

    def __setstate__(self, state: dict) -> None:
        Tensor.__init__(self, state["data"], state["requires_grad"], state["device"])
        self._grad = state["grad"]

    def detach(self) -> "Tensor":
        """The same data, off the tape."""
        return Tensor(self)

    def to(self, device: str | Device) -> "Tensor":
        """This Tensor on `device`: itself, or a copy, whose gradient is copied back."""
        target = open_device(device)
        if target is self.device:
            return self
        if self.requires_grad:
            return apply(To, self, target=target)
        return Tensor(copy(self.data, self.device, target), device=target)

    @property
    def grad(self) -> "Tensor | None":
        """The gradient: what backward has added up, or what was assigned, of the same kind."""
        return self._grad

    @grad.setter
    def grad(self, grad: "Tensor | None") -> None:
        if grad is not None:
            self.check_like("grad", "the gradient", grad)
        self._grad = grad

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # ---------------------------------------------------------------- the way back

    def backward(
        self,
        grad: "Tensor | np.ndarray | float | None" = None,
        after_leaf: "Callable[[Tensor], None]" = lambda leaf: None,
    ) -> None:
        """Add the gradient of this Tensor to the `.grad` of every leaf that requires one.

        `grad` is the gradient of the loss with respect to this Tensor, of its shape; it may be
        left out for a Tensor of one element, the loss itself. What the tape saved is freed on the
        way: a second backward through the same operations is refused. `after_leaf(leaf)` is called
        whenever something has been added to the gradient of a leaf, while the walk goes on.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this Tensor does not require a gradient")
        for leaf, dx in tape.backward(self, self._first_gradient(grad)):
            with leaf.device.active():
                total = dx if leaf.grad is None else leaf.grad.data + dx
            leaf.grad = Tensor.of(total, leaf.device)
            after_leaf(leaf)

    def _first_gradient(self, grad):
        if grad is None:
            if self.size != 1:
                raise ValueError(
                    f"backward: a Tensor of shape {self.shape} needs the argument grad; only a "
                    "Tensor of one element, such as a loss, can do without it"
                )
            grad = np.ones(self.shape, self.dtype)
        grad = as_operand("backward", grad, self)
        self.check_like("backward", "grad", grad)
        return grad.data

    # ---------------------------------------------------------------- operations

    def operate(self, op: type[Function], *operands, **options) -> "Tensor":
        """Apply an operation to operands of which this is one; others may be numbers or arrays."""
        return apply(op, *(as_operand(op.name, x, self) for x in operands), **options)

    def compare(self, comparison: Callable, other) -> "Tensor":
        """The bools that `comparison`, of Python's module operator, gives element by element."""
        name = comparison.__name__
        if other is None or isinstance(other, str):
            return NotImplemented
        if not isinstance(other, Tensor) and number(other) is not None:
            y = number(other)  # 2.5 stays 2.5 beside integers
        else:
            other = as_operand(name, other, self)
            if other.device is not self.device:
                raise ValueError(f"{name}: x is on {self.device.name}, y is on {other.device.name}")
            check_broadcast(name, self.shape, other.shape)
            y = other.data
        with self.device.active():
            return Tensor(comparison(self.data, y), device=self.device)

    def write(self, values: "Tensor | np.ndarray | float") -> None:
        """Put NumPy's `values`, or those of a Tensor on this device, in place of the elements."""
        if self.creator is not None and tape.recording():
            raise RuntimeError(
                f"write: gradients would reach what {self.creator.name} made this Tensor of, and "
                "not the new values: write to its detach()"
            )
        check_fills("write", values, self.shape, self.dtype)
        if isinstance(values, Tensor):
            if values.device is not self.device:
                there, here = values.device.name, self.device.name
                raise ValueError(f"write: values is on {there}, what is written to on {here}")
            with self.device.active():
                self.data[...] = values.data
        else:
            self.device.write(self.data, values)
        self.changed()

    def changed(self) -> None:
        """To be called by whoever has changed `.data` in place: a backward that needs it as it was
        is then refused."""
        self.version.count += 1

    def check_like(self, name: str, argument: str, other: "Tensor") -> None:
        """TypeError or ValueError unless `other` is a Tensor of this shape, dtype and device."""
        if not isinstance(other, Tensor):
            raise TypeError(f"{name}: {argument} expects a Tensor, got {type(other).__name__}")
        if other.shape != self.shape or other.dtype != self.dtype:
            raise ValueError(
                f"{name}: {argument} expects {self.dtype} {self.shape}, got {other.dtype} "
                f"{other.shape}"
            )
        if other.device is not self.device:
            raise ValueError(
                f"{name}: {argument} is on {other.device.name}, what it belongs to is on "
                f"{self.device.name}"
            )


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
    if not (function.result_device.owns(result) or isinstance(result, np.generic)):
        raise TypeError(f"{op.name}: forward gave {type(result).__name__}, and not one array")
    y = Tensor.of(result, function.result_device)
    for x in inputs:
        if y.device is device and device.xp.may_share_memory(y.data, x.data):
            y.version = x.version  # a view: what changes x changes it
    if any(needs_grad):
        y.requires_grad, y.creator = True, function
        tape.record(function, inputs, y)
    if (note := tape.watcher.get()) is not None:
        note(op, inputs, options, y)
    return y


def as_operand(name: str, value, like: Tensor) -> Tensor:
    """`value` as a Tensor that fits `like`: a number takes its dtype, an array keeps its own."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, bool) or number(value) is not None:
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
