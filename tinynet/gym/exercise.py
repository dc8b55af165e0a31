"""An exercise: a kernel that there is, to be written once more.

What it takes, how it is launched and what is right come from that kernel and its twin; an exercise
adds the task in words, the shapes in which a mistake shows, hints, and what known mistakes would
compute.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet.gym.kernels import REFERENCES, Reference
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue.examples import Sizes, arguments
from tinynet.kernels.launching.kernel import Kernel

NEVER = -1.2345e30  # what outputs hold at first: who sees it in a result knows what it means
DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True)
class Try:
    """One launch of a solution: its sizes, and of how many blocks it may have at most."""

    sizes: Sizes
    blocks: int = 4096

    def __str__(self) -> str:
        integers = {k: v for k, v in self.sizes.items() if isinstance(v, int)}
        words = ", ".join(f"{name} {value}" for name, value in integers.items())
        return words + (f", {self.blocks} block{'s' * (self.blocks > 1)}" * (self.blocks < 4096))


def _as_drawn(given: dict) -> None:
    pass


def _none_known(given: dict) -> dict:
    return {}


@dataclass(frozen=True)
class Exercise:
    """To write the kernel called `kernel`, one of REFERENCES.

    title      in the list
    task       what is asked, in the starter's header: formula, picture, shapes, launch
    tries      in this order; the first should be the one that is easiest to think about
    hints      three, the last of which is nearly the solution
    prepare    puts values into the arguments, by name, on which a mistake shows
    mistakes   what known mistakes would give instead: for each, in words that help, the output
    frugal     whether little traffic is the task: what costs much more than ours is no solution
    """

    kernel: str
    title: str
    task: str
    tries: tuple[Try, ...]
    hints: tuple[str, str, str]
    prepare: Callable[[dict], None] = _as_drawn
    mistakes: Callable[[dict], dict[str, np.ndarray]] = _none_known
    frugal: bool = False

    @property
    def reference(self) -> Reference:
        return REFERENCES[self.kernel]

    def solution(self, text: str, file: str) -> Kernel:
        """What stands in the text of a .cu file, called `file` in messages."""
        return self.reference.kernel.in_other_words(text, file)

    @property
    def in_engine(self) -> bool:
        """Whether networks launch this kernel."""
        return self.kernel in KERNELS

    @property
    def declaration(self) -> str:
        """The kernel's first lines, up to its brace."""
        start = rf'extern "C" __global__ void {self.kernel}_kernel\([^)]*\) {{'
        return re.search(start, self.reference.kernel.source)[0]

    @property
    def starter(self) -> str:
        """The text of the .cu file to begin with."""
        header = "".join(f"// {line}".rstrip() + "\n" for line in self.task.strip().split("\n"))
        return f"{header}{self.declaration}\n    // Yours to write.\n}}\n"

    def arguments(self, attempt: Try) -> dict:
        """What a solution is handed, by name, in float64; the same each time."""
        rng = np.random.default_rng(0)
        parameters = self.reference.kernel.parameters
        values = arguments(self.reference.kernel, attempt.sizes, DOUBLE, rng)
        given = {p.name: value for p, value in zip(parameters, values)}
        for p in parameters:
            if p.is_pointer and p.ctype == "REAL" and not p.is_const:
                fresh = np.isnan(given[p.name])
                given[p.name][fresh] = NEVER
        self.prepare(given)
        return given

    def right(self, given: dict) -> dict:
        """The same arguments after the kernel's twin has run on copies of them."""
        copies = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in given.items()}
        self.reference.kernel.twin(*copies.values())
        return copies
