"""CUDA's own launch line, read: saxpy<<<4, 64>>>(y=zeros(256), x=random(256), 256, 2.0f)

Arguments stand in the kernel's order. An array is made where it stands, with the element type that
the parameter declares; a name in front of it lets later launches, --print, --save and --expect use
it. A line NAME = ARRAY without a launch fills a __constant__ or __device__ variable.
"""

import re
from collections.abc import Mapping

from tinynet.kernels.catalogue.running.launches import (
    Argument,
    Assignment,
    Fields,
    Launch,
    Loaded,
    Made,
    Named,
    Text,
)
from tinynet.kernels.catalogue.running.numbers_of_c import NAMES, WORD, NotANumber, Number, read

MAKERS = ("zeros", "ones", "arange", "random", "empty")
PATH = re.compile(r"""[^\s,(){}<>="';]+\.npy(?=\s*[,)};]|\s*$)""")
QUOTED = re.compile(r"""(["'])(.*?)\1""")
VECTOR = re.compile(r"(?:make_\w+\d|dim3)\s*\(|\{")


class LineError(ValueError):
    """A launch line that cannot be read: one sentence that points at the place."""


def read_lines(
    texts: list[str], constants: Mapping[str, Number] | None = None
) -> list[Launch | Assignment]:
    """What each text says, of which one may hold several launches apart by ;. LineError.

    constants: numbers that have a name in the file; one that an array gets too is then the array's
    """
    found, known = [], dict(constants or {})
    for text in texts:
        reader = _Reader(text, known)
        while not reader.at_end():
            start = reader.place
            try:
                found.append(reader.statement())
            except RecursionError:
                raise pointing(text, start, "wanted fewer brackets within brackets") from None
    return found


def pointing(line: str, place: int, message: str) -> LineError:
    """An error that shows the place: what stands around it, with --> before it."""
    start, stop = max(0, place - 30), place + 30
    before = ("..." if start else "") + line[start:place]
    after = line[place:stop] + ("..." if stop < len(line) else "")
    where = f"{before} --> {after}" if after else f"{before} --> (its end)"
    shown = re.sub(r"\s+", " ", where).strip()
    return LineError(f"launch line, character {place + 1}: {message}: {shown}")


class _Reader:
    def __init__(self, text: str, constants: dict[str, Number]):
        self.text, self.place, self.constants = text, 0, constants

    def statement(self) -> Launch | Assignment:
        name = self._word("the name of a kernel")
        while self._take("::"):
            name += "::" + self._word("a name")
        if self._next("=") and not self._next("=="):
            value_at = self.place + 1
            self.place = value_at
            statement = Assignment(self.text, name, Argument(self._value(), None, value_at))
        else:
            statement = self._launch(name)
        if not self._take(";") and not self.at_end():
            raise self._error("wanted ; or the end of the line")
        return statement

    def at_end(self) -> bool:
        while self._take(";"):
            pass
        self._skip()
        return self.place == len(self.text)

    def _launch(self, kernel: str) -> Launch:
        template = None
        if self._next("<") and not self._next("<<<"):
            template = self._template()
        self._want("<<<", "the grid and block of a launch, <<<")
        grid = self._dimensions("grid")
        self._want(",", "a comma and the block")
        block = self._dimensions("block")
        shared = self._bytes() if self._take(",") else 0
        if self._take(","):
            self._stream()
        self._want(">>>", ">>>")
        self._want("(", "the arguments, (")
        arguments = self._arguments(")")
        end = self.place - 1  # where the bracket closes
        return Launch(self.text, kernel, template, grid, block, shared, arguments, end)

    def _template(self) -> str:
        """What stands between < and the > that closes it."""
        self._want("<", "<")
        start, brackets = self.place, ["<"]
        while brackets:
            letter = self.text[self.place : self.place + 1]
            if not letter or self.text.startswith("<<<", self.place):
                self.place = start
                raise self._error("wanted the arguments of a template and >")
            if letter in "([{" or (letter == "<" and brackets[-1] == "<"):
                brackets.append(letter)
            elif letter in ")]}" or (letter == ">" and brackets[-1] == "<"):
                brackets.pop()
            self.place += 1
        return self.text[start : self.place - 1].strip()

    def _dimensions(self, what: str) -> tuple[int, ...]:
        self._skip()
        start = self.place
        if match := re.compile(r"(?:dim3\s*)?\(").match(self.text, start):
            self.place = match.end()
            sizes = self._sizes(")", what)
            self._skip()
            if self._next(",") or self._next(">>>"):
                if 1 <= len(sizes) <= 3:
                    return sizes
                self.place = start
                raise self._error(f"wanted a {what} of one to three sizes")
            self.place = start  # (1024 + 255) / 256
        size = self._number(f"a {what}: a number or (x, y, z)")
        if not isinstance(size, int):
            self.place = start
            raise self._error(f"wanted an integer as {what}")
        return (size,)

    def _bytes(self) -> int:
        self._skip()
        start = self.place
        size = self._number("the bytes of dynamic shared memory")
        if isinstance(size, int) and size >= 0:
            return size
        self.place = start
        raise self._error("wanted 0 bytes or more of dynamic shared memory")

    def _stream(self) -> None:
        self._skip()
        start = self.place
        if self._number("the default stream, 0") != 0:
            self.place = start
            raise self._error("wanted the default stream, 0")

    def _arguments(self, end: str) -> tuple[Argument, ...]:
        found: list[Argument] = []
        if self._take(end):
            return ()
        while True:
            found.append(self._argument())
            if self._take(end):
                return tuple(found)
            self._want(",", f", or {end}")

    def _argument(self) -> Argument:
        self._skip()
        place, name = self.place, None
        match = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*").match(self.text, place)
        if match:
            name, self.place = match[1], match.end()
        value = self._value()
        if match and not isinstance(value, Made | Loaded | Text | Named):
            self.place = place
            raise self._error("only an array can have a name")
        self.constants.pop(name, None)
        return Argument(value, name, place)

    def _value(self) -> Number | Made | Loaded | Text | Named | Fields | None:
        self._skip()
        if match := PATH.match(self.text, self.place):
            self.place = match.end()
            return Loaded(match[0])
        if match := QUOTED.match(self.text, self.place):
            self.place = match.end()
            return Loaded(match[2]) if match[2].endswith(".npy") else Text(match[2])
        if match := VECTOR.match(self.text, self.place):
            self.place = match.end()
            return Fields(self._arguments("}" if match[0] == "{" else ")"))
        match = WORD.match(self.text, self.place)
        number = match is None or match[0] in NAMES or match[0] in self.constants
        if number or match[0] == "sizeof":
            return self._number("a number, an array or a name")
        if self.text[match.end() :].lstrip()[:1] == "(":
            return self._made(match[0], match.end())
        self.place = match.end()
        return None if match[0] in ("nullptr", "NULL") else Named(match[0])

    def _made(self, maker: str, end: int) -> Made:
        if maker not in MAKERS:
            raise self._error(f"no array is made by {maker}; there are {', '.join(MAKERS)}")
        self.place = end
        self._want("(", "(")
        start, below = self.place, None
        shape = self._sizes(")", "shape") if self._take("(") else None
        if shape is None or not re.compile(r"\s*(?:\)|,\s*below\b)").match(self.text, self.place):
            self.place = start  # 4, 4 or (n + 1) * 4, and no (4, 4)
            shape = self._sizes(")", "shape")
            if self.text[self.place - 1] == ",":
                below = self._below()
                self._want(")", ")")
        else:
            below = self._below() if self._take(",") else None
            self._want(")", ")")
        if below is not None and maker != "random":
            raise self._error("only random has below")
        return Made(maker, shape, below)

    def _below(self) -> int:
        if match := re.compile(r"\s*below\s*=").match(self.text, self.place):
            self.place = match.end()
            below = self._number("a bound")
            if isinstance(below, int) and below > 0:
                return below
        raise self._error("wanted below=N")

    def _sizes(self, end: str, what: str) -> tuple[int, ...]:
        """Sizes up to `end`, or to the comma before below=."""
        sizes: list[int] = []
        while not self._take(end):
            if sizes:
                self._want(",", f", or {end}")
                if re.compile(r"\s*below\b").match(self.text, self.place):
                    return tuple(sizes)
                if self._take(end):  # (256,)
                    break
            start = self.place
            size = self._number(f"a size of the {what}")
            if not isinstance(size, int) or size < 0:
                self.place = start
                raise self._error(f"wanted a size of the {what} that is an integer, 0 or more")
            sizes.append(size)
        return tuple(sizes)

    def _number(self, what: str) -> Number:
        self._skip()
        start = self.place
        try:
            value, self.place = read(self.text, self.place, self.constants)
        except NotANumber as error:
            wanted = f"wanted {what}" if error.place == start else str(error)
            raise pointing(self.text, error.place, wanted) from None
        return value

    # ---------------------------------------------------------------- single marks

    def _word(self, what: str) -> str:
        self._skip()
        match = WORD.match(self.text, self.place)
        if match is None:
            raise self._error(f"wanted {what}")
        self.place = match.end()
        return match[0]

    def _want(self, mark: str, what: str) -> None:
        if not self._take(mark):
            raise self._error(f"wanted {what}")

    def _take(self, mark: str) -> bool:
        if not self._next(mark):
            return False
        self.place += len(mark)
        return True

    def _next(self, mark: str) -> bool:
        self._skip()
        return self.text.startswith(mark, self.place)

    def _skip(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def _error(self, message: str) -> LineError:
        self._skip()
        return pointing(self.text, self.place, message)
