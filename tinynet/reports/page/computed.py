"""A layer as data: what it takes to compute it again, in another language."""

from dataclasses import dataclass, field

import numpy as np

from tinynet import nn
from tinynet.ops.window import Window
from tinynet.training.errors import UserError


@dataclass(frozen=True)
class Computed:
    """What it takes to compute a layer in test mode, for one image: arrays by their names."""

    kind: str  # the name of the function in web/forward.js
    constants: dict = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def computed(name: str, layer: nn.Module) -> Computed:
    """A layer as data. UserError if the page knows none such."""
    if hasattr(layer, "computed"):  # a layer of the network's own
        return layer.computed()
    arrays = layer.state_dict()
    if isinstance(layer, nn.Conv2d | nn.LocallyConnected2d):
        window = Window.of(name, layer.weight.shape[2:4], layer.stride, layer.padding)
        is_conv = isinstance(layer, nn.Conv2d)
        groups = layer.groups if is_conv else 1
        kind = "conv" if is_conv else "local"
        return Computed(kind, {**_window(window), "groups": groups}, arrays)
    if isinstance(layer, nn.Pool2d) and not arrays:
        window = Window.of(name, layer.kernel_size, layer.stride, layer.padding)
        kind = "max_pool" if isinstance(layer, nn.MaxPool2d) else "avg_pool"
        return Computed(kind, _window(window), {})
    if isinstance(layer, nn.LocalResponseNorm | nn.LocalResponseNormWithin):
        names = {"reach": "size", "alpha": "alpha", "beta": "beta", "k": "k"}
        constants = {key: getattr(layer, name) for key, name in names.items()}
        if isinstance(layer, nn.LocalResponseNorm):
            return Computed("lrn", {**constants, "groups": layer.groups}, {})
        return Computed("lrn_within", constants, {})
    if isinstance(layer, nn.Dropout):
        return Computed("dropout", {"factor": 1 - layer.p if layer.mode == "paper" else 1}, {})
    for kind, known in (
        ("linear", nn.Linear),
        ("relu", nn.ReLU),
        ("tanh", nn.Tanh),
        ("flatten", nn.Flatten),
    ):
        if isinstance(layer, known):
            return Computed(kind, {}, arrays)
    raise UserError(f"the page cannot compute {name}, {type(layer).__name__}")


def _window(window: Window) -> dict:
    kh, kw, stride_h, stride_w, top, left = window.arguments
    return {"window": [kh, kw], "stride": [stride_h, stride_w], "padding": [top, left]}
