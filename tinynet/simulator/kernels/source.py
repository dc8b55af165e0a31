"""Reads a .cu text as far as the simulator needs: its kernels, their parameters, and `#line`.

Types are not read here: the compiler deduces them (see entry.h). All that is read is names and
lines, for messages, and what a macro cannot translate: the declarations of variables.
"""

import re
from dataclasses import dataclass, replace

from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels.declarations import Declaration, declarations, name_of_function
from tinynet.simulator.kernels.positions import UNNAMED, Positions, line_directive, symbol
from tinynet.simulator.kernels.structures import StructureText, structures
from tinynet.simulator.kernels.tokens import Token, closing, split, without_comments
from tinynet.simulator.kernels.variables import in_cpp, variables

ENTRIES = "entries"


@dataclass(frozen=True)
class Parameter:
    name: str
    line: int


@dataclass(frozen=True)
class KernelText:
    """A kernel as its text has it: where it is, and what its parameters are called.

    name       with its namespaces, and of an instance with its arguments: "ns::saxpy<float>"
    template   a template's parameters, such as "typename T, int N"; None if it is none
    files      all the files that the text comes from
    most       threads of a block, if __launch_bounds__ says so in figures
    """

    name: str
    file: str
    line: int
    parameters: tuple[Parameter, ...]
    extern_c: bool
    template: str | None = None
    files: frozenset[str] = frozenset()
    most: int | None = None

    @property
    def symbol(self) -> str:
        """What its entry in the library is called."""
        return symbol(self.name)


def all_kernels(code: str) -> list[KernelText]:
    """The kernels of a .cu text, with lines as its `#line` directives count them.

    Several may have one name, where they are templates or overloaded.
    """
    position = Positions(code)
    return [
        _kernel(declaration, position)
        for declaration in declarations(code)
        if is_kernel(declaration)
    ]


def is_kernel(declaration: Declaration) -> bool:
    return declaration.kind == "function" and declaration.says("__global__")


def _kernel(declaration: Declaration, position: "Positions") -> KernelText:
    name = name_of_function(declaration.head)
    opening = declaration.tokens.index(name) + 1
    inside = declaration.tokens[opening + 1 : closing(declaration.tokens, opening)]
    of_kernel = next(token for token in declaration.head if token.text == "__global__")
    file, line = position.of(of_kernel.start)
    return KernelText(
        name="::".join([*declaration.scope, name.text]),
        file=file,
        line=line,
        parameters=tuple(
            Parameter(token.text, position.of(token.start)[1])
            for token in map(_parameter_name, split(inside))
            if token.text != "void"
        ),
        extern_c=declaration.extern_c,
        template=declaration.template,
        files=position.all,
        most=_launch_bounds(declaration.tokens),
    )


def _launch_bounds(some: tuple[Token, ...]) -> int | None:
    texts = [token.text for token in some]
    if "__launch_bounds__" not in texts:
        return None
    first = texts[texts.index("__launch_bounds__") + 2]
    return int(first) if first.isdecimal() else None


def _parameter_name(parameter: list[Token]) -> Token:
    """The last word before a default value or the sizes of an array."""
    texts = [token.text for token in parameter]
    ends = [texts.index(mark) for mark in ("=", "[") if mark in texts]
    words = [token for token in parameter[: min(ends, default=None)] if token.kind == "word"]
    return words[-1] if words else parameter[-1]


def instance(kernel: KernelText, expression: str) -> KernelText:
    """An instance of a template: `expression` is "saxpy<float>"."""
    return replace(kernel, name=expression, template=None)


def named_as(kernel: KernelText, count: int) -> KernelText:
    """The same with a name for each of `count` parameters: a pack of them has only one."""
    missing = count - len(kernel.parameters)
    if missing <= 0 or not kernel.parameters:
        return kernel
    return replace(kernel, parameters=kernel.parameters + kernel.parameters[-1:] * missing)


def entries(code: str, expressions: tuple[str, ...] = ()) -> list[KernelText]:
    """The kernels that the library is to have: all that are no templates, and these instances.

    expressions: ("saxpy<float>",)
    """
    found = all_kernels(code)
    plain = {text.name: text for text in found if text.template is None}
    instances = [instance(find(found, name), name) for name in expressions]
    return [text for name, text in plain.items() if name not in expressions] + instances


def to_cpp(code: str, expressions: tuple[str, ...] = ()) -> str:
    """The C++ text to compile: the .cu text itself, plus an entry for each of its kernels.

    An error in entry number n is on line n of the file ENTRIES.
    """
    called = "".join(
        f"SIM_KERNEL({text.symbol}, {text.name})\n" for text in entries(code, expressions)
    )
    code = without_comments(code)
    stored = "".join(f"SIM_VARIABLE({each.symbol}, {each.name})\n" for each in variables(code))
    stored = "".join(map(_fields_in_cpp, structures(code))) + stored
    text = f'#line 1 "{UNNAMED}"\n{in_cpp(code)}\n#include "entry.h"\n{stored}'
    return f"{text}{line_directive(ENTRIES, 1)}\n{called}"


def _fields_in_cpp(structure: StructureText) -> str:
    fields = " ".join(f"SIM_FIELD({structure.name}, {name})" for name in structure.fields)
    return f"SIM_FIELDS({structure.name}, {fields})\n"


def find(found: list[KernelText], expression: str) -> KernelText:
    """The kernel that a name expression such as "ns::saxpy<float, 32>" means."""
    name = re.sub(r"\s+", "", expression.partition("<")[0])
    named = [text for text in found if text.name == name]
    if not named:
        known = ", ".join(dict.fromkeys(text.name for text in found)) or "none"
        raise KernelError(
            "compile", f"no kernel has this name; there are: {known}", kernel=expression
        )
    return next(
        (text for text in named if (text.template is not None) == ("<" in expression)), named[0]
    )
