"""A parameter of which each tower has half is saved whole, and so can be read on any devices.

Tower a has the first filters (or units) of a layer, tower b the rest: along the first axis the two
halves, one after the other, are the parameter of the same layer on one device. The same goes for
their velocities.
"""

import numpy as np

from tinynet.nn import Module, Parameter
from tinynet.optim import SGD


class Whole:
    """Two halves, used as one parameter by Module.state_dict and load_state_dict."""

    def __init__(self, a: Parameter, b: Parameter):
        self.a, self.b = a, b

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.a) + len(self.b), *self.a.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.a.dtype

    def numpy(self) -> np.ndarray:
        return np.concatenate([self.a.numpy(), self.b.numpy()])

    def write(self, values: np.ndarray) -> None:
        self.a.write(values[: len(self.a)])
        self.b.write(values[len(self.a) :])


def saved_names(model: Module) -> dict[int, str]:
    """By the id of each parameter, the name under which it is saved: both halves have one name."""
    saved = model.named_saved()
    return {id(p): name for name, one in saved for p in _tensors(one)}


def _tensors(saved: Parameter | Whole) -> tuple[Parameter, ...]:
    return (saved.a, saved.b) if isinstance(saved, Whole) else (saved,)


def merged(state: dict, optimizer: SGD, model: Module) -> dict:
    """The optimizer's `state` with one velocity for both halves of a parameter: as it would be for
    the same network on one device. A group of the optimizer lists a's half before b's."""
    velocity = state["velocity"]
    whole = {}
    for name, halves in _layout(optimizer, model).items():
        arrays = [velocity[half] for half in halves]
        whole[name] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    return {**state, "velocity": whole}


def halved(state: dict, optimizer: SGD, model: Module) -> dict:
    """The `state` that `merged` gave, perhaps of the network on other devices, with the velocities
    cut as this optimizer has them. Whether they fit is for its load_state_dict to check."""
    layout = _layout(optimizer, model)
    if state["velocity"].keys() != layout.keys():
        raise ValueError(f"velocity expects {[*layout]}, has {[*state['velocity']]}")
    velocity = {}
    for name, halves in layout.items():
        whole = state["velocity"][name]
        if len(halves) > 1:
            (a, of_a), (b, _) = halves.items()
            velocity[a], velocity[b] = np.split(np.atleast_1d(whole), [len(of_a)])
        else:
            velocity[next(iter(halves))] = whole
    return {**state, "velocity": velocity}


def _layout(optimizer: SGD, model: Module) -> dict[str, dict[str, Parameter]]:
    """For each velocity in a file, the names that its halves (or the one, if it is whole there too)
    have in the optimizer's state, with their Tensors."""
    saved, layout = saved_names(model), {}
    for g, group in enumerate(optimizer.groups):
        wholes: dict[str, dict[str, Parameter]] = {}
        for i, p in enumerate(group["params"]):
            wholes.setdefault(saved[id(p)], {})[f"{g}.{i}"] = p
        layout |= {f"{g}.{i}": halves for i, halves in enumerate(wholes.values())}
    return layout
