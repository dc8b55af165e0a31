"""The tape: how each Tensor was made, and the walk back along it.

A Tensor that an operation made holds its `creator`, the Function that ran; and a Function holds its
`parents`: for each input the Function that made it, or the leaf Tensor itself, or None where no
gradient is wanted. backward() visits this graph in reverse topological order, handing each
Function the gradient of its result. The graph holds no results: an array that no Function saved for
backward is freed as soon as nothing uses it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from tinynet.devices import Device
from tinynet.ops.function import Function

_recording = ContextVar("recording", default=True)


def recording() -> bool:
    """Are operations being recorded?"""
    return _recording.get()


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside `with no_grad():` (or a function decorated with it) nothing is recorded."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def check_inputs(op: type[Function], inputs: tuple) -> None:
    """TypeError or ValueError unless `op` takes these Tensors, of one dtype and device."""
    first = inputs[0]
    for i, x in enumerate(inputs):
        if x.dtype.kind != "f" and not op.any_dtype:
            raise TypeError(f"{op.name}: {op.argument(i)} expects a float Tensor, got {x.dtype}")
        if x.dtype != first.dtype:
            raise TypeError(
                f"{op.name}: {op.argument(0)} is {first.dtype}, {op.argument(i)} is {x.dtype}: "
                "tinynet never changes a dtype on its own"
            )
        if x.device is not first.device:
            raise ValueError(
                f"{op.name}: {op.argument(0)} is on {first.device.name}, {op.argument(i)} is on "
                f"{x.device.name}"
            )


def backward(root, dy) -> Iterator[tuple]:
    """Walk back from the Tensor `root`, whose gradient is `dy`: yields (leaf, dx) as they come.

    A leaf's gradient is the sum of all that is yielded for it. What the Functions saved is freed
    step by step, so memory falls as the walk goes on.
    """
    if root.creator is None:
        yield root, dy.copy()
        return
    gradients = {root.creator: dy}
    order = topological_order(root.creator)
    while order:
        function = order.pop()
        dy = gradients.pop(function, None)  # None: no path from the root gave it a gradient
        with function.device.active():
            shares = () if dy is None else _gradients_of_inputs(function, dy)
            handed = [dy]
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
        function.saved, function.parents = None, ()


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
    gradients = function.backward(dy)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    if len(gradients) != len(function.parents):
        raise RuntimeError(
            f"{function.name}: backward gave {len(gradients)} gradients for "
            f"{len(function.parents)} inputs: a mistake in its backward"
        )
    for i, (parent, dx, (dtype, shape)) in enumerate(
        zip(function.parents, gradients, function.input_types)
    ):
        if dx is None or parent is None:
            continue
        if not (function.device.owns(dx) or isinstance(dx, np.generic)):
            raise RuntimeError(
                f"{function.name}: the gradient of {function.argument(i)} is a "
                f"{type(dx).__name__} that is not on {function.device.name}: a mistake in its "
                "backward"
            )
        if dx.dtype != dtype or dx.shape != shape:
            raise RuntimeError(
                f"{function.name}: the gradient of {function.argument(i)} is {dx.dtype} {dx.shape} "
                f"where {dtype} {shape} is wanted: a mistake in its backward"
            )
    return gradients


def _owned(dx, handed: list, device: Device):
    """dx as an array that nothing else holds: a Function may return dy, a view, or one array twice.

    Whoever scales a gradient in place would otherwise scale another one too.
    """
    near = [array for array in handed if device.owns(array)]
    shared = any(device.xp.may_share_memory(dx, array) for array in near)
    writeable = getattr(dx.flags, "writeable", True)
    return dx if dx.flags.c_contiguous and writeable and not shared else dx.copy()
