"""A compiled kernel library: its entries, its shared variables, and the line of an address."""

import ctypes
import re
import shutil
import subprocess
from functools import cached_property, lru_cache
from pathlib import Path


class Launch(ctypes.Structure):
    """`sim::Launch` of runtime.h."""

    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("body", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("dynamic_shared", ctypes.c_void_p),
        ("order", ctypes.c_int32),
        ("seed", ctypes.c_uint32),
        ("seconds", ctypes.c_double),
    ]


class Finding(ctypes.Structure):
    """`sim::Finding` of runtime.h."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("access", ctypes.c_int32),
        ("other_access", ctypes.c_int32),
        ("region", ctypes.c_int32),
        ("block", ctypes.c_uint32 * 3),
        ("thread", ctypes.c_uint32 * 3),
        ("other_block", ctypes.c_uint32 * 3),
        ("other_thread", ctypes.c_uint32 * 3),
        ("element", ctypes.c_int64),
        ("pc", ctypes.c_uint64),
        ("detail", ctypes.c_uint64),
    ]


class Library:
    """The shared library of one RawModule in one mode."""

    def __init__(self, path: Path):
        self.path = path
        self.c = ctypes.CDLL(str(path))
        self.c.sim_launch.argtypes = [
            ctypes.POINTER(Launch),
            ctypes.POINTER(ctypes.POINTER(Finding)),
        ]

    def parameter_types(self, kernel: str) -> list[str]:
        """As C spells them: ["float*", "const float*", "int"]."""
        spell = self.c[f"{kernel}__parameters"]
        spell.restype = ctypes.c_char_p
        return spell().decode().split(";")[:-1]

    def body(self, kernel: str) -> int:
        return ctypes.cast(self.c[f"{kernel}__body"], ctypes.c_void_p).value

    def launch(self, launch: Launch) -> list[Finding]:
        """Run it to its end, or to what ends it. Python's lock is released meanwhile."""
        found = ctypes.POINTER(Finding)()
        count = self.c.sim_launch(ctypes.byref(launch), ctypes.byref(found))
        return [Finding.from_buffer_copy(found[i]) for i in range(count)]

    @cached_property
    def shared_variables(self) -> list[tuple[str, str, int, int]]:
        """(function, variable, address, bytes) of every `__shared__` variable of the library.

        They are static variables of functions, and the compiler names such a variable
        `_ZZ<function>E<length><variable>`, preceded by the function's length; `nm` lists them.
        """
        listing = subprocess.run(["nm", "-S", str(self.path)], capture_output=True, text=True)
        variables = []
        for row in listing.stdout.splitlines():
            fields = row.split()
            if len(fields) != 4 or fields[2] not in "bBdD":
                continue
            match = re.match(r"_ZZL?(\d+)(\w+)E(\d+)(\w+)$", fields[3])
            if match is None:
                continue
            function = match[2][: int(match[1])]
            variable = match[4][: int(match[3])]
            address = int(fields[0], 16) + self._base
            variables.append((function, variable, address, int(fields[1], 16)))
        return variables

    def static_shared(self, kernel: str) -> int:
        """Bytes of shared memory that a block of `kernel` has without asking at the launch."""
        return sum(size for owner, _, _, size in self.shared_variables if self._uses(kernel, owner))

    def _uses(self, kernel: str, owner: str) -> bool:
        """A device function may serve any kernel; the variables of another kernel are not ours."""
        return owner == kernel or not hasattr(self.c, f"{owner}__body")

    @cached_property
    def _base(self) -> int:
        """Where the library was loaded: an address in it now, less the same address in its file."""
        listing = subprocess.run(["nm", "-D", str(self.path)], capture_output=True, text=True)
        offset = next(
            int(row.split()[0], 16)
            for row in listing.stdout.splitlines()
            if row.endswith(" sim_launch")
        )
        return ctypes.cast(self.c.sim_launch, ctypes.c_void_p).value - offset

    def lines(self, offsets: list[int]) -> list[tuple[str | None, int | None]]:
        """The (file, line) of each instruction, given as an offset in the library."""
        known = dict(zip(offsets, _lines(str(self.path), tuple(offsets))))
        return [known[offset] for offset in offsets]


@lru_cache
def _lines(path: str, offsets: tuple[int, ...]) -> list[tuple[str | None, int | None]]:
    tool = shutil.which("addr2line")
    if tool is None or not offsets:
        return [(None, None)] * len(offsets)
    command = [tool, "-e", path, *map(hex, offsets)]
    answer = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [_parse_line(row.removeprefix(f"{Path(path).parent}/")) for row in answer]


def _parse_line(row: str) -> tuple[str | None, int | None]:
    """`file:line`, the file as `#line` named it: the compiler ran in the library's folder."""
    match = re.match(r"(.+):(\d+)(?: \(discriminator \d+\))?$", row)
    if match is None or match[1] == "??" or match[2] == "0":
        return None, None
    return match[1], int(match[2])
