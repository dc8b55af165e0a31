"""Fine-tuning: a network that knows some classes learns others, which takes less than the start.

All layers but the last begin with the weights of a checkpoint; the last one is new, as its profile
begins it. What is known already moves at a tenth of the usual rate, what is new at the usual one.
The mean image stays the checkpoint's too, and the components of the colour noise with it: what the
first layer has learned is to see images minus that mean. (Caffe's fine-tuning of CaffeNet to
Flickr's styles does the same: base_lr a tenth, lr_mult 10 for the new layer, ImageNet's mean.)
"""

import numpy as np

from tinynet.nn import Sequential

KNOWN = 0.1  # times the usual rate
NEW = 10.0  # times the rate of what is known


def last_layer(model: Sequential) -> str:
    """The name of the layer that makes the logits."""
    *_, (name, _) = model.children()
    return name


def take_over(model: Sequential, weights: dict[str, np.ndarray]) -> None:
    """Begin with `weights`, the state of a network with another last layer.

    ValueError, and nothing is changed, where that network is not the same below its last layer.
    """
    last = f"{last_layer(model)}."
    known = {name: array for name, array in weights.items() if not name.startswith(last)}
    new = {name: array for name, array in model.state_dict().items() if name.startswith(last)}
    model.load_state_dict({**known, **new})


def parameter_groups(groups: list[dict], model: Sequential) -> list[dict]:
    """The `groups` for SGD, the last layer's parameters in groups apart, at NEW times the rate."""
    of_last = {id(p) for p in getattr(model, last_layer(model)).parameters()}
    result = []
    for group in groups:
        apart = [[], []]
        for p in group["params"]:
            first = p[0] if isinstance(p, tuple) else p  # of a parameter in parts
            apart[id(first) in of_last].append(p)
        known, new = apart
        if known:
            result.append({**group, "params": known})
        if new:
            name, lr = f"new {group['name']}", NEW * group["lr"]
            result.append({**group, "name": name, "params": new, "lr": lr})
    return result
