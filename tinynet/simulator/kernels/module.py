"""RawModule: CuPy's way to run a .cu text, on the CPU.

    module = RawModule(code=text, options=("-DREAL=float",))
    module.get_function("relu_forward_kernel")(grid, block, (y, x, np.int32(size)))

CuPy converts nothing: a Python float is passed as a double, and a float64 array is a pointer like
any other. A kernel that then reads garbage is the commonest mistake with CuPy, so here each
argument must be exactly what the kernel's parameter says, or the launch is refused.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache, cached_property, partial
from numbers import Integral

import numpy as np

from tinynet.simulator.devices.arrays import SimArray
from tinynet.simulator.devices.streams import get_current_stream
from tinynet.simulator.dry import is_dry
from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels.arguments import bind, content, flat, known
from tinynet.simulator.kernels.compiler import build
from tinynet.simulator.kernels.launching import Outcome, launch
from tinynet.simulator.kernels.library import Library, ModuleVariable
from tinynet.simulator.kernels.profiling import (
    LaunchCounts,
    LineProfile,
    LineRuns,
    total,
    total_runs,
)
from tinynet.simulator.kernels.recording import Recording, typed, wanted
from tinynet.simulator.kernels.source import (
    ENTRIES,
    KernelText,
    all_kernels,
    entries,
    find,
    instance,
    named_as,
    to_cpp,
)
from tinynet.simulator.kernels.variables import shared_types, variables
from tinynet.simulator.settings import chosen_mode

MAX_THREADS = 1024
MAX_BLOCK = (1024, 1024, 64)
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_SHARED = 48 * 1024


class RawModule:
    """The kernels of one .cu text. Compiled when the first kernel is asked for, as in CuPy; in a
    dry run, where nothing runs, not at all.

    name_expressions: kernels that are templates or not extern "C": ("saxpy<float>", "ns::relu"),
    for which get_function takes these names
    mode: "run", "check" or "profile"; None takes TINYNET_SIM from the environment, or "run".
    fenced: in run mode, what a kernel writes within 64 KiB of an array is an error, too.
    """

    def __init__(
        self,
        code: str,
        *,
        options: tuple[str, ...] = (),
        name_expressions: tuple[str, ...] = (),
        mode: str | None = None,
        fenced: bool = False,
    ):
        self.code = code
        self.options = tuple(options)
        self.name_expressions = tuple(name_expressions)
        self.mode = chosen_mode(mode)
        self.fenced = fenced
        self.launches: list[LaunchCounts] = []  # of profile mode, in their order

    @cached_property
    def library(self) -> Library:
        try:
            cpp = to_cpp(self.code, self.name_expressions)
            return _loaded(str(build(cpp, self.options, self.mode)))
        except KernelError as error:
            if error.file != ENTRIES:
                raise
            text = entries(self.code, self.name_expressions)[error.line - 1]
            reason = error.reason
            if "overloaded function" in reason.partition("\n")[0]:
                reason = "C++ has functions of this name: give the kernel another"
            raise KernelError("compile", reason, text.file, text.line, text.name) from None

    def compile(self) -> None:
        """Compile the text, unless that is done already."""
        _ = self.library

    def get_function(self, name: str) -> "Kernel":
        text = find(all_kernels(self.code), name)
        if name in self.name_expressions:
            text = instance(text, name)
        elif text.template is not None or not text.extern_c:
            reason = 'it is not extern "C", so CuPy would not find it by this name'
            raise KernelError("compile", reason, text.file, text.line, name)
        if not is_dry():
            text = named_as(text, len(self.library.parameter_types(text.symbol)))
        return Kernel(self, text)

    @cached_property
    def variables(self) -> dict[str, np.ndarray]:
        """The __device__ and __constant__ variables, to read and to write: CuPy's get_global."""
        return {each.name: content(each) for each in self._variables if known(each.type)}

    @cached_property
    def _variables(self) -> list[ModuleVariable]:
        return [self.library.variable(v.name, v.symbol) for v in variables(self.code)]

    def watched_variables(self) -> list[ModuleVariable]:
        """Those that a launch watches: reading a __constant__ is no request to global memory."""
        constant = {v.name for v in variables(self.code) if v.constant}
        return [v for v in self._variables if self.mode == "check" or v.name not in constant]

    def profile(self) -> list[LineProfile]:
        """Profile mode: what each line's loads and stores cost, over all launches so far."""
        return total([line for launch in self.launches for line in launch.profile])

    def runs(self) -> list[LineRuns]:
        """Profile mode: how the warps went through each line, over all launches so far."""
        return total_runs([run for launch in self.launches for run in launch.runs])


@cache
def _loaded(path: str) -> Library:
    return Library(path)


class Kernel:
    """One kernel of a module; called as `kernel(grid, block, args, shared_mem=0)`."""

    def __init__(self, module: RawModule, text: KernelText):
        self.module = module
        self.text = text

    @cached_property
    def types(self) -> list[str]:
        return self.module.library.parameter_types(self.text.symbol)

    @cached_property
    def static_shared(self) -> int:
        if "__shared__" not in self.module.code:
            return 0
        variables = self.module.library.shared_variables(self.text.symbol)
        return sum(variable.bytes for variable in variables)

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple,
        shared_mem: int = 0,
        *,
        uninitialised: tuple[str, ...] = (),
    ) -> None:
        """Run the kernel over `grid` blocks of `block` threads, with `shared_mem` dynamic bytes.

        uninitialised: check mode: names of parameters whose arrays hold nothing yet.
        Raises KernelError, and ArgumentError if an argument is not what its parameter wants.
        """
        grid, block = self._sizes("grid", grid, MAX_GRID), self._sizes("block", block, MAX_BLOCK)
        if is_dry():
            return
        self._check_limits(block, shared_mem)
        values = bind(self.text, self.types, args, uninitialised)
        operation = partial(self._run, grid, block, values, shared_mem)
        if any(isinstance(arg, SimArray) for arg in flat(args)):
            get_current_stream().submit(operation)
        else:
            operation()

    def _run(self, grid: tuple, block: tuple, values: list, shared_mem: int) -> None:
        library, mode = self.module.library, self.module.mode
        watched = self.module.watched_variables() if mode != "run" else []
        outcome = launch(
            library,
            self.text,
            mode,
            grid,
            block,
            values,
            shared_mem,
            watched,
            fenced=self.module.fenced,
        )
        self._count(grid, block, shared_mem, outcome)

    def _count(self, grid: tuple, block: tuple, shared_mem: int, outcome: Outcome) -> None:
        if self.module.mode == "profile":
            shared = self.static_shared + shared_mem
            lines, runs = tuple(total(outcome.profile)), tuple(total_runs(outcome.runs))
            counts = LaunchCounts(self.text.name, grid, block, shared, lines, runs, outcome.flops)
            self.module.launches.append(counts)

    def record(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple,
        shared_mem: int = 0,
        *,
        blocks: range = range(2**32),
        warps: Iterable[int] = range(MAX_THREADS // 32),
    ) -> Recording:
        """Run the kernel of a module in profile mode, and record these warps of these blocks.

        Arrays are NumPy's. What stops the kernel is in the recording, and not raised.
        """
        if self.module.mode != "profile":
            raise ValueError(
                f"only profile mode records; this module is of mode {self.module.mode}"
            )
        grid, block = self._sizes("grid", grid, MAX_GRID), self._sizes("block", block, MAX_BLOCK)
        self._check_limits(block, shared_mem)
        values = bind(self.text, self.types, args)
        outcome = launch(
            self.module.library,
            self.text,
            self.module.mode,
            grid,
            block,
            values,
            shared_mem,
            self.module.watched_variables(),
            wanted(blocks, warps),
        )
        self._count(grid, block, shared_mem, outcome)
        types = shared_types(self.module.code)
        memories = tuple(typed(memory, types) for memory in outcome.recording.memories)
        return replace(outcome.recording, memories=memories)

    def _error(self, kind: str, reason: str) -> KernelError:
        return KernelError(kind, reason, self.text.file, self.text.line, self.text.name)

    # ---------------------------------------------------------------- limits of every GPU

    def _sizes(self, what: str, sizes: tuple[int, ...], most: tuple[int, ...]) -> tuple:
        if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3:
            raise self._error(
                "limits", f"{what} must be a tuple of one to three ints, got {sizes!r}"
            )
        sizes = tuple(int(size) for size in sizes) + (1,) * (3 - len(sizes))
        for axis, size, limit in zip("xyz", sizes, most):
            if not 1 <= size <= limit:
                raise self._error("limits", f"{what}.{axis} is {size}, must be 1 to {limit}")
        return sizes

    def _check_limits(self, block: tuple, shared_mem: int) -> None:
        threads = block[0] * block[1] * block[2]
        if threads > MAX_THREADS:
            reason = f"a block of {block} is {threads} threads, at most {MAX_THREADS} are allowed"
            raise self._error("limits", reason)
        if self.text.most and threads > self.text.most:
            reason = f"a block of {block} is {threads} threads, __launch_bounds__({self.text.most})"
            raise self._error("limits", reason)
        static = self.static_shared
        if not isinstance(shared_mem, Integral) or shared_mem < 0:
            reason = f"shared_mem must be an int of 0 bytes or more, got {shared_mem!r}"
            raise self._error("limits", reason)
        # A dual number stands for a double, which takes half its room.
        most = MAX_SHARED * (2 if "-DREAL=Dual" in self.module.options else 1)
        if static + shared_mem > most:
            reason = (
                f"{static} bytes declared and {shared_mem} asked for at the launch are "
                f"{static + shared_mem} bytes; a block has {most}"
            )
            raise self._error("shared memory", reason)
