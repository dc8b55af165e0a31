"""RawModule: CuPy's way to run a .cu text, on the CPU.

    module = RawModule(code=text, options=("-DREAL=float",))
    module.get_function("relu_forward_kernel")(grid, block, (y, x, np.int32(size)))

CuPy converts nothing: a Python float is passed as a double, and a float64 array is a pointer like
any other. A kernel that then reads garbage is the commonest mistake with it, so here each argument
must be exactly what the kernel's parameter says, or the launch is refused.
"""

import ctypes
import os
import threading
from functools import cache, cached_property

import numpy as np

from tinynet.simulator.compiler import build
from tinynet.simulator.errors import ArgumentError, KernelError
from tinynet.simulator.findings import ACCESSES, Place, to_error
from tinynet.simulator.guards import RED_ZONE, Argument, Guard, aligned, guard
from tinynet.simulator.library import Launch, Library, Region
from tinynet.simulator.profiling import LineProfile, total
from tinynet.simulator.source import KernelText, kernels, to_cpp

MODES = ("run", "check", "profile")
MAX_THREADS = 1024
MAX_BLOCK = (1024, 1024, 64)
MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_SHARED = 48 * 1024

DTYPES = {
    "float": np.float32, "double": np.float64, "bool": np.bool_,
    "char": np.int8, "signed char": np.int8, "unsigned char": np.uint8,
    "short": np.int16, "unsigned short": np.uint16, "int": np.int32, "unsigned int": np.uint32,
    "long": np.int64, "unsigned long": np.uint64,
    "long long": np.int64, "unsigned long long": np.uint64,
    "float2": np.float32, "float4": np.float32, "double2": np.float64,
    "int2": np.int32, "int4": np.int32,
}  # fmt: skip

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
        self.mode = _chosen_mode(mode)
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
        addresses, guards, places = {}, [], []
        if mode != "run":
            arguments = self._array_arguments(args, uninitialised)
            guards = guard(list(arguments.values()))
            addresses = _addresses(arguments, guards)
            places = self._watch(guards, shared)
        values = [
            ctypes.c_void_p(addresses[i]) if i in addresses else _c_value(type_, arg)
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
        for copy in guards:
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

    def _watch(self, guards: list[Guard], shared: np.ndarray) -> list[Place]:
        """Tell the runtime what memory there is; returns what messages call it."""
        regions = [copy.region() for copy in guards]
        places = [Place(copy.name, copy.copy.size, copy.itemsize, copy.shape) for copy in guards]
        for variable in self.module.library.shared_variables(self.text.name):
            regions.append(Region(variable.address, variable.bytes, red_zone=RED_ZONE, shared=1))
            places.append(Place(variable.name, variable.bytes, 0))
        if shared.size:
            regions.append(Region(shared.ctypes.data, shared.size, red_zone=RED_ZONE, shared=1))
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
            problem = _problem(type_, arg)
            if problem:
                parameter = self.text.parameters[position]
                reason = f"argument {position + 1}, {parameter.name} ({type_}): {problem}"
                raise ArgumentError(
                    "arguments", reason, self.text.file, parameter.line, self.text.name
                )

    def _place(self) -> tuple[str, int, str]:
        return self.text.file, self.text.line, self.text.name


def _addresses(arguments: dict[int, Argument], guards: list[Guard]) -> dict[int, int]:
    """Where the kernel finds each array argument: in its copy."""
    home = {id(argument): copy for copy in guards for argument in copy.arguments}
    return {i: home[id(argument)].address(argument) for i, argument in arguments.items()}


def _problem(type_: str, arg: object) -> str | None:
    """What is wrong with this argument for a parameter of this C type."""
    base = type_.removeprefix("const ").removesuffix("*")
    if base not in DTYPES:
        return "the simulator passes no parameters of this type"
    dtype = np.dtype(DTYPES[base])
    if not type_.endswith("*"):
        if isinstance(arg, np.generic) and arg.dtype == dtype:
            return None
        return f"wants np.{dtype.name}(...), got {_describe(arg)}"
    if not isinstance(arg, np.ndarray):
        return f"wants an array of {dtype}, got {_describe(arg)}"
    if arg.dtype != dtype:
        return f"wants an array of {dtype}, got one of {arg.dtype}"
    if not arg.flags.c_contiguous:
        return f"wants a C-contiguous array, got shape {arg.shape} with strides {arg.strides}"
    if not type_.startswith("const ") and not arg.flags.writeable:
        return "the kernel may write to it, but the array is read-only"
    return None


def _describe(arg: object) -> str:
    if isinstance(arg, np.ndarray):
        return f"an array of shape {arg.shape}"
    if isinstance(arg, np.generic):
        return f"np.{arg.dtype.name}({arg})"
    return f"the Python {type(arg).__name__} {arg!r}"


def _c_value(type_: str, arg: np.ndarray | np.generic) -> ctypes._SimpleCData:
    """The argument in a box of its C type."""
    if type_.endswith("*"):
        return ctypes.c_void_p(arg.ctypes.data)
    return np.ctypeslib.as_ctypes_type(arg.dtype)(arg.item())


def _chosen_mode(mode: str | None) -> str:
    source = "mode" if mode is not None else "TINYNET_SIM"
    mode = mode or os.environ.get("TINYNET_SIM") or "run"
    if mode not in MODES:
        raise ValueError(f"simulator: {source} must be one of {', '.join(MODES)}, got {mode!r}")
    return mode


def chosen_order() -> tuple[int, int]:
    """TINYNET_SIM_ORDER as the runtime takes it: (0 forward, 1 reversed or 2 random; seed)."""
    order = os.environ.get("TINYNET_SIM_ORDER") or "forward"
    if order in ("forward", "reversed"):
        return int(order == "reversed"), 0
    name, _, seed = order.partition(":")
    if name != "random" or not seed.isdigit():
        raise ValueError(
            f"TINYNET_SIM_ORDER must be forward, reversed or random:SEED, got {order!r}"
        )
    return 2, int(seed) % 2**32


def time_limit() -> float:
    """Seconds of processor time one launch may take: TINYNET_SIM_TIMEOUT, or 120."""
    limit = os.environ.get("TINYNET_SIM_TIMEOUT") or "120"
    try:
        seconds = float(limit)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(f"TINYNET_SIM_TIMEOUT must be a number of seconds above 0, got {limit!r}")
    return seconds
