"""Which operations a network applied to its input: what it computes, without how it is written.

Every operation on Tensors passes `tensor.apply`, which tells whoever watches. Of what is told, only
what depends on the input is a step; all else, such as filters that are put together from
parameters, is a constant with the value that it has.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet import tape
from tinynet.module import Module
from tinynet.ops.function import Function
from tinynet.tensor import Tensor


@dataclass(frozen=True)
class Step:
    """result = op(*inputs, **options)."""

    op: type[Function]
    inputs: tuple[Tensor, ...]
    options: dict
    result: Tensor


def traced(model: Callable[[Tensor], Tensor], x: Tensor) -> tuple[list[Step], Tensor]:
    """The steps from x to model(x), in order; and model(x). A Module is run as in testing."""
    steps: list[Step] = []
    known = {id(x)}

    def note(op: type[Function], inputs: tuple, options: dict, result: Tensor) -> None:
        if any(id(one) in known for one in inputs):
            known.add(id(result))
            steps.append(Step(op, inputs, options, result))  # which keeps the ids taken

    training = [(m, m.training) for _, m in _modules(model)]
    for module, _ in training:
        module.training = False
    try:
        with tape.no_grad(), tape.watched_by(note):
            y = model(x)
    finally:
        for module, before in training:
            module.training = before
    if not isinstance(y, Tensor) or id(y) not in known:
        raise ValueError("export: the network's result expects to be one Tensor made from its x")
    return steps, y


def _modules(model) -> list:
    return list(model.named_modules()) if isinstance(model, Module) else []


def random_batch(n: int, shape: tuple[int, ...]) -> Tensor:
    """n inputs that have nothing in common with those of another n: float32 (n, *shape)."""
    return Tensor(np.random.default_rng(n).standard_normal((n, *shape), np.float32))
