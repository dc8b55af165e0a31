"""What a module is: parameters and other modules, found by name. The layers are in nn.py."""

from collections.abc import Iterator

import numpy as np

from tinynet.devices import Device
from tinynet.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module counts among its parameters."""

    __slots__ = ()

    def __init__(self, data, device: str | Device | None = None, dtype=None):
        super().__init__(data, requires_grad=True, device=device, dtype=dtype)


class Module:
    """A part of a network. Parameters and modules assigned as attributes are found by name."""

    def __init__(self):
        self.training = True

    def forward(self, *inputs):
        raise TypeError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs):
        return self.forward(*inputs)

    def __repr__(self) -> str:
        return _described(self)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly inside this one, with their names, in order of assignment."""
        return ((name, m) for name, m in vars(self).items() if isinstance(m, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it, parents first; dots join the names."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with names such as "conv1.weight"."""
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield (f"{prefix}.{name}" if prefix else name), value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        return (p for _, p in self.named_parameters())

    def named_saved(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """What a state_dict holds, by name: the parameters. A module may put another thing in
        their place that has, like them, a shape, a dtype, numpy() and write()."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                yield (f"{prefix}.{name}" if prefix else name), value
        for name, child in self.children():
            yield from child.named_saved(f"{prefix}.{name}" if prefix else name)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters; `backward` would add to them."""
        for p in self.parameters():
            p.zero_grad()

    def train(self, mode: bool = True) -> "Module":
        """Training mode (dropout on) for this module and all inside it."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Test mode: dropout off."""
        return self.train(False)

    def to(self, device: str | Device) -> "Module":
        """Move all parameters to `device`. Make the optimizer after that."""
        for p in self.parameters():
            moved = p.detach().to(device)
            p.data, p.device, p.grad = moved.data, moved.device, None
        return self

    def state_dict(self, copy: bool = True) -> dict[str, np.ndarray]:
        """Every parameter by name, as a NumPy array: a copy, or without `copy` perhaps the very
        array that training writes to."""
        saved = {name: p.numpy() for name, p in self.named_saved()}
        return {name: array.copy() for name, array in saved.items()} if copy else saved

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over the parameters of `state`. Names, shapes and dtypes must be the same: else
        ValueError, and nothing is changed."""
        if not isinstance(state, dict):
            raise TypeError(
                f"{type(self).__name__}: state expects a dict of arrays, got {type(state).__name__}"
            )
        own = dict(self.named_saved())
        for problem, names in (
            ("lacks", own.keys() - state.keys()),
            ("has unknown", state.keys() - own.keys()),
        ):
            if names:
                raise ValueError(
                    f"{type(self).__name__}: state {problem} {', '.join(sorted(names))}"
                )
        arrays = {name: np.asarray(state[name]) for name in own}
        for name, p in own.items():
            new = arrays[name]
            if new.shape != p.shape or new.dtype != p.dtype:
                raise ValueError(
                    f"{type(self).__name__}: {name} expects {p.dtype} {p.shape}, state has "
                    f"{new.dtype} {new.shape}"
                )
        for name, p in own.items():
            p.write(arrays[name])


class Sequential(Module):
    """Modules one after another, given by position or by name: Sequential(conv1=..., relu1=...)."""

    def __init__(self, *modules: Module, **named: Module):
        super().__init__()
        for name, module in [*((str(i), m) for i, m in enumerate(modules)), *named.items()]:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name} expects a Module, got {type(module).__name__}")
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Tensor:
        for _, module in self.children():
            x = module(x)
        return x


def _described(module) -> str:
    """An nn.Module in a line, then each of its children in lines of its own, indented."""
    children = list(module.children())
    width = max((len(name) for name, _ in children), default=0)
    lines = [", ".join([type(module).__name__, *_figures(module)])]
    for name, child in children:
        first, *rest = repr(child).splitlines()
        lines += [f"  {name:{width}}  {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)


def _figures(module) -> Iterator[str]:
    """Each parameter with its shape, and each number, name or size with its value."""
    for name, parameter in vars(module).items():
        if isinstance(parameter, Tensor):
            yield f"{name} {' x '.join(map(str, parameter.shape))}"
    for name, value in vars(module).items():
        if isinstance(value, float):
            yield f"{name} {value:g}"
        elif isinstance(value, int | str | tuple) and value is not False and name != "training":
            yield f"{name} {value}"
