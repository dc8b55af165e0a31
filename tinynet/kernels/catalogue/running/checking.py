"""A program run, in check mode in both orders of its threads: what is found, what it computes."""

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from tinynet.console.standard_streams import silent
from tinynet.kernels.catalogue.orders import in_order, orders
from tinynet.kernels.catalogue.running.launches import Launch
from tinynet.kernels.catalogue.running.outputs import apart
from tinynet.kernels.catalogue.running.program import REFUSALS, Program
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.module import Kernel


@dataclass
class Ran:
    """What was found, the first of its kind on each line, with the launch that did it.

    arrays   those that have a name, as the program leaves them; by order, and by name
    begun    launches that were come to: after one that fails, none is
    """

    findings: list[tuple[Launch | None, KernelError]] = field(default_factory=list)
    arrays: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    begun: list[Launch] = field(default_factory=list)

    @property
    def errors(self) -> list[KernelError]:
        return [error for _, error in self.findings]

    def of(self, launch: Launch) -> tuple[KernelError, ...] | None:
        """What was found in one launch; None if it was never come to."""
        if not any(each is launch for each in self.begun):
            return None
        return tuple(error for its, error in self.findings if its is launch)

    def add(self, launch: Launch | None, error: KernelError) -> None:
        known = {(other.file, other.line, other.kind) for other in self.errors}
        for each in (error, *error.others):
            if (each.file, each.line, each.kind) not in known:
                self.findings.append((launch, each))

    def order_matters(self) -> str | None:
        """The first element that two orders leave with different values, in a sentence."""
        if len(self.arrays) < 2:
            return None
        (one, first), (other, second) = self.arrays.items()
        for name in first.keys() & second.keys():
            if found := apart(name, first[name], second[name]):
                element, here, there = found
                return f"{element} is {here} with threads {one}, {there} with threads {other}"
        return None


def run(program: Program, names: list[str]) -> Ran:
    """Run the program, in check mode in each order. What its kernels print is printed once.

    names: arrays that are wanted whole; in check mode an element that nothing has written is found.
    KernelError for what is refused before a kernel runs; ValueError for bad input.
    """
    ran = Ran()
    first, *others = orders()
    for order in [first, *others] if program.module.mode == "check" else [first]:
        with in_order(order), silent(order != first):
            _run(program, order, names, ran)
        if any(error.kind == "time limit" for error in ran.errors):
            break  # once is long enough
    return ran


def _run(program: Program, order: str, names: list[str], ran: Ran) -> None:
    running: list[Launch] = []

    def launching(launch: Launch, kernel: Kernel, args: tuple) -> None:
        running.append(launch)
        ran.begun.append(launch)
        kernel(*args)

    try:
        program.run(launching)
        program.ask_for(names)
        ran.arrays[order] = {name: program.array(name) for name in names}
    except KernelError as error:
        if error.kind in REFUSALS:
            raise
        ran.add(running[-1] if running else None, error)
        return
    for name in program.names:
        with suppress(KernelError):  # nobody has asked for it
            ran.arrays[order][name] = program.array(name)
