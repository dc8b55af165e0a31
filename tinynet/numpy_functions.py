"""NumPy's own functions on Tensors: what np.exp(x), np.clip(x, 0, 1) and array + x do.

NumPy's operators are those of the Tensor: array + x is a Tensor on the tape. Of all its other
functions the results are arrays, which no gradient finds its way back from. So they are given the
Tensors' elements, and are refused where a gradient would be lost, with the name of what to use.
"""

import operator
from collections.abc import Callable, Iterator

import numpy as np

from tinynet import tape
from tinynet.ops import elementwise, matmul

OPERATIONS = {
    np.add: elementwise.Add,
    np.subtract: elementwise.Subtract,
    np.multiply: elementwise.Multiply,
    np.divide: elementwise.Divide,
    np.power: elementwise.Power,
    np.matmul: matmul.MatMul,
    np.negative: elementwise.Negate,
}
COMPARISONS = {  # and what each is with its operands exchanged
    np.equal: (operator.eq, operator.eq),
    np.not_equal: (operator.ne, operator.ne),
    np.less: (operator.lt, operator.gt),
    np.less_equal: (operator.le, operator.ge),
    np.greater: (operator.gt, operator.lt),
    np.greater_equal: (operator.ge, operator.le),
}
METHODS = (
    "abs",
    "clip",
    "exp",
    "log",
    "max",
    "mean",
    "reshape",
    "sqrt",
    "sum",
    "tanh",
    "transpose",
)
INSTEAD = {
    **{name: f"x.{name}(...)" for name in METHODS},
    "absolute": "x.abs()",
    "amax": "x.max(...)",
    "concatenate": "tinynet.functional.concatenate",
    "maximum": "tinynet.functional.maximum",
    "pad": "tinynet.functional.pad",
    "ravel": "x.flatten()",
    "stack": "tinynet.functional.concatenate of each x[None]",
    "where": "tinynet.functional.where",
}


class NumPyFunctions:
    """How a Tensor answers NumPy. Tensor defines `numpy`, `operate` and `compare`."""

    __slots__ = ()

    def __array__(self, dtype=None, copy=None) -> np.ndarray:  # np.asarray(x)
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args, **options):
        if method == "__call__" and not options:
            if ufunc in OPERATIONS:
                return self.operate(OPERATIONS[ufunc], *args)
            if ufunc in COMPARISONS:
                straight, exchanged = COMPARISONS[ufunc]
                x, y = args
                return x.compare(straight, y) if x is self else self.compare(exchanged, x)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return _on_elements(name, getattr(ufunc, method), args, options)

    def __array_function__(self, function: Callable, _types: object, args: tuple, options: dict):
        return _on_elements(function.__name__, function, args, options)


def tensors_in(value) -> Iterator[NumPyFunctions]:
    """The Tensors among arguments, and in lists, tuples and dicts there."""
    if isinstance(value, NumPyFunctions):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in([*value.values()])


def _on_elements(name: str, function: Callable, args: tuple, options: dict):
    """NumPy's result for the elements; TypeError if it holds floats that had a gradient to pass."""
    wanted = tape.recording() and any(x.requires_grad for x in tensors_in((args, options)))
    if not wanted or options.get("out") is None:
        result = function(*_elements(args), **_elements(options))
        if not (wanted and _has_floats(result)):
            return result
    instead = INSTEAD.get(name, "the operations of tinynet.functional")
    if options.get("out") is not None:
        instead = "a result of its own (array = array + x, not array += x)"
    raise TypeError(
        f"np.{name}: the result would be an array, which cuts off the gradient of the Tensor: use "
        f"{instead}; or x.detach() where no gradient is wanted"
    )


def _elements(value):
    """The arguments with an array in place of each Tensor."""
    if isinstance(value, NumPyFunctions):
        return value.numpy()
    if isinstance(value, tuple | list):
        return type(value)(_elements(part) for part in value)
    if isinstance(value, dict):
        return {key: _elements(part) for key, part in value.items()}
    return value


def _has_floats(result) -> bool:
    if isinstance(result, tuple | list):
        return any(_has_floats(part) for part in result)
    return getattr(result, "dtype", np.dtype(bool)).kind in "fc"
