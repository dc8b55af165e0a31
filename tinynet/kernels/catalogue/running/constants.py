"""The numbers that a .cu file gives names: #define TILE 16, const int n = 4 * TILE.

A launch line may use them, as the file's own launches do. They are read from the text, of the
host's code too; a name with two different values, as in #if and #else, is left out. Variables are
read where macros are expanded, since they may be made with some: const int n = CEIL_DIV(1000, 32).
"""

import re
from collections.abc import Iterable
from itertools import chain

from tinynet.kernels.catalogue.running.numbers_of_c import Number, read

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$", re.MULTILINE)
_TYPE = r"(?:(?:static|unsigned|signed|long|short|int|size_t|float|double|char|u?int\d+_t)\s+)+"
_VARIABLE = re.compile(rf"\b(?:const|constexpr)\s+({_TYPE})(\w+)\s*=\s*([^;,]+);")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def constants(texts: Iterable[str], code: str, defines: Iterable[str]) -> dict[str, Number]:
    """Names and values; `defines`, as of -D (N=3), go before what the texts say.

    texts   of the files as they are written; code: all of them with macros expanded
    """
    given = [(None, *define.split("=", 1)) for define in defines if "=" in define]
    macros = [_MACRO.finditer(_COMMENT.sub(" ", text)) for text in texts]
    written = [(None, *match.groups()) for match in chain(*macros)]
    written += [match.groups() for match in _VARIABLE.finditer(code)]
    fixed = {name for _, name, _ in given}
    return _resolved(given + [each for each in written if each[1] not in fixed])


def _resolved(definitions: list[tuple[str | None, str, str]]) -> dict[str, Number]:
    """One may use another that stands after it, so until no more is known than before."""
    known: dict[str, Number] = {}
    while True:
        values: dict[str, set[Number | None]] = {}
        for type_, name, text in definitions:
            values.setdefault(name, set()).add(_converted(_value(text, known), type_))
        found = {name: given.pop() for name, given in values.items() if len(given) == 1}
        found = {name: value for name, value in found.items() if value is not None}
        if found == known:
            return known
        known = found


def _converted(value: Number | None, type_: str | None) -> Number | None:
    """As C does it: const int n = 1e6 is an integer, const float a = 1 is none."""
    if value is None or type_ is None:
        return value
    try:
        return float(value) if {"float", "double"} & {*type_.split()} else int(value)
    except (OverflowError, ValueError):  # too large, or no number at all
        return None


def _value(text: str, known: dict[str, Number]) -> Number | None:
    try:
        value, end = read(text, 0, known)
    except (ValueError, RecursionError):  # no number, too many digits, too many brackets
        return None
    return None if text[end:].strip() else value
