"""Numbers as C has them, with the arithmetic of launch lines: 2.0f, 0x10, 1 << 20, 1000 / 256."""

import re
from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne

import numpy as np

NAMES = {
    "true": True,
    "false": False,
    "INFINITY": float("inf"),
    "NAN": float("nan"),
    "FLT_MAX": float(np.finfo(np.float32).max),
    "FLT_MIN": float(np.finfo(np.float32).tiny),
    "DBL_MAX": float(np.finfo(np.float64).max),
    "INT_MAX": 2**31 - 1,
    "INT_MIN": -(2**31),
    "warpSize": 32,
}
SIZES = {"char": 1, "bool": 1, "short": 2, "half": 2, "int": 4, "unsigned": 4, "float": 4} | {
    "double": 8, "long": 8, "float2": 8, "float4": 16, "int2": 8, "int4": 16, "double2": 16,
}  # fmt: skip
NUMBER = re.compile(
    r"(0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([fF]|[uUlL]{1,3})?(?![\w.])"
)
SIZEOF = re.compile(r"sizeof\s*\(\s*(\w+)\s*\)")
WORD = re.compile(r"[A-Za-z_]\w*")

# Operators by how tightly they bind, loosest first.
LEVELS: list[list[str]] = [
    ["==", "!=", "<=", ">=", "<", ">"],
    ["<<", ">>"],
    ["+", "-"],
    ["*", "/", "%"],
]

COMPARED: dict[str, Callable[[object, object], bool]] = {
    "==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt,
}  # fmt: skip

Number = int | float


class NotANumber(ValueError):
    """What stands at `place` cannot be read; the message says what was wanted."""

    def __init__(self, message: str, place: int):
        super().__init__(message)
        self.place = place


def read(text: str, place: int, constants: Mapping[str, Number]) -> tuple[Number, int]:
    """The value of the expression at `place`, and where it ends; `constants` are known by name."""
    return _Reader(text, place, constants).expression()


class _Reader:
    def __init__(self, text: str, place: int, constants: Mapping[str, Number]):
        self.text, self.place, self.names = text, place, {**NAMES, **constants}

    def expression(self) -> tuple[Number, int]:
        value, _ = self.level(0)
        self._skip()
        if self._takes("?"):
            one, _ = self.expression()
            self._skip()
            if not self._takes(":"):
                raise NotANumber("wanted :", self.place)
            other, _ = self.expression()
            value = one if value else other
        return value, self.place

    def level(self, number: int) -> tuple[Number, int]:
        if number == len(LEVELS):
            return self.single(), self.place
        value, _ = self.level(number + 1)
        while operator := self._operator(LEVELS[number]):
            self._skip()
            place = self.place
            other, _ = self.level(number + 1)
            value = _apply(operator, value, other, place)
        return value, self.place

    def single(self) -> Number:
        self._skip()
        for sign, apply in SIGNS.items():
            if self._takes(sign):
                return apply(self.single())
        if self._takes("("):
            value, _ = self.expression()
            self._skip()
            if not self._takes(")"):
                raise NotANumber("wanted )", self.place)
            return value
        if match := NUMBER.match(self.text, self.place):
            self.place = match.end()
            return _value(match[1], match[2] or "")
        if (match := WORD.match(self.text, self.place)) and match[0] in self.names:
            self.place = match.end()
            return self.names[match[0]]
        match = SIZEOF.match(self.text, self.place)
        if match and match[1] in SIZES:
            self.place = match.end()
            return SIZES[match[1]]
        raise NotANumber("wanted a number", self.place)

    def _operator(self, choices: list[str]) -> str | None:
        self._skip()
        for operator in choices:
            if self.text.startswith(">>>", self.place):  # ends <<<...>>>
                return None
            if self._takes(operator):
                return operator
        return None

    def _takes(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.place):
            return False
        self.place += len(mark)
        return True

    def _skip(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1


SIGNS: dict[str, Callable[[Number], Number]] = {"-": lambda x: -x, "+": lambda x: +x}


def _value(digits: str, suffix: str) -> Number:
    if digits[:2] in ("0x", "0X"):
        return int(digits, 16)
    if suffix in ("f", "F"):
        return float(np.float32(digits))
    if digits.isdigit():
        return (
            int(digits, 8) if digits[0] == "0" and digits.strip("01234567") == "" else int(digits)
        )
    return float(digits)


def _apply(operator: str, a: Number, b: Number, place: int) -> Number:
    """As C has it: of two ints the quotient is cut off towards 0."""
    ints = isinstance(a, int) and isinstance(b, int)
    if operator in ("<<", ">>", "%") and not ints:
        raise NotANumber(f"wanted an integer after {operator}", place)
    if operator in ("<<", ">>") and not 0 <= b < 64:
        raise NotANumber(f"wanted 0 to 63 after {operator}", place)
    if operator in ("/", "%") and b == 0:
        raise NotANumber("wanted a divisor that is not 0", place)
    if operator == "/":
        return (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1) if ints else a / b
    if operator == "%":
        return abs(a) % abs(b) * (-1 if a < 0 else 1)
    if operator == "<<":
        return a << b
    if operator == ">>":
        return a >> b
    if operator in COMPARED:
        return int(COMPARED[operator](a, b))
    return a * b if operator == "*" else a + b if operator == "+" else a - b
