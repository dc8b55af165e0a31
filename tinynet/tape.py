"""The tape: how each Tensor was made, and the walk back along it.

A Tensor that an operation made holds its `creator`, the Function that ran; and a Function holds its
`parents`: for each input the Function that made it, or the leaf Tensor itself, or None where no
gradient is wanted. backward() visits this graph in reverse topological order, handing each
Function the gradient of its result. The graph holds no results: an array that no Function saved for
backward is freed as soon as nothing uses it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

import numpy as np

from tinynet.devices import Device
from tinynet.ops.function import Function

_depth = ContextVar("depth of no_grad", default=0)
watcher = ContextVar("who is told of each operation", default=None)


def recording() -> bool:
    """Are operations being recorded?"""
    return _depth.get() == 0


def no_grad(function: Callable | None = None):
    """Nothing is recorded inside `with no_grad():`, nor in a function decorated with it."""
    return _NoGrad() if function is None else _NoGrad()(function)


class _NoGrad:
    def __enter__(self) -> None:
        _depth.set(_depth.get() + 1)

    def __exit__(self, *_: object) -> None:
        _depth.set(_depth.get() - 1)

    def __call__(self, function: Callable) -> Callable:
        kinds = (isgeneratorfunction, iscoroutinefunction, isasyncgenfunction)
        if any(is_one(function) for is_one in kinds):
            raise TypeError(
                f"no_grad: {function.__name__} runs piece by piece, after the call: write `with "
                "no_grad():` in it, around what computes, and no yield or await inside that"
            )

        @wraps(function)
        def run(*args, **options):
            with self:
                return function(*args, **options)

        return run


@contextmanager
def watched_by(note: Callable) -> Iterator[None]:
    """Inside, each operation is told: note(op, inputs, options, result), with Tensors."""
    before = watcher.set(note)
    try:
        yield
    finally:
        watcher.reset(before)


class Version:
    """How often an array was changed in place: one for a Tensor, those made of it, and views."""

    __slots__ = ("count",)

    def __init__(self):
        self.count = 0


def check_inputs(op: type[Function], inputs: tuple) -> None:
    """TypeError or ValueError unless `op` takes these Tensors, of one dtype and device."""
    first = inputs[0]
    for i, x in enumerate(inputs):
        known = op.any_dtype or x.dtype in x.device.reals
        if not known or x.dtype != first.dtype or x.device is not first.device:
            raise _refused(op, first, i, x)


def _refused(op: type[Function], first, i: int, x) -> Exception:
    """Why `op` does not take x as its argument i, after the first one."""
    if x.dtype not in x.device.reals and not op.any_dtype:
        return TypeError(
            f"{op.name}: {op.argument(i)} expects a float Tensor, got {x.dtype}; "
            "Tensor(x, dtype='float32') makes floats of it"
        )
    if x.dtype != first.dtype:
        return TypeError(
            f"{op.name}: {op.argument(0)} is {first.dtype}, {op.argument(i)} is {x.dtype}: "
            "tinynet never changes a dtype on its own; Tensor(x, dtype='float32') does, or "
            "array.astype('float32') before"
        )
    return ValueError(
        f"{op.name}: {op.argument(0)} is on {first.device.name}, {op.argument(i)} is on "
        f"{x.device.name}"
    )


def record(function: Function, inputs: tuple, result) -> None:
    """Note where a Function's inputs came from, and which of them, or if its result, it saved."""
    function.input_types = tuple((x.dtype, x.shape) for x in inputs)
    function.parents = tuple((x.creator or x) if x.requires_grad else None for x in inputs)
    saved = [array for array in function.saved if function.device.owns(array)]
    function.versions = tuple(
        (i, x.version, x.version.count)
        for i, x in (*enumerate(inputs), (None, result))
        if any(array is x.data for array in saved)
        or any(function.xp.may_share_memory(array, x.data) for array in saved)
    )


def backward(root, dy) -> Iterator[tuple]:
    """Walk back from the Tensor `root`, whose gradient is `dy`: yields (leaf, dx) as they come.

    A leaf's gradient is the sum of all that is yielded for it. What the Functions saved is freed
    step by step, so memory falls as the walk goes on.
    """
    if root.creator is None:
        with root.device.active():
            yield root, dy.copy()
        return
    gradients = {root.creator: dy}
    order = topological_order(root.creator)
    while order:
        function = order.pop()
        dy = gradients.pop(function, None)  # None: no path from the root gave it a gradient
        with function.device.active():
            shares = () if dy is None else _gradients_of_inputs(function, dy)
            handed = [dy]  # what a leaf must not get as its own: others hold it too
            for parent, dx in zip(function.parents, shares):
                if dx is None or parent is None:
                    continue
                if not isinstance(parent, Function):
                    yield parent, _owned(dx, handed, function.device)
                    handed.append(dx)
                elif parent in gradients:
                    # A new sum, never in place: a Function may hand one array to two parents.
                    gradients[parent] = gradients[parent] + dx
                else:
                    gradients[parent] = dx
        function.saved, function.parents, function.versions = None, (), ()


def uses_of_leaves(root) -> Counter:
    """How often each leaf was used on the way to the Tensor `root`: backward yields it as often."""
    order = [] if root.creator is None else topological_order(root.creator)
    parents = (parent for function in order for parent in function.parents)
    return Counter(p for p in parents if p is not None and not isinstance(p, Function))


def topological_order(root: Function) -> list[Function]:
    """`root` and every Function that its result came from, makers before users.

    Why order matters: in `b = a + a; c = b + b` the gradient of b is complete only when both paths
    from c to b have been added. Pass it on to `a` earlier, and `a` gets half of it; or follow each
    path on its own, and the work doubles with every such line. Iterative, since a chain may be
    longer than Python's stack.
    """
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        function, parents_done = stack.pop()
        if parents_done:
            order.append(function)
        elif function not in seen:
            seen.add(function)
            stack.append((function, True))
            stack.extend((p, False) for p in function.parents if isinstance(p, Function))
    return order


def _gradients_of_inputs(function: Function, dy) -> tuple:
    """What backward gives, each gradient checked to be of its input's device, dtype and shape."""
    if function.saved is None:
        raise RuntimeError(
            f"backward: what {function.name} saved was freed by an earlier backward; run forward "
            "again, or add the losses and call backward once"
        )
    for i, version, count in function.versions:
        if version.count != count:
            what = "its result" if i is None else function.argument(i)
            raise RuntimeError(
                f"backward: {function.name} needs {what} as it was, and it has been changed in "
                "place since, as an optimizer's step does: call backward before that, or run "
                "forward again"
            )
    gradients = function.backward(dy)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    n = len(function.parents)
    if len(gradients) != n:
        raise _mistake(function, f"backward gave {len(gradients)} gradients for {n} inputs")
    for i, (dx, wanted) in enumerate(zip(gradients, function.input_types)):
        if dx is None or function.parents[i] is None:
            continue
        if not (function.device.owns(dx) or isinstance(dx, np.generic)):
            what = f"{type(dx).__name__} that is not on {function.device.name}"
            raise _mistake(function, f"the gradient of {function.argument(i)} is a {what}")
        if (dx.dtype, dx.shape) != wanted:
            what = f"{dx.dtype} {dx.shape} where {wanted[0]} {wanted[1]} is wanted"
            raise _mistake(function, f"the gradient of {function.argument(i)} is {what}")
    return gradients


def _mistake(function: Function, what: str) -> RuntimeError:
    """What is raised for a gradient that no right backward gives."""
    return RuntimeError(f"{function.name}: {what}: a mistake in its backward")


def _owned(dx, handed: list, device: Device):
    """dx as an array that nothing else holds: a Function may return dy, a view, or one array twice.

    Whoever scales a gradient in place would otherwise scale another one too.
    """
    near = [array for array in handed if device.owns(array)]
    shared = any(device.xp.may_share_memory(dx, array) for array in near)
    writeable = getattr(dx.flags, "writeable", True)
    return dx if dx.flags.c_contiguous and writeable and not shared else dx.copy()
