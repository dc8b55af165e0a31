"""A kernel to read: its definition, then the CUDA text with its NumPy twin beside it.

On a narrow screen the twin stands below. Both files are cut where a kernel and its twin begin, and
the pieces are set side by side, so that a kernel stands beside the function that does the same.
Kernels without a window need no definition: their twins are as short as one.
"""

import inspect
import textwrap
from itertools import zip_longest
from pathlib import Path

from tinynet.kernels import KERNELS, definitions
from tinynet.kernels.catalogue.headers import extent

SIDE_BY_SIDE = 180  # columns: from here on, few lines of either file are too long for their half
MARGIN = 4  # columns for the numbers of the CUDA lines: check and profile name those
GAP = 2  # columns between the two files
Lines = list[tuple[int, str]]  # with their numbers


def show(kernels: list[str], width: int) -> None:
    """Print the file of `kernels` beside its twin; or one kernel, if that is not the whole file."""
    file, twin = KERNELS[kernels[0]].file, _twin_file(kernels[0]).name
    of_file = [name for name, kernel in KERNELS.items() if kernel.file == file]
    defined = _definition([file.removesuffix(".cu"), *kernels] if kernels == of_file else kernels)
    if defined:
        print(_rule(Path(definitions.__file__).name, width))
        print(*_rows(defined, width, 0), "", sep="\n")
    pieces = _whole(of_file) if kernels == of_file else _alone(kernels[0], of_file)
    if width < SIDE_BY_SIDE:
        _one_below_the_other(pieces, (file, twin), width)
    else:
        _side_by_side(pieces, (file, twin), width)


def _side_by_side(pieces: list[tuple[Lines, Lines]], names: tuple[str, str], width: int) -> None:
    """Divides the screen where the fewest lines are too long for their side."""

    def too_long(left: int) -> int:
        rooms = left - MARGIN, width - GAP - left
        return sum(
            len(text) > room
            for piece in pieces
            for lines, room in zip(piece, rooms)
            for _, text in lines
        )

    left = min(range(width // 2 - 20, width // 2 + 20), key=too_long)
    right = width - GAP - left
    print(_rule(" " * MARGIN + names[0], left) + " " * GAP + _rule(names[1], right))
    for cuda, twin in pieces:
        for a, b in zip_longest(_rows(cuda, left, MARGIN), _rows(twin, right, 0), fillvalue=""):
            print(f"{a:{left + GAP}}{b}".rstrip())
        print()


def _one_below_the_other(
    pieces: list[tuple[Lines, Lines]], names: tuple[str, str], width: int
) -> None:
    for i, margin in enumerate((MARGIN, 0)):
        print(_rule(" " * margin + names[i], width))
        for piece in pieces:
            if piece[i]:
                print(*_rows(piece[i], width, margin), "", sep="\n")


def _whole(kernels: list[str]) -> list[tuple[Lines, Lines]]:
    """All lines of both files, cut where kernels and twins begin."""
    cuda, twin = _numbered(KERNELS[kernels[0]].source), _numbered(_twin_text(kernels[0]))
    cuts = [(0, 0)]
    for kernel in kernels:
        if _twin_line(kernel) - 1 > cuts[-1][1]:  # two versions may share a twin
            cuts.append((extent(KERNELS[kernel])[0] - 1, _twin_line(kernel) - 1))
    cuts.append((len(cuda), len(twin)))
    return [(_trimmed(cuda[a:b]), _trimmed(twin[c:d])) for (a, c), (b, d) in zip(cuts, cuts[1:])]


def _alone(kernel: str, of_file: list[str]) -> list[tuple[Lines, Lines]]:
    """The device functions right above a kernel, then the kernel and its twin."""
    cuda, twin = _numbered(KERNELS[kernel].source), _numbered(_twin_text(kernel))
    first, last = extent(KERNELS[kernel])
    above = [extent(KERNELS[other])[1] for other in of_file if extent(KERNELS[other])[1] < first]
    top = max(above, default=KERNELS[kernel].source.split("\n").index(""))  # after the header
    below = [_twin_line(other) for other in of_file if _twin_line(other) > _twin_line(kernel)]
    own = twin[_twin_line(kernel) - 1 : min(below, default=len(twin) + 1) - 1]
    helpers = _trimmed(cuda[top : first - 1])
    return [(helpers, [])] * bool(helpers) + [(cuda[first - 1 : last], _trimmed(own))]


def _definition(names: list[str]) -> Lines:
    """The definitions with these names, below the functions that they call."""
    functions = dict(inspect.getmembers(definitions, inspect.isfunction))
    wanted = functions.keys() & set(names)
    called = {name for own in wanted for name in functions[own].__code__.co_names}
    found = [inspect.getsourcelines(functions[name]) for name in wanted | called & functions.keys()]
    lines: Lines = []
    for texts, first in sorted(found, key=lambda piece: piece[1]):
        lines += [(0, "")] * bool(lines)
        lines += [(first + i, text.rstrip("\n")) for i, text in enumerate(texts)]
    return lines


def _numbered(text: str) -> Lines:
    return list(enumerate(text.splitlines(), 1))


def _trimmed(lines: Lines) -> Lines:
    """Without the blank lines around them."""
    full = [i for i, (_, text) in enumerate(lines) if text]
    return lines[full[0] : full[-1] + 1] if full else []


def _twin_file(kernel: str) -> Path:
    return Path(inspect.getsourcefile(KERNELS[kernel].twin))


def _twin_text(kernel: str) -> str:
    return _twin_file(kernel).read_text(encoding="utf-8")


def _twin_line(kernel: str) -> int:
    return inspect.getsourcelines(KERNELS[kernel].twin)[1]


def _rule(name: str, width: int) -> str:
    return f"{name} ".ljust(width, "-")


def _rows(lines: Lines, width: int, margin: int) -> list[str]:
    """The lines with their numbers in a margin; long ones continue below, indented further."""
    rows = []
    for number, text in lines:
        indent = " " * (len(text) - len(text.lstrip()) + 4)
        parts = textwrap.wrap(
            text, width - margin, subsequent_indent=indent, break_on_hyphens=False
        )
        start = f"{number:{margin - 1}} " if margin else ""
        rows.append((start + "".join(parts[:1])).rstrip())
        rows += [" " * margin + part for part in parts[1:]]
    return rows
