"""The list of kernels: each with its figures in a row of a table, its header, and its shapes."""

import textwrap
from collections.abc import Callable
from functools import partial

from tinynet import simulator
from tinynet.console.sentences import megabytes
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import resources, trials
from tinynet.kernels.catalogue.ahead import Ahead
from tinynet.kernels.catalogue.examples import EXAMPLES, REAL, bytes_moved, flops
from tinynet.kernels.catalogue.headers import arrays, header, opening
from tinynet.kernels.catalogue.resources import CompileFailed, Resources
from tinynet.kernels.catalogue.trials import Verdict
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.profiling import LineProfile

WIDTH = 100
ROW = "{:30} {:11} {:>5} {:>7} {:>6} {:>4} {:>5} {:>6} {:>5} {:>4} {:>5}"
HEADING = ROW.format(
    *("kernel", "layer", "MB", "MFLOP", "FLOP/B", "regs", "spill", "shared"),
    *("check", "read", "write"),
)
GLUE = "\u00a0"  # a space at which no line is broken
LEGEND = {
    "layer": "the layer of AlexNet that has these sizes, batch 128, float32; in brackets if its "
    "operation is another",
    "MB": "with each array read or written once, which no launch can undercut",
    "MFLOP": "each addition, multiplication, division, comparison, exp and pow counts as one",
    "FLOP/B": "a GTX 580 does 8 FLOP in the time it takes to move a byte, an A100 13: a kernel "
    "that does fewer waits for memory",
    "check": "clean: run on small odd sizes, every load and store watched, in two orders of the "
    "threads; results agree with the NumPy twin's",
    "read, write": "sectors of 32 bytes that a request of a warp takes at the kernel's worst line: "
    "4 is perfect for 32 floats, 32 is a sector for each",
}


def show(kernels: list[str]) -> int:
    """Print the table of these kernels; return the exit status, 1 if one of them is wrong."""
    print(HEADING, "-" * WIDTH, sep="\n", flush=True)
    file, status = "", 0
    with Ahead(kernels, _compilations()) as ahead:
        for kernel in kernels:
            if KERNELS[kernel].file != file:
                file = KERNELS[kernel].file
                print(file, *opening(KERNELS[kernel]), "", sep="\n")
            ahead.wait_for(kernel)
            if _show_card(kernel):
                status = 1
    _show_legend()
    return status


def _compilations() -> list[Callable[[str], object]]:
    jobs: list[Callable[[str], object]] = []
    if resources.compiler() is not None:
        jobs.append(resources.kept_log)
    if not simulator.unavailable():
        jobs += [partial(trials.compiled, real="float", mode=mode) for mode in ("check", "profile")]
    return jobs


def _show_card(kernel: str) -> list[str]:
    """Print one kernel's row, header, shapes and problems; return the problems."""
    taken, verdict, lines, problems = None, None, [], []
    try:
        taken = resources.of_kernel(kernel)
    except CompileFailed as error:
        problems.append(str(error))
    if not simulator.unavailable():
        verdict = trials.check(kernel)
        problems += verdict.findings
        lines = _profile(kernel)
    print(_row(kernel, taken, verdict, lines), *header(KERNELS[kernel]), sep="\n")
    body = [*_shapes(kernel), *(f"! {problem}" for problem in problems)]
    print(textwrap.indent("\n".join(body), "    "))
    print(flush=True)  # seen at once, even through a pipe
    return problems


def _profile(kernel: str) -> list[LineProfile]:
    try:
        return trials.profile(kernel)
    except KernelError:  # check has found it too, and says more
        return []


def _row(
    kernel: str, taken: Resources | None, verdict: Verdict | None, lines: list[LineProfile]
) -> str:
    moved, computed = bytes_moved(kernel, REAL["float"]), flops(kernel)
    return ROW.format(
        kernel,
        EXAMPLES[kernel].layer,
        megabytes(moved),
        f"{computed / 1e6:,.1f}",
        f"{computed / moved:.2f}",
        *(("-",) * 3 if taken is None else (taken.registers, taken.spilled, taken.shared)),
        "-" if verdict is None else "WRONG" if verdict.findings else "clean",
        _worst(lines, "read"),
        _worst(lines, "write"),
    )


def _worst(lines: list[LineProfile], access: str) -> str:
    sectors = [p.per_request for p in lines if (p.space, p.access) == ("global", access)]
    return f"{max(sectors):.1f}" if sectors else "-"


def _shapes(kernel: str) -> list[str]:
    """`y, scale (128, 96, 3025) from x (128, 96, 3025)`, and the scalars that are not sizes."""
    sizes = EXAMPLES[kernel].sizes
    written = [array for array in arrays(KERNELS[kernel]) if array.role != "in"]
    read = [array for array in arrays(KERNELS[kernel]) if array.role == "in"]
    shown = {name for array in arrays(KERNELS[kernel]) for name in array.shape}
    rest = [p.name for p in KERNELS[kernel].parameters if not p.is_pointer and p.name not in shown]
    text = f"{_named(kernel, written)} from {_named(kernel, read)}"
    if rest:
        text += "; " + ", ".join(f"{name}{GLUE}{sizes[name]:g}" for name in rest)
    return [line.replace(GLUE, " ") for line in textwrap.wrap(text, WIDTH - 4)]


def _named(kernel: str, some: list) -> str:
    """Names and shapes; a shape that several in a row share stands after the last of them."""
    ctypes = {p.name: p.ctype for p in KERNELS[kernel].parameters}
    parts = []
    for array, following in zip(some, [*some[1:], None]):
        prefix = "" if ctypes[array.name] == "REAL" else ctypes[array.name] + " "
        shape = str(array.sizes(EXAMPLES[kernel].sizes)).replace(" ", GLUE)
        last = following is None or following.shape != array.shape
        parts.append(f"{prefix}{array.name}{f'{GLUE}{shape}' if last else ''}")
    return ", ".join(parts)


def _show_legend() -> None:
    notes, made_by = dict(LEGEND), resources.compiler()
    notes["regs"] = resources.NONE
    if made_by is not None:
        notes["regs"] = (
            "registers per thread; spill: bytes of memory if they do not suffice; shared: bytes "
            f"per block ({made_by.name}, {resources.ARCHITECTURE}, float)"
        )
    if reason := simulator.unavailable():
        notes["check"] = reason
        notes["read, write"] = "not measured, for the reason given under check"
    for name in ("layer", "MB", "MFLOP", "FLOP/B", "regs", "check", "read, write"):
        first, other = f"{name:12}", " " * 12
        print(textwrap.fill(notes[name], WIDTH, initial_indent=first, subsequent_indent=other))
