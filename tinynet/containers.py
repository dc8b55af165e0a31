"""Modules in order: a list of them, and a network that applies one after another."""

from collections.abc import Iterable, Iterator

from tinynet.module import Module
from tinynet.ops.arguments import integer
from tinynet.tensor import Tensor


class ModuleList(Module):
    """Modules by number: a list that their parameters are found in. It has no forward."""

    def __init__(self, modules: Iterable[Module] = ()):
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        """Put a module at the end. Its name is the next number: a slice may begin with another."""
        numbers = [int(name) for name, _ in self.children() if name.isdecimal()]
        self._put(str(max(numbers, default=len(self) - 1) + 1), module)

    def _put(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            own, got = type(self).__name__, type(module).__name__
            several = f": {own}(*modules)" if isinstance(module, list | tuple) else ""
            raise TypeError(f"{own}: {name} expects a Module, got {got}{several}")
        setattr(self, name, module)

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.children())

    def __getitem__(self, index: int | slice):
        """The module at a place, or a list of those in a slice, which are shared."""
        if isinstance(index, slice):
            return ModuleList([*self][index])
        return self._child(index)[1]

    def __setitem__(self, index: int, module: Module) -> None:
        self._put(self._child(index)[0], module)

    def _child(self, index: int) -> tuple[str, Module]:
        """The name and the module at a place."""
        own, place = type(self).__name__, integer(index)
        if place is None:
            raise TypeError(f"{own}: index expects an int or a slice, got {index!r}")
        if not -len(self) <= place < len(self):
            raise IndexError(f"{own}: index {place}, of {len(self)} modules")
        return [*self.children()][place]


class Sequential(ModuleList):
    """Modules one after another, given by position or by name.

    >>> from tinynet import nn
    >>> Sequential(fc1=nn.Linear(4, 3), relu1=nn.ReLU())
    Sequential
      fc1    Linear, weight 3 x 4, bias 3
      relu1  ReLU
    """

    def __init__(self, *modules: Module, **named: Module):
        super().__init__(modules)
        for name, module in named.items():
            if name in vars(self):
                raise ValueError(f"Sequential: {name} expects a name that no other module has")
            self._put(name, module)

    def __getitem__(self, index: int | slice):
        """The module at a place, or a Sequential of those in a slice, by their names here."""
        if isinstance(index, slice):
            return Sequential(**dict([*self.children()][index]))
        return super().__getitem__(index)

    def forward(self, x: Tensor) -> Tensor:
        for _, module in self.children():
            x = module(x)
        return x
