"""Is a gradient right in all its digits? Compare backward with forward, run on dual numbers.

The derivative of y = fn(x) is a matrix, J[j, i] = dy[j]/dx[i], and there are two ways to it:

    a column at a time    forward on dual numbers, of which x[i] alone moves: the slopes of y
    a row at a time       backward from a dy that is 1 at y[j] and 0 elsewhere

The forward way needs nothing of backward: it is forward's own code, computing with dual numbers
(devices/dual.py), each kernel included. It has no step size, so nothing stands between the two but
the rounding of a few operations, about 1e-16 each. Every element is compared with its counterpart,
and 0 with 0: what J lacks, backward must lack. And since backward has been asked of one dy at a
time, it is asked once more of a random one: it must be linear, the same combination of the rows.

What is proved: at this x, in these shapes, J is right in every element. What is not: other shapes
and other branches of the code. So shapes are odd, and many.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tinynet.devices import dual
from tinynet.gradient_check import GradcheckError, checked_inputs, gradients, name_of
from tinynet.tape import no_grad
from tinynet.tensor import Tensor

RTOL = 1e-13  # of each element: some hundred roundings


def exact_gradcheck(fn: Callable[..., Tensor], inputs: Sequence[Tensor], *, seed: int = 0) -> float:
    """Check every element of the derivative of `fn(*inputs)` along each input that requires one.

    The inputs are float64 Tensors on cpu or sim:N. `fn` must give the same result each time, so
    give a dropout its seed. Returns the largest relative error; GradcheckError names the first
    element whose error exceeds RTOL. Takes as many runs as inputs and outputs have elements.
    """
    checked = checked_inputs("exact_gradcheck", inputs)
    y = fn(*inputs)
    rows = _by_backward(fn, inputs, checked, np.eye(y.size).reshape(-1, *y.shape))
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    mixed = _by_backward(fn, inputs, checked, dy[None])
    worst = 0.0
    for position, i in enumerate(checked):
        columns = _by_duals(fn, inputs, i)
        what = f"{name_of(fn, y)}: gradient of argument {i}"
        worst = max(
            worst,
            compare(what, rows[position], columns, inputs[i].shape, y.shape),
            _compare_mixed(what, mixed[position][0], dy.ravel(), columns),
        )
    return worst


def slopes(fn: Callable[..., Tensor], inputs: Sequence, directions: Sequence) -> np.ndarray:
    """How fast the elements of fn(*inputs) change as each input moves in its direction.

    inputs: Tensors of one device, cpu or sim:N. directions: NumPy arrays, or 0 to stand still.
    """
    device = dual.of(inputs[0].device)
    moving = [dual.dual(x.numpy(), direction) for x, direction in zip(inputs, directions)]
    with no_grad():
        return dual.slope(fn(*(Tensor(x, device=device) for x in moving)).numpy())


def unit(element: int, shape: tuple[int, ...]) -> np.ndarray:
    """1 at one element, counted in reading order, and 0 at all others."""
    direction = np.zeros(shape)
    direction.flat[element] = 1
    return direction


def _by_duals(fn, inputs: Sequence[Tensor], i: int) -> np.ndarray:
    """J along input number i, (elements of y, elements of the input), column by column."""
    columns = []
    for element in range(inputs[i].size):
        directions = [0] * len(inputs)
        directions[i] = unit(element, inputs[i].shape)
        columns.append(slopes(fn, inputs, directions).ravel())
    return np.stack(columns, axis=1)


def _by_backward(fn, inputs: Sequence[Tensor], checked: list[int], dys: np.ndarray) -> list:
    """For each input that is checked its gradient, flat, from each of the dys: (dys, elements)."""
    found = [np.zeros((len(dys), inputs[i].size)) for i in checked]
    for row, dy in enumerate(dys):
        each = gradients(fn(*inputs), dy, [inputs[i] for i in checked])
        for of_input, gradient in zip(found, each):
            of_input[row] = gradient.ravel()
    return found


def compare(
    what: str, rows: np.ndarray, columns: np.ndarray, x_shape: tuple, y_shape: tuple
) -> float:
    """The largest relative error of an element of J, found in two ways: both (y.size, x.size).

    An element below a hundredth of the largest is held to that hundredth: it may be the difference
    of larger numbers, and has their rounding. But 0 is 0 in both, or wrong. GradcheckError, which
    begins with `what`, if an error exceeds RTOL.
    """
    sizes = np.maximum(np.abs(rows), np.abs(columns))
    sizes = np.maximum(sizes, sizes.max(initial=0) / 100)
    errors = np.abs(rows - columns) / np.where(sizes == 0, 1, sizes)
    errors[(rows == 0) != (columns == 0)] = 1
    wrong = ~(errors <= RTOL)  # a nan is wrong too
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        x_index = tuple(map(int, np.unravel_index(column, x_shape)))
        y_index = tuple(map(int, np.unravel_index(row, y_shape)))
        raise GradcheckError(
            f"{what} at index {x_index}, from dy at {y_index} alone: backward gives "
            f"{rows[row, column]:.17g}, dual numbers {columns[row, column]:.17g} "
            f"({int(wrong.sum())} of {wrong.size} elements differ)"
        )
    return float(errors.max(initial=0))


def _compare_mixed(what: str, gradient, dy, columns) -> float:
    """The same for the gradient from a whole dy; errors relative to the sum of all |terms|."""
    terms = np.abs(dy) @ np.abs(columns)
    errors = np.abs(gradient - dy @ columns) / np.where(terms == 0, 1, terms)
    if not (errors <= RTOL).all():
        raise GradcheckError(
            f"{what} is not linear in dy: a random dy gives other than the sum of what its "
            "elements give one by one"
        )
    return float(errors.max(initial=0))
