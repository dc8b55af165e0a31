"""Stochastic gradient descent as the paper does it (section 5), and schedules for its rate.

    v <- momentum * v - weight_decay * lr * w - lr * grad
    w <- w + v

The rate lr is inside v: when it falls, the velocity gathered so far keeps its size and carries the
weights on past where the gradient would turn them, so the training loss can rise for a while before
it falls. (In a run like the README's it rose from 0.17 to 0.45; with v divided by ten as well it
fell to 0.14 at once. PyTorch multiplies by lr at the end instead, which amounts to that.)
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from tinynet.kernels import launch
from tinynet.ops.arguments import integer, number
from tinynet.pytorch_names import OF_OPTIMIZERS, missing_from, no_attribute
from tinynet.tensor import Tensor

__all__ = ["Rates", "ReduceLROnPlateau", "SGD", "StepLR"]

__getattr__ = missing_from(__name__)

OPTIONS = ("lr", "momentum", "weight_decay")


class SGD:
    """Momentum SGD.

    `params`: Tensors, or dicts with `params` and their own lr, momentum or weight_decay, e.g.
    [{"params": weights}, {"params": biases, "lr": 0.02, "weight_decay": 0}]. A group may have a
    `name` of its own, by which a schedule finds it.
    The momentum is the paper's unless it is given (PyTorch's is 0).
    A parameter whose `.grad` is None is left as it is. `velocity` holds a list for each group, with
    the velocity of each of its Tensors, on the Tensor's device.

    >>> weight = Tensor([1.0], requires_grad=True)
    >>> (weight * weight).sum().backward()
    >>> SGD([weight], lr=0.1).step()
    >>> weight
    Tensor([0.8], float32, cpu, requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Sequence[dict],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ):
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        params = _listed(params)
        dicts = [isinstance(p, dict) for p in params]
        if any(dicts) and not all(dicts):
            raise TypeError("SGD: params expects Tensors, or dicts of them, not both in one list")
        groups = params if any(dicts) else [{"params": params}]
        self.groups = [_group(group, defaults) for group in groups]
        self.velocity = [
            [p.device.zeros(p.shape, p.dtype) for p in group["params"]] for group in self.groups
        ]
        names = [group["name"] for group in self.groups if "name" in group]
        if len(set(names)) != len(names):
            raise ValueError(f"SGD: each group expects a name of its own, got {names}")
        _refuse_twice(self.groups)

    def __getattr__(self, name: str):
        raise no_attribute(self, name, OF_OPTIMIZERS)

    def __repr__(self) -> str:
        options = [{name: group[name] for name in OPTIONS} for group in self.groups]
        return f"SGD of {sum(len(group['params']) for group in self.groups)} Tensors: {options}"

    def step(self) -> None:
        """One update of every parameter from its gradient."""
        for group, velocities in zip(self.groups, self.velocity):
            options = [_option(name, group[name]) for name in OPTIONS]  # somebody may have set one
            for p, v in zip(group["params"], velocities):
                if p.grad is None:
                    continue
                p.check_like("SGD", "the gradient", p.grad)  # .data may be another since
                launch(p.device, "sgd_update", p.data, v, p.grad.data, p.size, *options)
                p.changed()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.groups:
            for p in group["params"]:
                p.zero_grad()

    def scale_lr(self, factor: float) -> None:
        """Multiply every group's rate."""
        for group in self.groups:
            group["lr"] *= factor

    def state_dict(self, copy: bool = True) -> dict:
        """The groups' options, and the velocities as NumPy arrays: "1.0" is that of the second
        group's first Tensor.

        Without `copy` a velocity may be the very array that step() writes to.
        """
        velocity = {name: p.device.to_numpy(v) for name, (p, v) in self._named().items()}
        return {
            "groups": [{name: group[name] for name in OPTIONS} for group in self.groups],
            "velocity": {name: v.copy() for name, v in velocity.items()} if copy else velocity,
        }

    def _named(self) -> dict[str, tuple]:
        """Each Tensor and its velocity, by the name of the velocity in the state."""
        return {
            f"{g}.{i}": pair
            for g, (group, velocities) in enumerate(zip(self.groups, self.velocity))
            for i, pair in enumerate(zip(group["params"], velocities))
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over what `state_dict` gave for an optimizer of the same parameters.

        Nothing is changed unless everything fits.
        """
        if not isinstance(state, dict) or not {"groups", "velocity"} <= state.keys():
            raise ValueError("SGD: state expects a dict with groups and velocity")
        if len(state["groups"]) != len(self.groups):
            raise ValueError(
                f"SGD: state expects {len(self.groups)} groups, has {len(state['groups'])}"
            )
        expected = self._named()
        if expected.keys() != state["velocity"].keys():
            raise ValueError(
                f"SGD: state expects {len(expected)} velocities, has {len(state['velocity'])}"
            )
        arrays = {name: np.asarray(v) for name, v in state["velocity"].items()}
        for name, (p, _) in expected.items():
            new = arrays[name]
            if new.shape != p.shape or new.dtype != p.dtype:
                raise ValueError(
                    f"SGD: velocity {name} expects {p.dtype} {p.shape}, has {new.dtype} {new.shape}"
                )
        new_options = [
            {name: _option(f"group {g} of state: {name}", options.get(name)) for name in OPTIONS}
            for g, options in enumerate(state["groups"])
        ]
        for name, (p, v) in expected.items():
            p.device.write(v, arrays[name])
        for group, options in zip(self.groups, new_options):
            group.update(options)


def _group(group: dict, defaults: dict) -> dict:
    known = ("params", "name", *OPTIONS)
    if group.keys() - {*known} or "params" not in group:
        raise ValueError(f"SGD: a group expects {', '.join(known)}, got {[*group]}")
    if not isinstance(group.get("name", ""), str):
        raise TypeError(f"SGD: the name of a group expects a str, got {group['name']!r}")
    group = {**defaults, **group, "params": _listed(group["params"])}
    for i, p in enumerate(group["params"]):
        if isinstance(p, Tensor) and p.requires_grad and p.creator is None:
            continue
        got = f"{_called(i, p)} is a {type(p).__name__}"
        if isinstance(p, Tensor):
            what = f"{p.creator.name} made" if p.creator else "requires none: leave it out"
            got += f" that {what}"
        raise TypeError(
            "SGD: params expects Tensors that require a gradient and that no operation made: " + got
        )
    for name in OPTIONS:
        group[name] = _option(name, group[name])
    return group


def _option(name: str, value) -> float:
    if number(value) is None or not 0 <= value < math.inf:
        raise ValueError(f"SGD: {name} expects a finite number of at least 0, got {value!r}")
    return float(value)


def _listed(params) -> list:
    """What SGD was given as a list, whose order is that of the velocities in a checkpoint."""
    if isinstance(params, Tensor):
        raise TypeError("SGD: params expects a list of Tensors, got one Tensor")
    if hasattr(params, "parameters"):
        got = f"{type(params).__name__}: hand in its parameters()"
        raise TypeError(f"SGD: params expects a list of Tensors, got {got}")
    if isinstance(params, set | frozenset | dict) or not isinstance(params, Iterable):
        raise TypeError(
            f"SGD: params expects a list of Tensors, or of dicts of them, got "
            f"{type(params).__name__}{', which has no order' if isinstance(params, set) else ''}"
        )
    return list(params)


def _called(i: int, p) -> str:
    """Which of the params this is, by the name that its network gave it, if any."""
    return f"params[{i}]" + (f" ({p.name})" if getattr(p, "name", "") else "")


def _refuse_twice(groups: list[dict]) -> None:
    places: dict[Tensor, str] = {}
    for g, group in enumerate(groups):
        for i, p in enumerate(group["params"]):
            place = f"{_called(i, p)} of group {g}"
            if p in places:
                raise ValueError(
                    f"SGD: params names a Tensor twice: {place} is {places[p]} again; list a "
                    "parameter once, however many layers share it"
                )
            places[p] = place
    if not places:
        raise ValueError("SGD: params expects at least one Tensor, got none")


class Rates(Protocol):
    """What has learning rates to turn down: SGD itself, or the controls of a run."""

    def scale_lr(self, factor: float) -> None: ...


class StepLR:
    """Multiply the rates by `gamma` every `step_size` calls of step()."""

    def __init__(self, optimizer: Rates, step_size: int, gamma: float = 0.1):
        if integer(step_size) is None or step_size < 1:
            raise ValueError(f"StepLR: step_size expects an int of at least 1, got {step_size!r}")
        if number(gamma) is None or not 0 < gamma < math.inf:
            raise ValueError(f"StepLR: gamma expects a finite number above 0, got {gamma!r}")
        self.optimizer, self.step_size, self.gamma, self.count = optimizer, step_size, gamma, 0

    def step(self) -> bool:
        """Call once an epoch (or a step). True when the rates were changed."""
        self.count += 1
        if self.count % self.step_size:
            return False
        self.optimizer.scale_lr(self.gamma)
        return True

    def state_dict(self) -> dict:
        """How many calls of step() there were, for a checkpoint; the rates are the optimizer's."""
        return {"count": self.count}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        self.count = int(state["count"])


class ReduceLROnPlateau:
    """Multiply the rates by `factor` when a measure stops falling (paper, section 5).

    The measure (say, validation error) must fall by more than `threshold` to count as better;
    after more than `patience` calls without that, the rates fall, at most `max_drops` times.
    """

    def __init__(
        self,
        optimizer: Rates,
        factor: float = 0.1,
        patience: int = 5,
        threshold: float = 1e-4,
        max_drops: int | None = None,
    ):
        if number(factor) is None or not 0 < factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor expects 0 < factor < 1, got {factor!r}")
        counts = {"patience": patience, "max_drops": 0 if max_drops is None else max_drops}
        for argument, value in counts.items():
            if integer(value) is None or value < 0:
                raise ValueError(
                    f"ReduceLROnPlateau: {argument} expects an int of at least 0, got {value!r}"
                )
        if number(threshold) is None or not 0 <= threshold < math.inf:
            raise ValueError(
                f"ReduceLROnPlateau: threshold expects a number of at least 0, got {threshold!r}"
            )
        self.optimizer, self.factor = optimizer, factor
        self.patience, self.threshold, self.max_drops = patience, threshold, max_drops
        self.best, self.bad, self.drops = float("inf"), 0, 0

    def step(self, measure: float) -> bool:
        """Call once an epoch with the measure. True when the rates were changed."""
        measure = float(measure)  # of a Tensor: its graph would be kept as long as it is the best
        if measure < self.best - self.threshold:
            self.best, self.bad = measure, 0
        else:
            self.bad += 1
        exhausted = self.max_drops is not None and self.drops >= self.max_drops
        if self.bad <= self.patience or exhausted:
            return False
        self.optimizer.scale_lr(self.factor)
        self.bad, self.drops = 0, self.drops + 1
        return True

    def state_dict(self) -> dict:
        """The best measure, None before the first, the calls since, and the drops, in JSON."""
        best = None if self.best == float("inf") else self.best
        return {"best": best, "bad": self.bad, "drops": self.drops}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        self.best = float("inf") if state["best"] is None else float(state["best"])
        self.bad, self.drops = int(state["bad"]), int(state["drops"])
