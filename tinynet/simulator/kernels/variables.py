"""Variables that only the GPU has: __shared__ in a block; __device__ and __constant__ in a module.

A host compiler takes them for static variables, which is what they are while one block runs at a
time. Each is put between two red zones: one step past its end there is no other variable.
"""

import re
from dataclasses import dataclass

from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels.declarations import Declaration, declarations, is_prototype
from tinynet.simulator.kernels.positions import Positions, symbol
from tinynet.simulator.kernels.tokens import (
    Token,
    closing,
    outline,
    spelled,
    split,
    tokens,
    without_comments,
)

RED_ZONE = 256
SHARED = "sim_shared_"  # precedes its name in the library, where library.py finds it
GLOBAL = "sim_global_"
DYNAMIC = "dynamic shared memory"  # what a launch asks for; its name in messages

_ALIGNED = r"(?:__align__|alignas)\s*\([^()]*\)"
_SHARED = re.compile(rf"((?:(?:extern|static|volatile|{_ALIGNED})\s+)*)__shared__\s+([^;]*);")
_DECLARATOR = re.compile(r"(.*?)\b(\w+)\s*((?:\[[^\]]*\]\s*)*)$", re.DOTALL)
_OF_MODULE = ("__device__", "__constant__", "__managed__")
_DROPPED = {*_OF_MODULE, "static", "inline", "extern", "volatile"}


@dataclass(frozen=True)
class Variable:
    """A __device__ or __constant__ variable as the text has it."""

    name: str  # with its namespaces
    constant: bool
    initialised: bool

    @property
    def symbol(self) -> str:
        return symbol(self.name)


def variables(code: str) -> list[Variable]:
    """The __device__ and __constant__ variables of a .cu text."""
    return [
        Variable("::".join([*d.scope, name]), d.says("__constant__"), bool(initialiser))
        for d in declarations(code)
        if _is_variable(d)
        for _, name, _, initialiser in _declared(d)
    ]


def constants(code: str) -> list[str]:
    """The __constant__ variables to which the text gives no values."""
    return [each.name for each in variables(code) if each.constant and not each.initialised]


def shared_types(code: str) -> dict[str, str]:
    """The C type of each name in shared memory, where all variables of that name have one."""
    types: dict[str, set[str]] = {}
    for match in _SHARED.finditer(without_comments(code)):
        type_, declarators = _of_block(match)
        for part in declarators if type_ else ():
            name = DYNAMIC if "extern" in match[1] else part[2]
            types.setdefault(name, set()).add(type_)
    return {name: min(found) for name, found in types.items() if len(found) == 1}


def in_cpp(code: str) -> str:
    """The text with its variables in C++, all on the lines where they were."""
    edits = [(d.start, d.end, _variables(d, code)) for d in declarations(code) if _is_variable(d)]
    for start, end, text in reversed(edits):
        missing = code.count("\n", start, end) - text.count("\n")
        code = code[:start] + text + "\n" * missing + code[end:]
    position = Positions(code)
    outside = [(d.start, d.end) for d in declarations(code) if d.kind == "other"]
    return _SHARED.sub(lambda match: _shared_memory(match, position, outside), code)


# ---------------------------------------------------------------- of a module


def _is_variable(declaration: Declaration) -> bool:
    """constexpr, const and templates stay as they are: nobody can write to them."""
    if declaration.kind != "other" or declaration.template is not None:
        return False
    outer = outline(_without_alignment(declaration.tokens))
    texts = {token.text for token in outer}
    kept = {"const", "constexpr", "__shared__", "operator"} & texts
    return any(word in texts for word in _OF_MODULE) and not kept and not is_prototype(outer)


def _declared(declaration: Declaration) -> list[tuple[str, str, str, list[Token]]]:
    """(type, name, sizes, initialiser) of each of `__device__ int a, b[4] = {1};`"""
    parts = split(
        [t for t in _without_alignment(declaration.tokens[:-1]) if t.text not in _DROPPED]
    )
    found, type_ = [], ""
    for part in parts:
        texts = [token.text for token in part]
        end = min((texts.index(mark) for mark in ("=", "{") if mark in texts), default=len(part))
        match = _DECLARATOR.match(spelled(part[:end]))
        if match:
            type_ = type_ or match[1].strip()
            found.append((type_, match[2], match[3], part[end:]))
    return found


def _variables(declaration: Declaration, code: str) -> str:
    text = ""
    for type_, name, sizes, initialiser in _declared(declaration):
        value = code[initialiser[0].start : initialiser[-1].end] if initialiser else ""
        if "[]" in sizes.replace(" ", ""):
            text += f"static {type_} {name}{sizes} {value}; "
        else:
            inside = f" = {{{{}}, {value.lstrip('=')}, {{}}}}" if initialiser else ""
            text += _padded(type_, f"{GLOBAL}{name}", sizes, inside)
            text += f"static auto& {name} = {GLOBAL}{name}.inside; "
    return text


def _padded(type_: str, name: str, sizes: str, value: str = "") -> str:
    return (
        f"alignas(16) __attribute__((used)) static struct {{ char before[{RED_ZONE}]; "
        f"{type_} inside{sizes}; char after[{RED_ZONE}]; }} {name}{value}; "
    )


# ---------------------------------------------------------------- of a block


def _shared_memory(match: re.Match, position: Positions, outside: list[tuple[int, int]]) -> str:
    """A declaration of shared memory in C++, on the same line.

    float a[4], b; becomes two static variables, each between red zones, and references to them;
    extern float cells[]; becomes a pointer to what the launch has asked for.
    """
    before, (type_, declarators) = match[1].split(), _of_block(match)
    if not type_:
        reason = f"the simulator cannot read this declaration: {match[0]}"
        raise KernelError("compile", reason, *position.of(match.start()))
    if "volatile" in before:
        type_ = f"volatile {type_}"
    name = declarators[0][2]
    if "extern" not in before:
        text = "".join(
            _padded(type_, f"{SHARED}{part[2]}", part[3])
            + f"auto& {part[2]} = {SHARED}{part[2]}.inside; "
            for part in declarators
        )
    elif any(start <= match.start() < end for start, end in outside):  # read anew at each use
        text = f"static {type_}*& {name} = ({type_}*&)sim::launch.dynamic_shared;"
    else:
        text = f"{type_}* {name} = ({type_}*)sim::launch.dynamic_shared;"
    return text + "\n" * match[0].count("\n")


def _of_block(match: re.Match) -> tuple[str, list[re.Match]]:
    """The type and the declarators (1: nothing, 2: name, 3: sizes), or "" if it is not read."""
    parts = [spelled(part) for part in split(_without_alignment(tokens(match[2])))]
    declarators = [_DECLARATOR.match(part) for part in parts]
    type_ = declarators[0][1].strip() if declarators and declarators[0] else ""
    if not all(declarators) or any(part[1] for part in declarators[1:]):
        type_ = ""
    return type_, declarators


def _without_alignment(some: list[Token] | tuple[Token, ...]) -> list[Token]:
    kept, at = [], 0
    while at < len(some):
        if some[at].text in ("__align__", "alignas", "__attribute__"):
            at = closing(some, at + 1)
        else:
            kept.append(some[at])
        at += 1
    return kept
