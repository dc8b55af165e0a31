"""What profile mode has counted of a program, printed launch by launch."""

import platform
import sys

from tinynet.kernels.catalogue.reports import HOW_TO_READ, show_lines, sums
from tinynet.kernels.catalogue.resources import CompileFailed, of_program
from tinynet.kernels.catalogue.running.program import Program

FLOPS_COUNTED = """\
FLOP are counted as compiled: each +, -, *, /, root, min and max of float or double, and each call
such as expf; a * b + c is 2, fused or not."""


def show_counts(program: Program, capability: str) -> None:
    """Of each launch: line by line, and the sums."""
    print(HOW_TO_READ, FLOPS_COUNTED, sep="\n")
    module = program.module
    try:
        taken = of_program(module.code, module.name_expressions)
    except CompileFailed as error:
        taken = {}
        print(f"note: registers are not measured: {error}", file=sys.stderr)
    for launch in module.launches:
        grid, block = ("x".join(map(str, sizes)) for sizes in (launch.grid, launch.block))
        print(f"\n{launch.kernel}: {grid} blocks of {block} threads\n")
        show_lines(list(launch.profile), list(launch.runs), program.file.texts)
        registers = taken[launch.kernel].registers if launch.kernel in taken else None
        print(*sums(launch, capability, registers, launch.flops), sep="\n")
        if launch.flops is None:
            print(
                f"    FLOP are not counted: the instructions of {platform.machine()} are not known"
            )
