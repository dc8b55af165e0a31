"""RawModule: CuPy's way to run a .cu text, on the CPU.

    module = RawModule(code=text, options=("-DREAL=float",))
    module.get_function("relu_forward_kernel")(grid, block, (y, x, np.int32(size)))

CuPy converts nothing: a Python float is passed as a double, and a float64 array is a pointer like
any other. A kernel that then reads garbage is the commonest mistake with it, so here each argument
must be exactly what the kernel's parameter says, or the launch is refused.
"""

import ctypes
import threading
from functools import cache, cached_property

import numpy as np

from tinynet.simulator import guards, source
from tinynet.simulator.arguments import c_value, problem
from tinynet.simulator.compiler import build
from tinynet.simulator.errors import ArgumentError, KernelError
from tinynet.simulator.findings import ACCESSES, Place, to_error
from tinynet.simulator.guards import Argument, Guard, aligned, guard
from tinynet.simulator.library import Launch, Library, Region
from tinynet.simulator.profiling import LineProfile, total
from tinynet.simulator.settings import chosen_mode, chosen_order, time_limit
from tinynet.simulator.source import KernelText, kernels, to_cpp

MAX_THREADS = 1024
MAX_BLOCK = (1024, 1024, 64)
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_SHARED = 48 * 1024

_one_launch = (
    threading.Lock()
)  # the runtime's state is static, and so are a process's signal handlers


class RawModule:
    """The kernels of one .cu text. Compiled when the first kernel is asked for, as in CuPy.

    mode: "run", "check" or "profile"; None takes TINYNET_SIM from the environment, or "run".
    """

    def __init__(self, code: str, *, options: tuple[str, ...] = (), mode: str | None = None):
        self.code = code
        self.options = tuple(options)
        self.mode = chosen_mode(mode)
        self._profiles: list[LineProfile] = []

    @cached_property
    def library(self) -> Library:
        return _loaded(str(build(to_cpp(self.code), self.options, self.mode)))

    def get_function(self, name: str) -> "Kernel":
        texts = kernels(self.code)
        if name not in texts:
            known = ", ".join(texts) or "none"
            raise KernelError("compile", f"no kernel of this name; there are: {known}", kernel=name)
        text = texts[name]
        if not text.extern_c:
            reason = 'it is not extern "C", so CuPy would not find it by this name'
            raise KernelError("compile", reason, text.file, text.line, name)
        return Kernel(self, text)

    def profile(self) -> list[LineProfile]:
        """Profile mode: what each line's loads and stores cost, over all launches so far."""
        return total(self._profiles)

    def add_profile(self, profiles: list[LineProfile]) -> None:
        """Kernels of this module add each launch's lines here."""
        self._profiles += profiles


@cache
def _loaded(path: str) -> Library:
    return Library(path)


class Kernel:
    """One kernel of a module; called as `kernel(grid, block, args, shared_mem=0)`."""

    def __init__(self, module: RawModule, text: KernelText):
        self.module = module
        self.text = text
        self.types = module.library.parameter_types(text.name)
        self.body = module.library.body(text.name)

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple,
        *,
        shared_mem: int = 0,
        uninitialised: tuple[str, ...] = (),
    ) -> None:
        """Run the kernel over `grid` blocks of `block` threads, with `shared_mem` dynamic bytes.

        uninitialised: check mode: names of parameters whose arrays hold nothing yet.
        Raises KernelError, and ArgumentError where an argument is not what its parameter wants.
        """
        grid, block = self._sizes("grid", grid, MAX_GRID), self._sizes("block", block, MAX_BLOCK)
        self._check_limits(block, shared_mem)
        self._check_arguments(args)
        with _one_launch:
            self._run(grid, block, args, shared_mem, uninitialised)

    def _run(
        self, grid: tuple, block: tuple, args: tuple, shared_mem: int, uninitialised: tuple
    ) -> None:
        library, mode = self.module.library, self.module.mode
        shared = aligned(shared_mem)
        addresses, copies, places = {}, [], []
        if mode != "run":
            arguments = self._array_arguments(args, uninitialised)
            copies = guard(list(arguments.values()))
            addresses = _addresses(arguments, copies)
            places = self._watch(copies, shared)
        values = [
            ctypes.c_void_p(addresses[i]) if i in addresses else c_value(type_, arg)
            for i, (type_, arg) in enumerate(zip(self.types, args))
        ]
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(value) for value in values])
        order, seed = chosen_order() if mode != "profile" else (0, 0)
        seconds = time_limit()
        launch = Launch(
            grid=grid,
            block=block,
            body=self.body,
            arguments=ctypes.addressof(pointers),
            dynamic_shared=shared.ctypes.data,
            order=order,
            seed=seed,
            seconds=seconds,
        )
        found = library.launch(launch)
        if found:
            raise to_error(found, self.text, library, places, seconds)
        for copy in copies:
            copy.give_back()
        if mode == "profile":
            self.module.add_profile(self._line_profiles())

    def _array_arguments(self, args: tuple, uninitialised: tuple) -> dict[int, Argument]:
        """The array arguments by their position."""
        found = {}
        for i, (type_, arg) in enumerate(zip(self.types, args)):
            if type_.endswith("*"):
                name = self.text.parameters[i].name
                written = np.zeros(arg.nbytes, np.uint8) if name in uninitialised else None
                found[i] = Argument(name, arg, type_.startswith("const "), written)
        return found

    def _watch(self, copies: list[Guard], shared: np.ndarray) -> list[Place]:
        """Tell the runtime what memory there is; returns what messages call it."""
        regions = [copy.region() for copy in copies]
        places = [Place(copy.name, copy.copy.size, copy.itemsize, copy.shape) for copy in copies]
        for variable in self.module.library.shared_variables(self.text.name):
            regions.append(
                Region(variable.address, variable.bytes, red_zone=source.RED_ZONE, shared=1)
            )
            places.append(Place(variable.name, variable.bytes, 0))
        if shared.size:
            regions.append(
                Region(shared.ctypes.data, shared.size, red_zone=guards.RED_ZONE, shared=1)
            )
            places.append(Place("dynamic shared memory", shared.size, 0))
        self.module.library.watch(regions)
        return places

    def _line_profiles(self) -> list[LineProfile]:
        costs = self.module.library.line_costs()
        lines = self.module.library.lines([cost.pc for cost in costs], self.text.file)
        return [
            LineProfile(
                kernel=self.text.name,
                file=file or self.text.file,
                line=line or self.text.line,
                space="shared" if cost.shared else "global",
                access=ACCESSES[cost.access],
                requests=cost.requests,
                lanes=cost.lanes,
                cost=cost.cost,
            )
            for cost, (file, line) in zip(costs, lines)
        ]

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
        variables = self.module.library.shared_variables(self.text.name)
        static = sum(variable.bytes for variable in variables)
        if static + shared_mem > MAX_SHARED:
            reason = (
                f"{static} bytes declared and {shared_mem} asked for at the launch are "
                f"{static + shared_mem} bytes; a block has {MAX_SHARED}"
            )
            raise self._error("shared memory", reason)

    # ---------------------------------------------------------------- arguments, exactly

    def _check_arguments(self, args: tuple) -> None:
        if len(args) != len(self.types):
            names = ", ".join(parameter.name for parameter in self.text.parameters)
            reason = f"takes {len(self.types)} arguments ({names}), got {len(args)}"
            raise ArgumentError("arguments", reason, *self._place())
        for position, (type_, arg) in enumerate(zip(self.types, args)):
            wrong = problem(type_, arg)
            if wrong:
                parameter = self.text.parameters[position]
                reason = f"argument {position + 1}, {parameter.name} ({type_}): {wrong}"
                raise ArgumentError(
                    "arguments", reason, self.text.file, parameter.line, self.text.name
                )

    def _place(self) -> tuple[str, int, str]:
        return self.text.file, self.text.line, self.text.name


def _addresses(arguments: dict[int, Argument], copies: list[Guard]) -> dict[int, int]:
    """Where the kernel finds each array argument: in its copy."""
    home = {id(argument): copy for copy in copies for argument in copy.arguments}
    return {i: home[id(argument)].address(argument) for i, argument in arguments.items()}
