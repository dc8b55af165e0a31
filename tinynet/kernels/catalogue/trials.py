"""Kernels run by the simulator: do they agree with their twins, and what do they ask of memory?

check("lrn_forward")      every load and store watched, in two orders of the threads
profile("lrn_forward")    sectors and bank passes of each line
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue.examples import EXAMPLES, REAL, Sizes, arguments
from tinynet.kernels.catalogue.headers import arrays
from tinynet.kernels.catalogue.orders import in_order, orders
from tinynet.kernels.launching.kernel import Kernel
from tinynet.simulator import KernelError, RawModule
from tinynet.simulator.kernels.compiler import build
from tinynet.simulator.kernels.module import Kernel as Function
from tinynet.simulator.kernels.profiling import LaunchCounts, LineProfile
from tinynet.simulator.kernels.source import to_cpp

# A kernel may sum in another order than its twin, fuse a multiplication with an addition, and take
# exp or pow from another library. On the sizes of EXAMPLES that moves a result by less than this
# many units in the last place of the largest output; a mistake moves it by thousands.
ROUNDING = 16.0


@dataclass(frozen=True)
class Verdict:
    """What check found, each in one line, and how far apart kernel and twin lie at most.

    furthest   in units in the last place of the largest output; 0 means equal to the bit
    """

    findings: tuple[str, ...]
    furthest: float


def check(kernel: str, reals: Iterable[str] = ("float",), text: str | None = None) -> Verdict:
    """Run `kernel` in check mode on its small examples; `text` replaces that of its file."""
    file = KERNELS[kernel].file
    findings: dict[tuple, str] = {}  # the first of each kind on each line
    furthest = 0.0
    for real, order, sizes in product(reals, orders(), EXAMPLES[kernel].checked):
        module = _module(file, text or KERNELS[kernel].source, real, "check")
        try:
            with in_order(order):
                apart, where = _distance(kernel, module, sizes, real)
        except KernelError as error:
            for each in (error, *error.others):
                findings.setdefault((each.line, each.kind), str(each).splitlines()[0])
            continue
        furthest = max(furthest, apart)
        if apart > ROUNDING:
            at = ", ".join(f"{name} {value}" for name, value in sizes.items())
            findings.setdefault(("twin",), f"{file}: {kernel}_kernel: {where} ({real}, {at})")
    return Verdict(tuple(findings.values()), furthest)


def profile(kernel: str) -> list[LineProfile]:
    """What each line of `kernel` asks of memory, at AlexNet's row widths, in float."""
    return list(counted(kernel).profile)


def counted(kernel: str) -> LaunchCounts:
    """All that profile mode counts of `kernel`, at AlexNet's row widths, in float."""
    its = KERNELS[kernel]
    return counted_at(its, EXAMPLES[kernel].counted, module_of(its, "float", "profile"))


def counted_at(kernel: Kernel, sizes: Sizes, module: RawModule) -> LaunchCounts:
    """The same of any kernel, or of another in `module` that takes its arguments, at any sizes."""
    _launch(kernel, module, _arguments(kernel, sizes, "float"))
    return module.launches[-1]


def module_of(kernel: Kernel, real: str, mode: str) -> RawModule:
    """Its text, to be compiled for a mode."""
    return _module(kernel.file, kernel.source, real, mode)


def function(kernel: str, text: str | None, mode: str) -> Function:
    """`kernel` of float, to be launched in a mode; `text` replaces that of its file."""
    module = _module(KERNELS[kernel].file, text or KERNELS[kernel].source, "float", mode)
    return module.get_function(f"{kernel}_kernel")


def compiled(file: str, real: str, mode: str) -> None:
    """Compile a file of the kernels' folder into the compiler's cache, where runs find it."""
    compile_ahead(next(kernel for kernel in KERNELS.values() if kernel.file == file), real, mode)


def compile_ahead(kernel: Kernel, real: str, mode: str) -> None:
    """The same of any kernel."""
    build(to_cpp(_code(kernel.file, kernel.source)), _options(real), mode)


def _distance(kernel: str, module: RawModule, sizes: Sizes, real: str) -> tuple[float, str]:
    """How far the kernel's outputs lie from its twin's at most, and at which element, in words."""
    its = KERNELS[kernel]
    ours, theirs = (_arguments(its, sizes, real) for _ in "ab")
    _launch(its, module, ours)
    its.twin(*theirs)
    triples = zip(its.parameters, ours, theirs)
    return max(_apart(p.name, a, b) for p, a, b in triples if p.is_pointer and not p.is_const)


def _apart(name: str, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, str]:
    distances = np.abs(ours.astype(np.float64) - theirs)
    distances[np.isnan(distances)] = np.inf  # an element that one of them has not written
    at = np.unravel_index(np.argmax(distances), distances.shape)
    where = f"{name}[{', '.join(map(str, at))}] is {ours[at]}, its twin's {theirs[at]}"
    if distances[at] == 0:
        return 0.0, where
    if ours.dtype.kind != "f":
        return np.inf, where  # an index that is wrong by 1 is wrong
    return float(distances[at] / np.spacing(np.abs(theirs).max())), where


def _launch(kernel: Kernel, module: RawModule, given: list) -> None:
    """Launch as the engine does; `given` then holds the results."""
    blank = tuple(array.name for array in arrays(kernel) if array.role == "out")
    values = kernel.cast(tuple(given), given[0].dtype)
    function = module.get_function(f"{kernel.name}_kernel")
    function(*kernel.launch_shape(tuple(given)), values, uninitialised=blank)


def _arguments(kernel: Kernel, sizes: Sizes, real: str) -> list:
    return arguments(kernel, sizes, REAL[real], np.random.default_rng(0))


def _module(file: str, text: str, real: str, mode: str) -> RawModule:
    return RawModule(code=_code(file, text), options=_options(real), mode=mode)


def _code(file: str, text: str) -> str:
    return f'#line 1 "{file}"\n{text}'


def _options(real: str) -> tuple[str]:
    return (f"-DREAL={real}",)
