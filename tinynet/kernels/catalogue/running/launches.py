"""What a launch line says, once it is read: launches with their arguments, and assignments."""

from dataclasses import dataclass

from tinynet.kernels.catalogue.running.numbers_of_c import Number


@dataclass(frozen=True)
class Made:
    """zeros(16, 16): an array that is made here. below: random integers are smaller than this."""

    maker: str
    shape: tuple[int, ...]
    below: int | None = None


@dataclass(frozen=True)
class Loaded:
    """x.npy: an array from a file."""

    path: str


@dataclass(frozen=True)
class Text:
    """ "some letters": what a char* points to, with the 0 at the end that C puts there."""

    text: str


@dataclass(frozen=True)
class Named:
    """An array that a launch before this one, or this one, has named."""

    name: str


@dataclass(frozen=True)
class Fields:
    """{1, 2}: a vector or a structure by its fields."""

    arguments: tuple["Argument", ...]


@dataclass(frozen=True)
class Argument:
    """What stands for one parameter: a number, an array, the null pointer (None), or fields.

    name    that the array gets, or None
    place   where in the line it stands
    """

    value: Number | Made | Loaded | Text | Named | Fields | None
    name: str | None
    place: int


@dataclass(frozen=True)
class Launch:
    """kernel<template><<<grid, block, shared>>>(arguments), as it stands in `line` up to `end`."""

    line: str
    kernel: str
    template: str | None  # "float, 32"; None without <>
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    arguments: tuple[Argument, ...]
    end: int

    @property
    def expression(self) -> str:
        return self.kernel if self.template is None else f"{self.kernel}<{self.template}>"


@dataclass(frozen=True)
class Assignment:
    """NAME = ARRAY: what a variable of the device holds from here on."""

    line: str
    name: str
    argument: Argument
