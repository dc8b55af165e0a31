"""A kernel: its CUDA text, its NumPy twin, and how it is launched."""

import inspect
from functools import cached_property
from pathlib import Path

import numpy as np

from tinynet.kernels.launching.geometry import Dimensions, Shape
from tinynet.kernels.launching.signature import Parameter, signature

FOLDER = Path(__file__).parents[1]  # where the .cu files are


class Kernel:
    """A kernel of tinynet/kernels.

    twin    the function that does the same in NumPy, with the same arguments in the same order;
            the .cu file has the name of its module
    shape   gives (grid, block) from the values of the scalar arguments, by name
    name    that of the twin, unless several kernels have one twin
    """

    def __init__(self, twin, shape: Shape, name: str | None = None):
        self.twin, self.shape = twin, shape
        self.name = name or twin.__name__
        self.file = f"{Path(inspect.getfile(twin)).stem}.cu"

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    @cached_property
    def source(self) -> str:
        """The text of its file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it takes, in order."""
        return tuple(signature(self.source, f"{self.name}_kernel"))

    def launch_shape(self, args: tuple) -> tuple[Dimensions, Dimensions]:
        """(grid, block) of a launch with these arguments."""
        return self.shape({p.name: value for p, value in zip(self.parameters, args)})

    def cast(self, args: tuple, real: np.dtype) -> tuple:
        """Checked arguments as a launch passes them: each number of its exact C type."""
        return tuple(
            argument if p.is_pointer else p.dtype(real).type(argument)
            for p, argument in zip(self.parameters, args)
        )
