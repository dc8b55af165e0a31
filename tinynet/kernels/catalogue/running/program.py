"""A .cu file and launches of its kernels, run in the simulator.

program = Program(find_file("my.cu"), read_lines(["saxpy<<<4, 64>>>(y=zeros(256), ...)"]), "check")
program.run()             raises KernelError for what the kernels do wrong
program.array("y")        what they wrote, on the host
program.module.profile()  what profile mode counted
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tinynet import simulator
from tinynet.console.sentences import listed
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue.running.launch_line import pointing
from tinynet.kernels.catalogue.running.launches import Assignment, Launch
from tinynet.kernels.catalogue.running.values import Values
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.c_types import known
from tinynet.simulator.kernels.device_part import CudaFile
from tinynet.simulator.kernels.module import Kernel
from tinynet.simulator.kernels.source import KernelText
from tinynet.simulator.kernels.variables import constants

REFUSALS = ("compile", "arguments", "limits", "shared memory")  # before a kernel runs


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # in a folder of somebody else's; or a name too long to be one
        raise ValueError(f"{path}: {error.strerror or error}") from None


def find_file(name: str, defines: Iterable[str]) -> CudaFile:
    """A .cu file by its path, or a built-in one by its name; ValueError if there is neither.

    REAL is float in a built-in file unless `defines` says otherwise.
    """
    path, defines = Path(name), tuple(defines)
    if not _exists(path):
        stem = name.removesuffix(".cu")
        built_in = {kernel.path.stem: kernel.path for kernel in KERNELS.values()}
        if stem not in built_in:
            known = " ".join(sorted(built_in))
            raise ValueError(f"{name}: no such file, nor a built-in one; there are: {known}")
        path, name = built_in[stem], f"{stem}.cu"
        if not any(define.partition("=")[0] == "REAL" for define in defines):
            defines = ("REAL=float", *defines)
    if not path.is_file():  # a FIFO would wait for somebody to write into it
        raise ValueError(f"{name} is a folder or a device, wanted a .cu file")
    try:
        file = CudaFile(path, defines, name)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
    if not file.kernels and (place := file.first("__global__")):
        raise ValueError(
            f"{place[0]}:{place[1]}: a kernel begins here that cannot be read: a bracket is "
            "missing, or it stands in a class"
        )
    if not file.kernels:
        raise ValueError(f"{name}: there is no kernel (a __global__ function) in this file")
    return file


class Program:
    """Launches of a file's kernels, with the arrays that they share.

    mode    "run", "check" or "profile"
    seed    of the random arrays
    """

    def __init__(
        self, file: CudaFile, statements: list[Launch | Assignment], mode: str, seed: int = 0
    ):
        self.file, self.statements, self.seed = file, statements, seed
        launches = [each for each in statements if isinstance(each, Launch)]
        expressions = {launch: _expression(file, launch) for launch in launches}
        names = tuple(dict.fromkeys(expressions.values()))
        code, self.host_names = file.part(names)
        self.module = simulator.RawModule(code=code, name_expressions=names, mode=mode, fenced=True)
        try:
            self._functions = {
                launch: self.module.get_function(name) for launch, name in expressions.items()
            }
        except KernelError as error:
            raise self._explained(error, tuple(names)) from None
        self._values = Values(seed)
        self._at_first = {name: value.copy() for name, value in self.module.variables.items()}

    def run(self, launching: Callable[[Launch, Kernel, tuple], None] | None = None) -> None:
        """Run all launches, from arrays made anew. KernelError; ValueError for bad input.

        launching: is called in place of each kernel, with what it would be called with
        """
        self._values = Values(self.seed)
        for name, value in self._at_first.items():
            self.module.variables[name][...] = value
        for statement in self.statements:
            if isinstance(statement, Launch):
                self._launch(statement, launching)
            else:
                self._assign(statement)

    @property
    def names(self) -> list[str]:
        """Of the named arrays and of the module's variables."""
        return [*self._values.named, *self.module.variables]

    def ask_for(self, names: list[str]) -> None:
        """ValueError if there is no array of one of these names."""
        for name in names:
            if name not in self.names:
                known = ", ".join(self.names) or "none: write y=zeros(256) in the launch line"
                raise ValueError(f"no array is called {name}; named are: {known}")

    def array(self, name: str) -> np.ndarray:
        """A named array or a variable of the module, on the host.

        KernelError: check mode, if an element has never been written.
        """
        if name not in self._values.named:
            return self.module.variables[name].copy()
        try:
            return self._values.named[name].get()
        except KernelError as error:
            reason = f"{name}: {error.reason.removeprefix('get reads ')}"
            raise KernelError(error.kind, reason, self.file.name) from None

    @property
    def unset(self) -> list[str]:
        """The __constant__ variables that hold nothing but zeros, since the host would set them."""
        assigned = {each.name for each in self.statements if isinstance(each, Assignment)}
        return [name for name in constants(self.module.code) if name not in assigned]

    def _assign(self, assignment: Assignment) -> None:
        variables = self.module.variables
        if assignment.name not in variables:
            known = ", ".join(variables) or "none"
            reason = f"no variable of the device is called {assignment.name} (there are: {known})"
            raise pointing(assignment.line, assignment.argument.place, reason)
        variable = variables[assignment.name]
        value = self._values.for_variable(assignment, variable)
        variable[...] = value

    def _explained(
        self, error: KernelError, instances: tuple[str, ...]
    ) -> KernelError | ValueError:
        """An error of the compiler, in better words where more is known than it knows."""
        first = error.reason.splitlines()[0]
        unknown = self.host_names.get(first.partition(" ")[0])
        if unknown:
            where, reason = f"{error.file}:{error.line}", "which is the host's: mark it __device__"
            return ValueError(f"{where}: {unknown.name} of line {unknown.line} is used, {reason}")
        entry = [k for k in self.file.kernels if (k.file, k.line) == (error.file, error.line)]
        if not entry or entry[0].template is None:
            return error
        of_it = [each for each in instances if each.partition("<")[0] == entry[0].name]
        named = [kernel for kernel in self.file.kernels if kernel.name == entry[0].name]
        if " is not known" in first:
            return ValueError(f"{self.file.name}: {listed(of_it)}: {first}")
        places = "; ".join(f"{k.file}:{k.line} template <{k.template}>" for k in named)
        fits = "may be any of several" if len(named) > 1 else "does not fit"
        return ValueError(f"{listed(of_it)} {fits}: {places}")

    def _launch(
        self, launch: Launch, launching: Callable[[Launch, Kernel, tuple], None] | None
    ) -> None:
        function, given = self._functions[launch], launch.arguments
        types, text = function.types, function.text
        _check_count(launch, text, types)
        for type_, parameter, argument in zip(types, text.parameters, given):
            null = type_.endswith("*") and argument.value is None
            if not (null or known(type_)):
                reason = f"{parameter.name} of {text.name} has a type that a launch cannot pass"
                raise ValueError(f"{text.file}:{parameter.line}: {reason}")
        values = [
            self._values.of(argument, type_, launch.line) for argument, type_ in zip(given, types)
        ]
        args = launch.grid, launch.block, tuple(values), launch.shared
        if launching is None:
            function(*args)
        else:
            launching(launch, function, args)
        simulator.cuda.get_current_stream().synchronize()


def _check_count(launch: Launch, text: KernelText, types: list[str]) -> None:
    if len(launch.arguments) == len(types):
        return
    names = ", ".join(
        f"{type_} {parameter.name}" for type_, parameter in zip(types, text.parameters)
    )
    extra = launch.arguments[len(types) :]
    place = extra[0].place if extra else launch.end
    count = f"{text.name} takes {len(types)} arguments ({names}), got {len(launch.arguments)}"
    raise pointing(launch.line, place, count)


def _expression(file: CudaFile, launch: Launch) -> str:
    """The kernel that a launch means, as the compiler is told; ValueError if it means none."""
    names = list(dict.fromkeys(kernel.name for kernel in file.kernels))
    called = next((n for n in (launch.kernel, f"{launch.kernel}_kernel") if n in names), None)
    if called is None:
        inside = [name for name in names if name.split("::")[-1] == launch.kernel]
        if len(inside) != 1:
            raise ValueError(
                f"{file.name}: no kernel is called {launch.kernel}; there are: {', '.join(names)}"
            )
        called = inside[0]
    named = [kernel for kernel in file.kernels if kernel.name == called]
    template = next((kernel.template for kernel in named if kernel.template), None)
    if launch.template is not None and template is None:
        raise ValueError(
            f"{file.name}:{named[0].line}: {called} is no template: launch {called}<<<...>>>"
        )
    if template is None:
        if len(named) > 1:
            lines = " and ".join(str(kernel.line) for kernel in named)
            raise ValueError(
                f"{file.name}: {len(named)} kernels are called {called}, on lines {lines}"
            )
        return called
    if launch.template is None:
        if template.count("=") < len(template.split(",")):
            raise ValueError(
                f"{file.name}:{named[0].line}: {called} is a template: launch an instance of "
                f"template <{template}>, such as {called}<{_example(template)}><<<...>>>"
            )
        return f"{called}<>"
    return f"{called}<{launch.template}>"


def _example(template: str) -> str:
    kinds = ("typename", "class")
    return ", ".join("float" if part.split()[0] in kinds else "32" for part in template.split(","))
