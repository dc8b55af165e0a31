"""Which line of a kernel's text an instruction of the compiled library belongs to.

The compiler has noted that in the library (DWARF's line table); addr2line and objdump read it out.
"""

import re
import subprocess
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tinynet.simulator.kernels.flops import flops_of_blocks

Line = tuple[str | None, int | None]
_KNOWN: dict[tuple[str, frozenset[str]], dict[int, Line]] = {}

LINE_BITS = 24

_CALL = re.compile(r"^ *([0-9a-f]+):\s.*<__sanitizer_cov_trace_pc(?:@plt)?>")
_FUNCTION = re.compile(r"^([0-9a-f]+) <(.*)>:$")
_ROW = re.compile(r"^.+?\s+(\d+)\s+(?:0x)?([0-9a-f]+)(?:\s+\d+)?(\s+x)?$")


def lines(path: Path, offsets: list[int], files: frozenset[str]) -> list[Line]:
    """The (file, line) of each instruction, given as an offset in the library at `path`.

    For a function that was inlined, the line of the caller that lies in one of `files`;
    (None, None) if there is none.
    """
    known = _KNOWN.setdefault((str(path), files), {0: (None, None)})
    new = sorted({offset for offset in offsets if offset not in known})
    if new:
        command = ["addr2line", "-a", "-i", "-e", str(path), *map(hex, new)]
        answer = subprocess.run(command, capture_output=True, text=True).stdout
        for offset, rows in zip(new, re.split(r"^0x[0-9a-f]+\n", answer, flags=re.MULTILINE)[1:]):
            known[offset] = _line(rows, path, files)
    return [known.get(offset, (None, None)) for offset in offsets]


def _line(rows: str, path: Path, wanted: frozenset[str]) -> Line:
    for row in rows.splitlines():
        # The compiler ran in the library's folder, which therefore precedes a relative name.
        match = re.match(r"(.+):(\d+)(?: |$)", row.removeprefix(f"{path.parent}/"))
        if match is not None and match[1] in wanted:
            return match[1], int(match[2])
    return None, None


@dataclass(frozen=True)
class CodeText:
    """Where `files` are in a library compiled for profile mode, in offsets in the library.

    functions   (start, end) of those that come from them
    blocks      (start, end) of all basic blocks, stretches of code with one way through; at its
                start each calls trace.cpp
    rows        (offset, place, 1 if a statement begins there): from there on, the code is of this
                line of this file, see `place`
    flops       of each block, for one lane; None: the machine's instructions are not known
    """

    files: tuple[str, ...]
    functions: list[tuple[int, int]]
    blocks: list[tuple[int, int]]
    rows: list[tuple[int, int, int]]
    flops: list[int] | None

    def flops_of(self, lanes: dict[int, int]) -> int | None:
        """The FLOP of a launch; lanes: how many have run the block that an offset lies in."""
        if self.flops is None:
            return None
        starts = [start for start, _ in self.blocks]
        return sum(n * self.flops[bisect_right(starts, at) - 1] for at, n in lanes.items())

    def line(self, place: int) -> tuple[str, int]:
        """The (file, line) that a place stands for: a line of the first file stands for itself."""
        return self.files[place >> LINE_BITS], place & (1 << LINE_BITS) - 1


@lru_cache(maxsize=64)
def code_text(path: Path, files: tuple[str, ...]) -> CodeText:
    starts, functions = [], {}
    disassembly = _read("-d", "--no-show-raw-insn", path).splitlines()
    for row in disassembly:
        if match := _CALL.match(row):
            starts.append(int(match[1], 16))
        elif match := _FUNCTION.match(row):
            functions[int(match[1], 16)] = match[2]
    rows, others = _rows(path, files)
    own = [
        (start, end)
        for start, end in _stretches([*functions], [*functions])
        if any(start <= row[0] < end for row in rows)
    ]
    inlined = [offset for offset in others if any(start <= offset < end for start, end in own)]
    rows = sorted([*rows, *_callers(path, inlined, files)], key=lambda row: row[0])
    rows = [row for start, end in own for row in _with_statements(_within(rows, start, end))]
    blocks = _stretches(starts, [*functions])
    flops = flops_of_blocks(disassembly, blocks, {functions[start] for start, _ in own})
    return CodeText(files, own, blocks, rows, flops)


def _callers(path: Path, inlined: list[int], files: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """Rows for what was inlined from another file: it is code of the line that called it."""
    at = lines(path, inlined, frozenset(files))
    return [
        (offset, files.index(file) << LINE_BITS | line, 0)
        for offset, (file, line) in zip(inlined, at)
        if line
    ]


def _stretches(starts: list[int], functions: list[int]) -> list[tuple[int, int]]:
    """From each of `starts` to the next one, or to where the next function begins."""
    ends = sorted({*starts, *functions, 1 << 31})
    return [(start, ends[bisect_right(ends, start)]) for start in sorted(starts)]


def _within(rows: list[tuple[int, int, int]], start: int, end: int) -> list[tuple[int, int, int]]:
    return [row for row in rows if start <= row[0] < end]


def _with_statements(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The rows of a function; of a template's instance, where g++ notes few beginnings, every row
    but those of its end counts as one."""
    lines, begun = {row[1] for row in rows}, {row[1] for row in rows if row[2]}
    if len(begun) > 0.6 * len(lines):
        return rows
    return [(offset, line, int(line != max(lines))) for offset, line, _ in rows]


def _rows(path: Path, files: tuple[str, ...]) -> tuple[list[tuple[int, int, int]], list[int]]:
    """The rows of the line table that belong to `files`, by offset; the offsets of all others."""
    found, others, here = [], [], None
    number = {file: i for i, file in enumerate(files)}
    for row in map(str.rstrip, _read("--dwarf=decodedline", path).splitlines()):
        if row.endswith((":[++]", ":")):
            file = row.removesuffix(":[++]").removesuffix(":").removeprefix("./")
            here = number.get(file.removeprefix(f"{path.parent}/"))
        elif (match := _ROW.match(row)) and here is None:
            others.append(int(match[2], 16))
        elif match and match[1] != "0":  # a 0 is of no line
            place = here << LINE_BITS | int(match[1])
            found.append((int(match[2], 16), place, int(bool(match[3]))))
    return sorted(found, key=lambda row: row[0]), others  # stable: at one address as they stand


def _read(*arguments: object) -> str:
    command = ["objdump", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True).stdout
