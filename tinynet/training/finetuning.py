"""Fine-tuning: a network that knows some classes learns others, faster than it would from scratch.

All layers but the last start from the weights of a checkpoint; the last one is new, initialized as
its profile says. The known layers learn at a tenth of the usual rate, the new one at the usual
rate. The mean image, the std and the components of the colour noise are the checkpoint's too: the
first layer has learned to see images minus that mean. (Caffe's fine-tuning of CaffeNet to Flickr's
styles does the same: base_lr a tenth, lr_mult 10 for the new layer, ImageNet's mean.)
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
    """Start from `weights`, the state of a network with another last layer.

    ValueError, and nothing is changed, if that network differs below its last layer.
    """
    last = f"{last_layer(model)}."
    known = {name: array for name, array in weights.items() if not name.startswith(last)}
    new = {name: array for name, array in model.state_dict().items() if name.startswith(last)}
    model.load_state_dict({**known, **new})


def parameter_groups(groups: list[dict], model: Sequential) -> list[dict]:
    """The `groups` for SGD, with the last layer's parameters apart, at NEW times the rate."""
    of_last = {id(p) for p in getattr(model, last_layer(model)).parameters()}
    result = []
    for group in groups:
        apart = [[], []]
        for p in group["params"]:
            apart[id(p) in of_last].append(p)
        known, new = apart
        if known:
            result.append({**group, "params": known})
        if new:
            name, lr = f"new {group['name']}", NEW * group["lr"]
            result.append({**group, "name": name, "params": new, "lr": lr})
    return result
