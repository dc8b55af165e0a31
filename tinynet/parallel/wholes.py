"""A parameter of which each tower has half is saved whole, and so can be read on any devices.

Tower a has the first filters (or units) of a layer, tower b the rest: along the first axis the two
halves, one after the other, are the parameter of the same layer on one device. The same goes for
their velocities.

`merged` and `halved` ask only what any parameter in parts can answer, also one of which each rank
has some rows (divided.py): which `parts` of it lie here, `join` and `cut`.
"""

import numpy as np

from tinynet.nn import Module, Parameter
from tinynet.optim import SGD


class Whole:
    """Two halves, used as one parameter by Module.state_dict and load_state_dict."""

    def __init__(self, a: Parameter, b: Parameter):
        self.a, self.b = a, b
        self.parts = (a, b)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.a) + len(self.b), *self.a.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.a.dtype

    def numpy(self) -> np.ndarray:
        return self.join([self.a.numpy(), self.b.numpy()])

    def write(self, values: np.ndarray) -> None:
        for part, its_values in zip(self.parts, self.cut(values)):
            part.write(its_values)

    def join(self, halves: list[np.ndarray]) -> np.ndarray:
        """Of the parameter, or its velocity: both halves as one."""
        return np.concatenate(halves)

    def cut(self, whole: np.ndarray) -> list[np.ndarray]:
        """What `join` joined."""
        return np.split(np.atleast_1d(whole), [len(self.a)])


def saved_names(model: Module) -> dict[int, str]:
    """By the id of each parameter, the name under which it is saved: both halves have one name."""
    return {id(p): name for name, one in model.named_saved() for p in _parts(one)}


def _parts(saved) -> tuple[Parameter, ...]:
    return (saved,) if isinstance(saved, Parameter) else saved.parts


def merged(state: dict, optimizer: SGD, model: Module) -> dict:
    """The optimizer's `state` with one velocity for both halves of a parameter: as it would be for
    the same network on one device. A group of the optimizer lists a's half before b's."""
    velocity = state["velocity"]
    whole = {}
    for name, (saved, parts) in _layout(optimizer, model).items():
        arrays = [velocity[part] for part in parts]
        whole[name] = arrays[0] if isinstance(saved, Parameter) else saved.join(arrays)
    return {**state, "velocity": whole}


def halved(state: dict, optimizer: SGD, model: Module) -> dict:
    """The `state` that `merged` gave, perhaps of the network on other devices, with the velocities
    cut as this optimizer has them. Whether they fit is for its load_state_dict to check."""
    layout = _layout(optimizer, model)
    if state["velocity"].keys() != layout.keys():
        raise ValueError(f"velocity expects {[*layout]}, has {[*state['velocity']]}")
    velocity = {}
    for name, (saved, parts) in layout.items():
        whole = state["velocity"][name]
        arrays = [whole] if isinstance(saved, Parameter) else saved.cut(whole)
        velocity |= zip(parts, arrays)
    return {**state, "velocity": velocity}


def _layout(optimizer: SGD, model: Module) -> dict[str, tuple]:
    """For each velocity in a file: what is saved of its parameter, and the names that its halves
    (or the one, if it is whole there too) have in the optimizer's state."""
    saved = {id(p): (name, one) for name, one in model.named_saved() for p in _parts(one)}
    layout = {}
    for g, group in enumerate(optimizer.groups):
        wholes: dict[str, tuple] = {}
        for i, p in enumerate(group["params"]):
            name, one = saved[id(p)]
            wholes.setdefault(name, (one, []))[1].append(f"{g}.{i}")
        layout |= {f"{g}.{i}": found for i, found in enumerate(wholes.values())}
    return layout
