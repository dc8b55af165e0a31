"""The structures of a .cu text, with the names of their fields: a kernel may take one by its value.

Only what is plain is read, such as `struct Matrix { int width; float* elements; };`: no templates,
no base classes, nothing private.
"""

from dataclasses import dataclass

from tinynet.simulator.kernels.declarations import Declaration, declarations, declared
from tinynet.simulator.kernels.tokens import PAIRS, Token, closing


@dataclass(frozen=True)
class StructureText:
    name: str  # with its namespaces
    fields: tuple[str, ...]


def structures(code: str) -> list[StructureText]:
    """Those of a .cu text that are plain."""
    found = []
    for each in declarations(code):
        name = _name(each)
        fields = _fields(each) if name else None
        if fields is not None:
            found.append(StructureText("::".join([*each.scope, name]), fields))
    return found


def _name(declaration: Declaration) -> str | None:
    texts = [token.text for token in declaration.tokens]
    if declaration.kind != "class" or "struct" not in texts[:2] or declaration.template is not None:
        return None
    if texts[0] == "typedef":
        return texts[-2] if texts[-3:-2] == ["}"] else None
    words = [token.text for token in declaration.head if token.kind == "word"]
    plain = ":" not in texts[: texts.index("{")]
    return words[-1] if plain and len(words) > 1 and texts[-2] == "}" else None


def _fields(declaration: Declaration) -> tuple[str, ...] | None:
    """The names of the fields; None if there is anything that is not plain."""
    opening = next(at for at, token in enumerate(declaration.tokens) if token.text == "{")
    inside = declaration.tokens[opening + 1 : closing(declaration.tokens, opening)]
    names: list[str] = []
    for statement in _statements(inside):
        texts = [token.text for token in statement]
        if not texts or "(" in texts and "=" not in texts:  # a function
            continue
        if {"private", "protected", "struct", "union", "enum", "static", ":", "&"} & {*texts}:
            return None
        names += declared(statement)
    return tuple(names)


def _statements(inside: tuple[Token, ...]) -> list[list[Token]]:
    """Apart at ; and after the bodies of functions."""
    found: list[list[Token]] = [[]]
    at = 0
    while at < len(inside):
        first = at
        if inside[at].text in PAIRS:
            at = closing(inside, at)
        body = inside[first].text == "{" and any(token.text == "(" for token in found[-1])
        if body or inside[first].text == ";":
            found.append([])
        else:
            found[-1] += inside[first : at + 1]
        at += 1
    return found
