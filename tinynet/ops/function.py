"""What an operation is: forward on arrays, and the gradient of its inputs from that of its output.

A Function knows only arrays. `tensor.apply` makes one for each call, runs `forward`, keeps the
Function on the tape, and later hands it `dy` (the loss's gradient with respect to y):

    class Square(Function):
        name = "square"

        def forward(self, x):
            self.saved = (x,)  # what backward needs, freed right after it
            return x * x

        def backward(self, dy):
            (x,) = self.saved
            return 2 * x * dy  # or a tuple, one gradient (or None) for each array of forward

    y = tinynet.tensor.apply(Square, x)  # of Tensors
"""

import inspect
from typing import ClassVar

import numpy as np

from tinynet.devices import Device
from tinynet.kernels.sums import sum_over


class Function:
    name: ClassVar[str]  # the operation's public name, for error messages; by default the class's
    any_dtype: ClassVar[bool] = False  # does it take ints and bools too? They have no gradient

    def __init_subclass__(cls):
        if not hasattr(cls, "name"):
            cls.name = cls.__name__

    def __init__(self, device: Device, needs_grad: tuple[bool, ...]):
        self.device = device
        self.xp = device.xp
        self.result_device = device  # only a copy to another device (ops/to.py) changes it
        self.needs_grad = needs_grad  # one for each array of forward: is its gradient wanted?
        self.saved: tuple | None = ()  # None once backward has freed it
        self.parents: tuple = ()  # where the inputs came from, for the tape (tinynet/tape.py)
        self.input_types: tuple = ()  # and what they were: (dtype, shape) of each
        self.versions: tuple = ()  # of what was saved: (which input, Version, its count)

    @classmethod
    def argument(cls, i: int) -> str:
        """What forward calls its array number i, for error messages."""
        parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
        if parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
            return f"{parameters[0].name}[{i}]"
        return parameters[i].name

    def contiguous(self, array):
        """The array in C order, as kernels want it; copied only if it is not so already."""
        return self.device.contiguous(array)

    def forward(self, *arrays, **options):
        """The result's array. May keep arrays in `self.saved`; must not change its arguments."""
        raise TypeError(f"{type(self).__name__} has no forward")

    def backward(self, dy):
        """The gradients of forward's arrays, given that of its result. Must not change `dy`.

        Each is a new array, `dy` or a view of it; or None if the result does not depend on the
        array.
        """
        raise TypeError(f"{type(self).__name__} has no backward")


def check_broadcast(name: str, *shapes: tuple[int, ...]) -> None:
    """ValueError unless arrays of these shapes broadcast to one shape."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(shape) for shape in shapes)
        raise ValueError(f"{name}: shapes {listed} do not broadcast") from None


def unbroadcast(dx, shape: tuple[int, ...]):
    """Sum `dx` over the axes along which an array of `shape` was broadcast."""
    if dx.shape == shape:
        return dx
    added = tuple(range(dx.ndim - len(shape)))
    stretched = tuple(
        axis + len(added)
        for axis, length in enumerate(shape)
        if length == 1 and dx.shape[axis + len(added)] != 1
    )
    return sum_over(dx, added + stretched).reshape(shape)
