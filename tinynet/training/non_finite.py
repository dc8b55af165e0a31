"""Where did the nan come from? Training sees it in the loss; this finds the layer it began in."""

import numpy as np

from tinynet.nn import Dropout, Module, Sequential
from tinynet.tape import no_grad
from tinynet.tensor import Tensor


@no_grad()
def first_bad_layer(model: Sequential, x: Tensor) -> str | None:
    """The first layer with a parameter or an output that is not finite, and what is wrong there.

    None where all numbers are finite. Runs the forward pass again, layer by layer; in training with
    the same dropout masks. Always to the end: of divided layers other ranks compute their part.
    """
    for _, module in model.named_modules():
        if isinstance(module, Dropout):
            module.counter -= module.training
    bad = _describe(x.numpy())
    found = f"the input itself has {bad}" if bad else None
    for name, layer in model.children():
        y = layer(x)
        found = found or _bad_in(name, layer, x, y)
        x = y
    return found


def _bad_in(name: str, layer: Module, x: Tensor, y: Tensor) -> str | None:
    """What is not finite in a layer that made y of x, in words."""
    if bad := bad_parameter(layer):
        return f"layer {name}: its {bad}"
    if bad := _describe(y.numpy()):
        largest = np.abs(x.numpy()).max()
        return f"layer {name}: its output has {bad}, from inputs of up to {largest:.1e}"
    return None


def bad_parameter(model) -> str | None:
    """The first parameter that is not finite, in words; None if all are."""
    for name, p in model.named_parameters():
        if bad := _describe(p.numpy()):
            return f"{name} has {bad}"
    return None


def _describe(array: np.ndarray) -> str | None:
    if np.isfinite(array).all():
        return None
    kind = "nan" if np.isnan(array).any() else "inf"
    return f"{kind} in {int((~np.isfinite(array)).sum()):,} of {array.size:,} numbers"
