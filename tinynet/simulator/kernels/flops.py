"""How many floating-point operations a basic block does, for each lane that runs it.

Counted in the code that the compiler has made for profile mode: an addition, subtraction,
multiplication, division, square root, minimum or maximum of float or double is one, and so is a
call of a function of the C library, such as expf. a * b + c is two, fused or not. Comparisons,
conversions and changes of sign are none. A function of CUDA's own that stands in our headers, such
as rsqrtf, counts what stands in it, once: of a loop in it only one round.
"""

import platform
import re
from bisect import bisect_right
from functools import cache

KNOWN_MACHINES = ("x86_64", "AMD64")  # whose instructions are read below

# ss and sd are one float or double; ps and pd four and two of them.
_WIDTHS = {"ss": 1, "sd": 1, "ps": 4, "pd": 2}
_ROW = re.compile(
    r"^ *([0-9a-f]+):\s+(?:v?(?:add|sub|mul|div|sqrt|min|max)(ss|sd|ps|pd)\b|"
    r"(?:call|jmp)q? +[0-9a-f]+ <([\w@.]+)>$)"
)
_OURS = "_ZN3sim"  # of the namespace sim: conversions from and to half
_HEAD = re.compile(r"^[0-9a-f]+ <(.*)>:$")
_OF_C = re.compile(
    r"(?:exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sqrt|cbrt|hypot|fmod|remainder|fmin|fmax|"
    r"a?(?:sin|cos|tan)h?|atan2|sincos|erfc?|[lt]gamma|floor|ceil|round|rint|nearbyint|trunc)f?@plt"
)
_FUSED = re.compile(r"fmaf?@plt")

Found = list[tuple[int, int, str | None]]  # (offset, FLOP, what is called)


def flops_of_blocks(
    disassembly: list[str], blocks: list[tuple[int, int]], traced: set[str]
) -> list[int] | None:
    """The FLOP of each block; None on a machine whose instructions are not known.

    traced: names of functions whose own blocks are among `blocks`; a call of one is none
    """
    if platform.machine() not in KNOWN_MACHINES:
        return None
    functions = _by_function(disassembly)

    @cache
    def of_call(name: str | None) -> int:
        if name is None or name in traced or name.startswith(_OURS):
            return 0
        if "@plt" in name:
            return 2 if _FUSED.fullmatch(name) else int(bool(_OF_C.fullmatch(name)))
        within = [(flop, called) for _, flop, called in functions.get(name, []) if called != name]
        functions[name] = []  # of functions that call each other, each counts once
        return sum(flop + of_call(called) for flop, called in within)

    starts = [start for start, _ in blocks]
    counts = [0] * len(blocks)
    for name in traced & functions.keys():
        for offset, flop, called in functions[name]:
            block = bisect_right(starts, offset) - 1
            if block >= 0:
                counts[block] += flop + of_call(called)
    return counts


def _by_function(disassembly: list[str]) -> dict[str, Found]:
    """Of each function the instructions that count, or that call another."""
    functions: dict[str, Found] = {}
    here: Found = []
    for row in disassembly:
        if row.endswith(">:") and (head := _HEAD.match(row)):
            here = functions.setdefault(head[1], [])
        elif match := _ROW.match(row):
            here.append((int(match[1], 16), _WIDTHS.get(match[2], 0), match[3]))
    return functions
