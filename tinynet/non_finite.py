"""Where did the nan come from? Training sees it in the loss; this finds the layer it began in."""

import numpy as np

from tinynet.functional import cross_entropy
from tinynet.nn import Dropout, Sequential
from tinynet.tape import no_grad
from tinynet.tensor import Tensor


@no_grad()
def first_bad_layer(model: Sequential, x: Tensor, labels: np.ndarray) -> str:
    """Run the forward pass again, layer by layer, with the same dropout masks, up to the first
    layer with a parameter or an output that is not finite; what is wrong there, in words.
    """
    for _, module in model.named_modules():
        if isinstance(module, Dropout) and module.training:
            module.counter -= 1
    if bad := _describe(x.numpy()):
        return f"the input itself has {bad}"
    for name, layer in model.children():
        if bad := bad_parameter(layer):
            return f"layer {name}: its {bad}"
        x = layer(x)
        if bad := _describe(x.numpy()):
            return f"layer {name}: its output has {bad}, from a finite input and finite parameters"
    bad = _describe(cross_entropy(x, labels, "none").numpy())
    return f"the loss itself has {bad or 'only finite numbers the second time'}"


def bad_parameter(model) -> str | None:
    """The first parameter that is not finite, in words; None where all are."""
    for name, p in model.named_parameters():
        if bad := _describe(p.numpy()):
            return f"{name} has {bad}"
    return None


def _describe(array: np.ndarray) -> str | None:
    if np.isfinite(array).all():
        return None
    kind = "nan" if np.isnan(array).any() else "inf"
    return f"{kind} in {int((~np.isfinite(array)).sum()):,} of {array.size:,} numbers"
