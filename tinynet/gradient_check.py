"""Is a gradient right? Compare it with central differences.

    d(v . f(x)) / dx[i]  is about  (v . f(x + eps*e_i) - v . f(x - eps*e_i)) / (2 * eps)

The cotangent v is random: with v all ones (a plain sum) a gradient that ignores its dy would pass.
The inputs are float64: the error is then about eps**2, far below that of a wrong formula.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tinynet.console.table import Table
from tinynet.tape import uses_of_leaves
from tinynet.tensor import Tensor


class GradcheckError(AssertionError):
    """A gradient differs from its central difference: operation, argument, index, both values."""


def gradcheck(
    fn: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    *,
    eps: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    seed: int = 0,
) -> float:
    """Check the gradient of `fn(*inputs)` for every element of every input that requires one.

    Passes where |analytic - numeric| <= atol + rtol * max(|analytic|, |numeric|), and raises
    GradcheckError at the first element that does not. The defaults fit values around 1: central
    differences in float64 are right to about eps**2 = 1e-10 plus rounding, 1e-16 / eps = 1e-11.
    Returns the largest difference relative to the gradient's largest element.
    `fn` must give the same result each time, so give a dropout its seed.
    """
    checked = checked_inputs("gradcheck", inputs)
    if not callable(fn):
        raise TypeError(f"gradcheck: fn expects a function, got {type(fn).__name__}")
    y = fn(*inputs)
    if not isinstance(y, Tensor):
        raise TypeError(f"gradcheck: fn expects to give a Tensor, gave {type(y).__name__}")
    operation = name_of(fn, y)
    cotangent = np.random.default_rng(seed).standard_normal(y.shape)
    worst = 0.0
    for i, analytic in zip(checked, gradients(y, cotangent, [inputs[i] for i in checked])):
        x = inputs[i]
        numeric = _numeric_gradient(lambda: fn(*inputs), x, cotangent, eps)
        difference = np.abs(analytic - numeric)
        largest = np.maximum(np.abs(analytic), np.abs(numeric))
        wrong = ~(difference <= atol + rtol * largest)  # a nan is wrong too
        if wrong.any():
            index = tuple(int(j) for j in np.argwhere(wrong)[0])
            raise GradcheckError(
                f"{operation}: gradient of argument {i} at index {index}: "
                f"backward gives {analytic[index]:.10g}, central difference {numeric[index]:.10g} "
                f"({int(wrong.sum())} of {wrong.size} elements differ)"
            )
        if largest.size and largest.max() > 0:
            worst = max(worst, float(difference.max() / largest.max()))
    return worst


def gradient_table(
    fn: Callable[[], Tensor], named: Iterable[tuple[str, Tensor]], **options
) -> Table:
    """`gradcheck` of each of the named Tensors by itself, such as net.named_parameters().

    `fn()` computes with them, in float64; options as those of gradcheck. A row for each: its name,
    shape, the largest error relative to its largest element, and what is wrong.
    """
    rows, wrong = [], 0
    for name, x in named:
        shape = " x ".join(map(str, x.shape))
        try:
            error = gradcheck(lambda _: fn(), [x], **options)
            rows.append((name, shape, "right", f"{error:.1e}"))
        except GradcheckError as problem:
            wrong += 1
            rows.append((name, shape, f"WRONG: {problem}", ""))
    total = ("total", "", f"{wrong} wrong" if wrong else "all right", "")
    return Table(("parameter", "shape", "gradient", "largest error"), rows, total, left=3)


def checked_inputs(name: str, inputs: Sequence[Tensor]) -> list[int]:
    """Which of the inputs require a gradient; TypeError or ValueError if it cannot be checked."""
    if not isinstance(inputs, Sequence):
        raise TypeError(f"{name}: inputs expects a list of Tensors, got {type(inputs).__name__}")
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(f"{name}: inputs expects a Tensor with requires_grad=True, got none")
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise TypeError(
                f"{name}: input {i} expects float64, got {inputs[i].dtype}: Tensor(..., "
                "dtype='float64') makes it so, and a layer's own dtype='float64' its weights"
            )
        if inputs[i].creator is not None:
            raise ValueError(
                f"{name}: input {i} was made by {inputs[i].creator.name}: hand in what it was "
                "made from, or its detach()"
            )
    return checked


def gradients(y: Tensor, dy: np.ndarray, inputs: Sequence[Tensor]) -> list[np.ndarray]:
    """The gradient of dy . y with respect to each of the inputs, by backward. What `.grad` held
    before, it holds again: theirs, and that of the parameters of a network that y came from."""
    leaves = {*uses_of_leaves(y), *inputs}
    before = {leaf: leaf.grad for leaf in leaves}
    try:
        for x in inputs:
            x.zero_grad()
        y.backward(dy)
        return [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in inputs]
    finally:
        for leaf, grad in before.items():
            leaf.grad = grad


def name_of(fn: Callable[..., Tensor], y: Tensor) -> str:
    """What messages call `fn`, whose result is y: the operation that came last."""
    return y.creator.name if y.creator is not None else getattr(fn, "__name__", "fn")


def _numeric_gradient(fn: Callable[[], Tensor], x: Tensor, cotangent, eps: float) -> np.ndarray:
    """Central differences of cotangent . fn() along every element of x, which moves in place."""
    numeric = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        kept = float(x.numpy()[index])
        values = []
        try:
            for moved in (kept + eps, kept - eps):
                x.device.write(x.data, moved, index)
                values.append(float((fn().numpy() * cotangent).sum()))
        finally:
            x.device.write(x.data, kept, index)
        numeric[index] = (values[0] - values[1]) / (2 * eps)
    return numeric
