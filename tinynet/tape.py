"""The tape: how each Tensor was made, and the walk back along it.

A Tensor that an operation made holds its `creator`, the Function that ran, and its `parents`, the
Tensors that the Function was given. Those notes form a graph, and backward() visits it in
reverse topological order, handing each Function the gradient of its result.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_recording = ContextVar("recording", default=True)


def recording() -> bool:
    """Are operations being noted?"""
    return _recording.get()


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside `with no_grad():` (or a function decorated with it) nothing is noted on the tape."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def backward(root, dy) -> Iterator[tuple]:
    """Walk back from `root`, whose gradient is `dy`: yields (leaf, a share of its gradient).

    What the tape saved is freed step by step, so memory falls as the walk goes on.
    """
    if root.creator is None:
        yield root, dy.copy()
        return
    gradients = {id(root): dy}
    order = topological_order(root)
    while order:
        tensor = order.pop()
        dy = gradients.pop(id(tensor), None)  # None: no way from the root handed it a gradient
        shares = () if dy is None else _gradients_of_parents(tensor, dy)
        handed = [dy]
        for parent, dx in zip(tensor.parents, shares):
            if dx is None or not parent.requires_grad:
                continue
            if parent.creator is None:
                yield parent, _owned(dx, handed, tensor.device.xp)
                handed.append(dx)
            elif id(parent) in gradients:
                # A new sum, never in place: a Function may hand one array to two parents.
                gradients[id(parent)] = gradients[id(parent)] + dx
            else:
                gradients[id(parent)] = dx
        tensor.creator.saved, tensor.parents = None, ()


def topological_order(root) -> list:
    """The made Tensors among `root` and all it came from that need a gradient, makers first.

    Why order matters: in `b = a + a; c = b + b` the gradient of b is complete only when both ways
    from c to b have been added. Pass it on to `a` earlier, and `a` gets half of it; or, followed
    path by path, the work doubles with every such line. Iterative, since a chain may be longer
    than Python's stack.
    """
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend(
                (p, False) for p in tensor.parents if p.requires_grad and p.creator is not None
            )
    return order


def _gradients_of_parents(tensor, dy) -> tuple:
    """What the creator's backward gives, each gradient checked to have its parent's shape."""
    function = tensor.creator
    if function.saved is None:
        raise RuntimeError(
            f"backward: what {function.name} saved was freed by an earlier backward; run forward "
            "again, or add the losses and call backward once"
        )
    gradients = function.backward(dy)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    if len(gradients) != len(tensor.parents):
        raise RuntimeError(
            f"{function.name}: backward gave {len(gradients)} gradients for {len(tensor.parents)} "
            "inputs: a mistake in its backward"
        )
    for i, (parent, dx) in enumerate(zip(tensor.parents, gradients)):
        if dx is None or not parent.requires_grad:
            continue
        if dx.shape != parent.shape or dx.dtype != parent.dtype:
            raise RuntimeError(
                f"{function.name}: the gradient of {function.argument(i)} is {dx.dtype} {dx.shape} "
                f"where {parent.dtype} {parent.shape} is wanted: a mistake in its backward"
            )
    return gradients


def _owned(dx, handed: list, xp):
    """dx as an array that nothing else holds: a Function may return dy, a view, or one array twice.

    Whoever scales a gradient in place would otherwise scale another one too.
    """
    shared = any(xp.may_share_memory(dx, array) for array in handed)
    writeable = getattr(dx.flags, "writeable", True)
    return dx if dx.flags.c_contiguous and writeable and not shared else dx.copy()
