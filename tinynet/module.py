"""What a module is: parameters and other modules, found by name. The layers are in nn.py."""

from collections.abc import Iterator

import numpy as np

from tinynet.console.table import Table
from tinynet.devices import Device
from tinynet.pytorch_names import OF_MODULES, no_attribute
from tinynet.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module counts among its parameters.

    `name`: what the network that was asked for its parameters last calls it, for messages.
    """

    __slots__ = ("name",)

    def __init__(self, data, device: str | Device | None = None, dtype=None):
        super().__init__(data, requires_grad=True, device=device, dtype=dtype)
        self.name = ""

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.name = ""


class Module:
    """A part of a network. Parameters and modules assigned as attributes are found by name.

    One parameter may be an attribute of several modules: it has the name that is found first.
    """

    training = True

    def __init__(self, given: None = None):
        if given is not None:
            name = type(self).__name__
            raise TypeError(
                f"{name}: is made without arguments, and then called: {name}()(x), not {name}(x)"
            )

    def __getattr__(self, name: str):
        raise no_attribute(self, name, OF_MODULES)

    def __setattr__(self, name: str, value) -> None:
        if isinstance(value, Module | Parameter):
            if hasattr(Module, name):
                raise ValueError(f"{type(self).__name__}: {name!r} means another thing in a Module")
        elif value is not None and isinstance(vars(self).get(name), Parameter):
            raise TypeError(
                f"{type(self).__name__}: {name} expects a Parameter, got {type(value).__name__}: "
                f"nn.Parameter(values) takes its place, {name}.write(values) gives it new values"
            )
        super().__setattr__(name, value)

    def forward(self, *inputs, **options):
        raise TypeError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs, **options):
        return self.forward(*inputs, **options)

    def __repr__(self) -> str:
        return _described(self)

    def _repr_html_(self) -> str:  # in a notebook
        return _table(self)._repr_html_()

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly inside this one, with their names, in order of assignment."""
        return ((name, m) for name, m in vars(self).items() if isinstance(m, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all inside it, parents first; dots join the names."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with names such as "conv1.weight"."""
        _refuse_hidden(self)
        found = set()
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and value not in found:
                    found.add(value)
                    value.name = f"{prefix}.{name}" if prefix else name
                    yield value.name, value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        return (p for _, p in self.named_parameters())

    def named_saved(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """What a state_dict holds, by name: the parameters. One that several modules share comes
        with each of its names. A module may give another object in place of its parameters, such
        as two halves joined to one: it has, like them, a shape, a dtype, numpy() and write()."""
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
        """Move all parameters to `device`, and their gradients. Make the optimizer after that."""
        for p in self.parameters():
            moved, grad = p.detach().to(device), p.grad
            p.data, p.device = moved.data, moved.device
            p.grad = None if grad is None else grad.to(device)
        return self

    def state_dict(self, copy: bool = True) -> dict[str, np.ndarray]:
        """Every parameter by name, as a NumPy array: a copy, or without `copy` perhaps the very
        array that training writes to."""
        _refuse_hidden(self)
        saved = {names[0]: p.numpy() for p, names in _with_names(self)}
        return {name: array.copy() for name, array in saved.items()} if copy else saved

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over the parameters of `state`. Names, shapes and dtypes must be the same: else
        ValueError, which says all that differs, and nothing is changed."""
        own = type(self).__name__
        if not isinstance(state, dict):
            raise TypeError(f"{own}: state expects a dict of arrays, got {type(state).__name__}")
        _refuse_hidden(self)
        parameters = list(_with_names(self))
        lacking = [names[0] for _, names in parameters if not state.keys() & {*names}]
        unknown = sorted(state.keys() - {name for _, names in parameters for name in names})
        problems = [f"state lacks {', '.join(lacking)}"] if lacking else []
        if unknown:
            problems.append(f"state has unknown {', '.join(map(str, unknown))}")
        new = []
        for p, names in parameters:
            arrays = {name: np.asarray(state[name]) for name in names if name in state}
            for name, array in arrays.items():
                if array.shape != p.shape or array.dtype != p.dtype:
                    problems.append(
                        f"{name} expects {p.dtype} {p.shape}, state has {array.dtype} {array.shape}"
                    )
            first = next(iter(arrays.values()), None)
            if any(not _same(first, array) for array in arrays.values()):
                problems.append(f"{' and '.join(arrays)} are one parameter, state has two values")
            new.append((p, first))
        if problems:
            raise ValueError(f"{own}: {'; '.join(problems)}")
        for p, array in new:
            p.write(array)


def _with_names(module: Module) -> Iterator[tuple]:
    """What is saved of a module, each once, with all the names that it has there."""
    names: dict[int, list[str]] = {}
    found = list(module.named_saved())
    for name, p in found:
        names.setdefault(id(p), []).append(name)
    return ((p, names[id(p)]) for name, p in found if names[id(p)][0] == name)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def _refuse_hidden(module: Module) -> None:
    """TypeError if a list or dict holds modules or parameters that no attribute leads to."""
    modules = dict(module.named_modules())
    found = {*modules.values()}
    found |= {value for m in found for value in vars(m).values() if isinstance(value, Parameter)}
    for prefix, holder in modules.items():
        for name, value in vars(holder).items():
            lost = [part for part in _inside(value) if part not in found]
            if lost:
                what = type(lost[0]).__name__
                raise TypeError(
                    f"{type(module).__name__}: {f'{prefix}.{name}' if prefix else name} is a "
                    f"{type(value).__name__}, and the {what} in it is not found: hand modules to "
                    "nn.ModuleList or nn.Sequential, and make a Parameter an attribute"
                )


def _inside(value) -> Iterator:
    """The modules and parameters in lists, tuples and dicts, at whatever depth."""
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            if isinstance(part, Module | Parameter):
                yield part
            else:
                yield from _inside(part)


def _described(module) -> str:
    """An nn.Module in a line, then each of its children in lines of its own, indented."""
    children = list(module.children())
    width = max((len(name) for name, _ in children), default=0)
    lines = [", ".join([type(module).__name__, *_figures(module)])]
    for name, child in children:
        first, *rest = repr(child).splitlines()
        lines += [f"  {name:{width}}  {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)


def _table(module) -> Table:
    """The modules that have parameters or nothing inside, in order, each in a row."""
    rows, counted = [], set()
    for name, part in module.named_modules():
        own = [value for value in vars(part).values() if isinstance(value, Parameter)]
        if own or not any(part.children()):
            # One that several modules share counts once.
            size = sum(p.size for p in own if p not in counted)
            counted |= {*own}
            kind = ", ".join([type(part).__name__, *_figures(part)])
            rows.append((name or "-", kind, f"{size:,}" if own else ""))
    total = f"{sum(p.size for p in counted):,}"
    head = (type(module).__name__, "", "parameters")
    return Table(head, rows, ("total", "", total), left=2)


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
