"""Operations that move elements without changing them: backward moves the gradient back."""

import math

from tinynet.ops.arguments import integer
from tinynet.ops.function import Function


class Reshape(Function):
    name = "reshape"
    any_dtype = True

    def forward(self, x, *, shape):
        self.saved = (x.shape,)
        unknown = [length for length in shape if length == -1]
        known = math.prod(length for length in shape if length != -1)
        wrong = len(unknown) > 1 or any(length < -1 for length in shape)
        if unknown:
            wrong = wrong or known == 0 or x.size % known != 0
        else:
            wrong = wrong or known != x.size
        if wrong:
            raise ValueError(f"reshape: x has {x.size} elements {x.shape}, cannot become {shape}")
        return x.reshape(shape)

    def backward(self, dy):
        (shape,) = self.saved
        return dy.reshape(shape)


class Transpose(Function):
    name = "transpose"
    any_dtype = True

    def forward(self, x, *, axes):
        axes = tuple(reversed(range(x.ndim))) if axes is None else axes
        inside = all(-x.ndim <= a < x.ndim for a in axes)
        if not inside or sorted(a % x.ndim for a in axes) != list(range(x.ndim)):
            raise ValueError(
                f"transpose: axes expects each of the {x.ndim} axes of x once, got {axes}"
            )
        axes = tuple(a % x.ndim for a in axes)
        self.saved = (sorted(range(x.ndim), key=axes.__getitem__),)
        return x.transpose(axes)

    def backward(self, dy):
        (inverse,) = self.saved
        return dy.transpose(inverse)


class GetItem(Function):
    """x[index]. An element that the index names twice gets both gradients.

    The arrays in `index` are NumPy's, on any device.
    """

    name = "getitem"
    any_dtype = True

    def forward(self, x, *, index):
        try:
            here = self.device.checked_index(index, x.shape)
            self.saved = (x.shape, here)
            return x[here]
        except IndexError as error:
            given = index[0] if len(index) == 1 else index
            raise IndexError(
                f"getitem: x has shape {x.shape}, got index {given}: {error}"
            ) from None

    def backward(self, dy):
        shape, index = self.saved
        dx = self.device.zeros(shape, dy.dtype)
        if any(_may_repeat(part) for part in index):
            self.xp.add.at(dx, index, dy)
        else:
            dx[index] = dy  # the same, and several times faster
        return dx


def _may_repeat(part) -> bool:
    """Can this part of an index name an element twice? Slices and masks cannot, arrays of ints."""
    return hasattr(part, "dtype") and part.dtype != bool


class Pad(Function):
    """Zeros around the last two axes."""

    name = "pad"

    def forward(self, x, *, padding):
        top, bottom, left, right = padding
        if x.ndim < 2:
            raise ValueError(f"pad: x expects at least 2 axes (..., h, w), got {x.shape}")
        h, w = x.shape[-2:]
        y = self.device.zeros((*x.shape[:-2], top + h + bottom, left + w + right), x.dtype)
        self.saved = (slice(top, top + h), slice(left, left + w))
        y[(..., *self.saved)] = x
        return y

    def backward(self, dy):
        return dy[(..., *self.saved)]


class Concatenate(Function):
    name = "concatenate"
    any_dtype = True

    def forward(self, *tensors, axis):
        ndim = tensors[0].ndim
        if integer(axis) is None or not -ndim <= axis < ndim:
            raise ValueError(f"concatenate: axis {axis!r} is not one of the {ndim} axes")
        axis = integer(axis) % ndim
        first = tensors[0].shape
        for i, x in enumerate(tensors):
            rest = x.shape[:axis] + x.shape[axis + 1 :]
            if x.ndim != ndim or rest != first[:axis] + first[axis + 1 :]:
                raise ValueError(
                    f"concatenate: tensors[{i}] has shape {x.shape}, tensors[0] has {first}: "
                    f"all axes but {axis} must be equal"
                )
        self.saved = (axis, [x.shape[axis] for x in tensors])
        return self.xp.concatenate(tensors, axis=axis)

    def backward(self, dy):
        axis, lengths = self.saved
        gradients, start = [], 0
        for length in lengths:
            part = (slice(None),) * axis + (slice(start, start + length),)
            gradients.append(dy[part])
            start += length
        return tuple(gradients)
