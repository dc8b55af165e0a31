"""A .cu file as nvcc takes it: which of it concerns the GPU, and which is left alone.

Books and courses publish whole programs: kernels, and the host's main() that allocates, copies and
launches. There is no CUDA runtime for the host here, so the host's functions and variables are left
out, and so is all that the wanted kernels do not need: a kernel of the same file that asks for
something unknown is in nobody's way. Lines keep their file and number by `#line`.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tinynet.simulator.errors import KernelError
from tinynet.simulator.kernels.cache import content, kept
from tinynet.simulator.kernels.compiler import name_of, preprocess
from tinynet.simulator.kernels.declarations import Declaration, declarations, name_of_function
from tinynet.simulator.kernels.positions import Positions, line_directive
from tinynet.simulator.kernels.source import (
    KernelText,
    all_kernels,
    find,
    is_kernel,
)
from tinynet.simulator.kernels.tokens import tokens

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"][^\n]*', re.MULTILINE)
_MARKER = re.compile(r'^# (\d+) "([^"\n]*)"[^\n]*', re.MULTILINE)

# What stands for CUDA's own headers, and what a device may use of C's and C++'s.
OURS = ("cuda_fp16.h", "cooperative_groups.h", "cuda_pipeline.h", "math_constants.h")
OF_C = ("float.h", "limits.h", "stddef.h", "stdint.h")
OF_CPP = ("algorithm", "array", "cfloat", "climits", "cmath", "cstdint", "limits", "utility")

# What a kernel may say of std's without std:: before it; min and max are CUDA's own.
OF_STD = {"array", "is_same", "numeric_limits", "pair", "plus", "tuple"}

# nvcc's own macros, for a recent GPU.
MACROS = (
    "__CUDACC__=1", "__NVCC__=1", "__CUDA_ARCH__=800", "CUDART_VERSION=12000",
    "__CUDACC_VER_MAJOR__=12", "__CUDACC_VER_MINOR__=0",
)  # fmt: skip
_OF_DEVICE = ("__global__", "__device__", "constexpr")
_LASTING = ("__device__", "__constant__", "__shared__", "__managed__", "const", "constexpr")
_TYPES = ("using", "typedef", "namespace", "template", "struct", "class", "union", "enum", "extern")
_UNKNOWN_WORDS = dict.fromkeys(("asm", "__asm__", "__asm"), "inline PTX (asm)") | {
    "wmma": "tensor cores (wmma)",
    "nvcuda": "tensor cores (nvcuda)",
    "cudaTextureObject_t": "textures",
    "cudaSurfaceObject_t": "surfaces",
    "malloc": "memory that a kernel asks for (malloc)",
    "new": "memory that a kernel asks for (new)",
}


@dataclass(frozen=True)
class HostName:
    """A function or variable of the host, where it stands."""

    name: str
    file: str
    line: int


class CudaFile:
    """A .cu file, preprocessed: macros expanded, files of its own folder included.

    name      what messages call it
    headers   what it includes of the system's and of CUDA's
    texts     the lines of each file, as they were written
    """

    def __init__(self, path: Path, defines: tuple[str, ...] = (), name: str | None = None):
        files = _Files(path, name or str(path))
        self.name, self.headers = files.names[0], files.headers
        self.texts = {file: text.splitlines() for file, text in zip(files.names, files.texts)}
        options = tuple(f"-D{macro}" for macro in (*MACROS, *defines))
        made = kept(
            name_of("source", "i", list(options), files.text),
            partial(_preprocess, files.text, options, files.names),
        )
        code = content(made).decode("utf-8", "replace")
        self.code = _MARKER.sub(partial(_renamed, files.names), code)
        self.declarations = declarations(self.code)
        self.kernels: list[KernelText] = all_kernels(self.code)
        self._positions = Positions(self.code)

    def first(self, word: str) -> tuple[str, int] | None:
        """The (file, line) of the first declaration that has this word."""
        found = (d for d in self.declarations if word in d.words)
        return next((self._positions.of(d.start) for d in found), None)

    @property
    def host_functions(self) -> list[HostName]:
        return [self._host(d) for d in self.declarations if _is_host_function(d) and d.names]

    def _host(self, declaration: Declaration) -> HostName:
        name = name_of_function(declaration.head) or declaration.head[0]
        return HostName(name.text, *self._positions.of(name.start))

    def part(self, names: tuple[str, ...]) -> tuple[str, dict[str, HostName]]:
        """The text that the kernels of these names need; names of the host's that it mentions."""
        kernels = [find(self.kernels, name).name for name in names]
        words = {token.text for name in names for token in tokens(name)}
        needed = {
            at
            for at, declaration in enumerate(self.declarations)
            if is_kernel(declaration) and _full_name(declaration) in kernels
        }
        words = words.union(*(self.declarations[at].words for at in needed))
        host = self._gather(needed, words)
        written_out = "std" in words  # std::swap, where `using namespace std` may be all that is
        self._gather_namespaces(needed, words)
        for at in sorted(needed):
            self._refuse_unknown(self.declarations[at])
        return self._prologue(words, written_out) + self._text(needed), host

    def _gather(self, needed: set[int], words: set[str]) -> dict[str, HostName]:
        """Add what declares any of `words`, and its words, until nothing is missing.

        Returns what is left out, since it is the host's.
        """
        host, before = {}, -1
        while before != len(needed):
            before = len(needed)
            for at, declaration in enumerate(self.declarations):
                named = declaration.names & words
                if at in needed or is_kernel(declaration) or not named:
                    continue
                if _is_host_function(declaration) or _is_host_variable(declaration):
                    host |= {name: self._host(declaration) for name in named}
                    continue
                needed.add(at)
                words |= declaration.words
        return host

    def _gather_namespaces(self, needed: set[int], words: set[str]) -> None:
        """Add `using namespace` of those that are there, and the other names that they have."""
        there = {"cooperative_groups", *(name for d in self.declarations for name in d.scope)}
        there |= {name for d in self.declarations if d.says("namespace") for name in d.names}
        if words & OF_STD:
            there.add("std")
        for at, declaration in enumerate(self.declarations):
            used = _namespace_used(declaration)
            if used in there:
                needed.add(at)
                words.add(used)
        for at, declaration in enumerate(self.declarations):
            if declaration.says("namespace") and declaration.names & words:
                needed.add(at)

    def _refuse_unknown(self, declaration: Declaration) -> None:
        """What no header can supply, named before the compiler stumbles over it."""
        texts = [token.text for token in declaration.tokens]
        for at, text in enumerate(texts):
            reason = _UNKNOWN_WORDS.get(text)
            if texts[at : at + 3] == ["<", "<", "<"]:
                reason = "a launch within a kernel (dynamic parallelism)"
            if reason:
                place = self._positions.of(declaration.tokens[at].start)
                raise KernelError("compile", f"the simulator does not know {reason}", *place)

    def _prologue(self, words: set[str], written_out: bool) -> str:
        included = [*OF_C, *(OF_CPP if "std" in words else ())]
        if not written_out and "algorithm" not in self.headers and "algorithm" in included:
            included.remove("algorithm")  # has `count` and `find`, as kernels may call their own
        included += [header for header in OURS if header in self.headers]
        lines = [f"#include <{name}>\n" for name in included]
        return "".join(lines) + ("namespace cuda { namespace std = ::std; }\n" * ("std" in words))

    def _text(self, needed: set[int]) -> str:
        text = ""
        for at, declaration in enumerate(self.declarations):
            if at in needed or declaration.kind in ("open", "close"):
                directive = line_directive(*self._positions.of(declaration.start))
                text += f"{directive}\n{self.code[declaration.start : declaration.end]}\n"
        return text


def _full_name(declaration: Declaration) -> str:
    return "::".join([*declaration.scope, name_of_function(declaration.head).text])


def _is_host_function(declaration: Declaration) -> bool:
    return declaration.kind == "function" and not any(map(declaration.says, _OF_DEVICE))


def _is_host_variable(declaration: Declaration) -> bool:
    if declaration.kind != "other" or any(map(declaration.says, _LASTING)):
        return False
    return declaration.head[0].text not in _TYPES


def _namespace_used(declaration: Declaration) -> str | None:
    """lib of `using namespace lib;`"""
    texts = [token.text for token in declaration.head]
    return texts[2] if texts[:2] == ["using", "namespace"] else None


class _Files:
    """A file's text with those that it includes from its own folder in their places.

    Files are called @0, @1, ... until it is preprocessed, which would not leave names alone.
    """

    def __init__(self, path: Path, name: str):
        self.names: list[str] = []
        self.texts: list[str] = []
        self.headers: set[str] = set()
        self._seen: set[Path] = set()
        self.text = self._read(path, name)

    def _read(self, path: Path, name: str) -> str:
        number = len(self.names)
        self.names.append(re.sub(r'["\\]|[^ -~\u00a0-\uffff]', "?", name))
        self._seen.add(path.resolve())
        text = path.read_text(encoding="utf-8", errors="replace")
        self.texts.append(text)

        def included(match: re.Match) -> str:
            line = text.count("\n", 0, match.start()) + 1
            beside = path.parent / match[1]
            if not beside.is_file():
                self.headers.add(match[1])
                return ""
            if beside.resolve() in self._seen:
                return ""
            inside = self._read(beside, str(Path(name).parent / match[1]))
            return f'{inside}\n#line {line} "@{number}"'

        return f'#line 1 "@{number}"\n{_INCLUDE.sub(included, text)}'


def _preprocess(text: str, options: tuple[str, ...], names: list[str], made: Path) -> None:
    try:
        preprocess(text, options, made)
    except KernelError as error:
        file = error.file or ""
        name = names[int(file[1:])] if re.fullmatch(r"@\d+", file) else None
        raise KernelError("compile", error.reason, name, error.line if name else None) from None


def _renamed(names: list[str], match: re.Match) -> str:
    if not re.fullmatch(r"@\d+", match[2]):
        return ""
    return line_directive(names[int(match[2][1:])], int(match[1]))
