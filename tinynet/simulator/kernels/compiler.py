"""Compiles kernels with this machine's C++ compiler, once: results are cached by content.

A kernel's library is its own object (cuda.h and then the .cu text) linked with the runtime's
objects. Everything is named after a hash of all that went into it, so nothing is ever stale.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

from tinynet.simulator.errors import CompilerMissing, KernelError
from tinynet.simulator.kernels.cache import cache_folder, kept, key

CPP = Path(__file__).with_name("cpp")

COMMON = [
    "-std=c++17",
    "-fPIC",
    "-w",
    "-fvisibility=hidden",
    "-fno-exceptions",
    "-fno-rtti",
    "-ffp-contract=off",  # a*b + c rounds twice everywhere: the same bits on every machine
    "-U_FORTIFY_SOURCE",  # its longjmp mistakes a leap between stacks for an attack
]
KERNEL = [
    "-g1",  # lines, for messages...
    "-gdwarf-4",  # ...in the form that every addr2line reads
    "-fno-strict-aliasing",  # CUDA's compiler lets a float be read as an int
    "-fstack-clash-protection",  # too large a local array hits the guard page, never leaps over it
    "-fno-delete-null-pointer-checks",  # *nullptr is an access that crashes, not code that vanishes
    "-fno-finite-loops",  # a loop that waits forever must wait, not vanish
    "-fno-optimize-sibling-calls",  # a barrier at a kernel's end must return to the kernel's line
]
# A shuffle may hand on what only some lanes have set: to clang++ that is no value, and it reasons
# that the others never come there.
KERNEL_BY = {"g++": [], "clang++": ["-ftrivial-auto-var-init=pattern"]}
# Run mode, for a text that says volatile: see lockstep.cpp.
LOCKSTEP_BY = {
    "g++": ["-fsanitize=thread", "--param=tsan-distinguish-volatile=1", "-DSIM_LOCKSTEP"],
    "clang++": ["-fsanitize=thread", "-mllvm", "-tsan-distinguish-volatile", "-DSIM_LOCKSTEP"],
}
# Compiled for ThreadSanitizer but linked without it: the compiler inserts calls of
# __tsan_read4(address) and the like at every load and store, and watch.cpp has those functions.
WATCHED = ["-O1", "-fsanitize=thread", "-DSIM_WATCH"]
# Neither may omit an access: g++ turns loops into memset, clang++ drops the read of `a[i] += x`.
WATCHED_BY = {
    "g++": ["-fno-tree-loop-distribute-patterns"],
    "clang++": ["-mllvm", "-tsan-instrument-read-before-write"],
}
# In profile mode the compiler also calls trace.cpp at every basic block. Branches are to stay as
# they were written, and every statement is to have its line (-g), where a reader can stop.
TRACED = ["-DSIM_PROFILE", "-g", "-gdwarf-4"]
TRACED_BY = {
    "g++": ["-Og", "-fsanitize-coverage=trace-pc"],
    "clang++": ["-O0", "-fsanitize-coverage=bb,no-prune,trace-pc"],  # its -Og is -O1
}
KERNEL_FLAGS = {
    "run": [*KERNEL, "-O2"],
    "check": [*KERNEL, *WATCHED, "-DSIM_CHECK"],
    "profile": [*KERNEL, *WATCHED, *TRACED],
}
RUNTIME_FLAGS = {
    "run": ["-O2"],
    "check": ["-O2", "-DSIM_WATCH", "-DSIM_CHECK"],
    "profile": ["-O2", "-DSIM_WATCH", "-DSIM_PROFILE"],
}
# What takes longest to compile comes first.
ALWAYS = ["scheduler.cpp", "crash.cpp", "findings.cpp"]
TRACE = ["trace.cpp", "steps.cpp", "profile.cpp", "text.cpp", "record.cpp"]
RUNTIME = {
    "run": ALWAYS,
    "check": ["check.cpp", "watch.cpp", *ALWAYS],
    "profile": [*TRACE, "watch.cpp", *ALWAYS],
}
# These tell the line of an address, the shared variables of a library and its basic blocks; all
# come with g++.
TOOLS = ("addr2line", "nm", "objdump")

# The options that NVRTC takes: those that a host compiler understands too, and those of a GPU.
_PASSED_ON = re.compile(r"-[DUI].+|--define-macro=.+|--undefine-macro=.+")
_OF_A_GPU = re.compile(
    r"--?use_fast_math|--?fmad=.*|--?std=.*|-lineinfo|--generate-line-info|--device-debug|-G|"
    r"--gpu-architecture=.*|-arch=.*|--maxrregcount=.*|-default-device|--extra-device-vectorization"
)

_ROW = re.compile(
    r"^(?:In file included from |  +from )?(\S.*?):(\d+):(?:\d+:)? +(.*)$", re.MULTILINE
)
_ERROR = re.compile(r"(?:fatal )?error: ")
_UNDEFINED = re.compile(r"^(?:.*ld: )?(\S.*?):(\d+): undefined reference to `(.*)'$", re.MULTILINE)
_UNKNOWN = re.compile(
    r"(?:use of undeclared identifier |unknown type name |no member named )?'([^']+)'"
    r"(?: was not declared| has not been declared| does not name a type| is not a member of|;|$)"
)


def unavailable() -> str | None:
    """Why kernels cannot be compiled here, in one line; None if they can."""
    compiler, named = _compiler(), os.environ.get("CXX")
    missing = [tool for tool in TOOLS if not found(tool)]
    if compiler is None:
        wrong = (
            f"CXX names {named}, which does not exist" if named else "g++ or clang++ is not on PATH"
        )
    elif missing:
        wrong = f"its companions {' and '.join(missing)} (binutils) are not on PATH"
    elif not _compiles(compiler):
        wrong = f"{compiler} compiles nothing{' (CXX names it)' if named else ''}"
    else:
        return None
    return (
        f"the simulator needs a C++ compiler, and {wrong}: install one (Debian, Ubuntu: apt "
        "install g++; Fedora: dnf install gcc-c++) or set CXX"
    )


def build(cpp: str, options: tuple[str, ...], mode: str) -> Path:
    """Compile and link the text of a kernel; returns the shared library's path.

    Raises CompilerMissing; ValueError for an option that NVRTC does not know either; KernelError
    of kind "compile" with the compiler's first error.
    """
    reason = unavailable()
    if reason is not None:
        raise CompilerMissing(reason)
    flags = [*COMMON, *KERNEL_FLAGS[mode], "-include", "cuda.h", *host_options(options)]
    flags += _portable_switch()
    family = "clang++" if "clang" in _version(_compiler()) else "g++"
    flags += KERNEL_BY[family]
    runtime = RUNTIME[mode]
    if mode != "run":
        flags += WATCHED_BY[family]
    elif re.search(r"\bvolatile\b", cpp):
        flags += LOCKSTEP_BY[family]
        runtime = [*runtime, "lockstep.cpp"]
    if mode == "profile":
        flags += TRACED_BY[family]
    objects = {name_of("kernel", "o", flags, cpp): (flags, cpp)}
    for file in runtime:
        flags = [*COMMON, *RUNTIME_FLAGS[mode], *_portable_switch()]
        text = (CPP / file).read_text(encoding="utf-8")
        objects[name_of(Path(file).stem, "o", flags, text)] = flags, text
    return kept(name_of("kernel", "so", [*objects], ""), partial(_link, objects))


def preprocess(text: str, options: tuple[str, ...], made: Path) -> None:
    """Write the text with its macros expanded; no header of the system is looked for."""
    if reason := unavailable():
        raise CompilerMissing(reason)
    flags = ["-std=c++17", "-w", "-E", "-nostdinc", *host_options(options)]
    _run_compiler([*flags, "-x", "c++", "-"], made, text)


def _link(objects: dict[str, tuple[list[str], str]], library: Path) -> None:
    """Make the library of objects, which are compiled from flags and text unless they are kept."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        begun = [pool.submit(kept, n, partial(_compile, *source)) for n, source in objects.items()]
        paths = [each.result() for each in begun]
    undefined = [] if sys.platform == "darwin" else ["-Wl,-z,defs"]  # is an error, as it is there
    _run_compiler(["-shared", *undefined, *map(str, paths), "-lm", "-ldl"], library)


def _compile(flags: list[str], text: str, made: Path) -> None:
    _run_compiler([*flags, f"-I{CPP}", "-x", "c++", "-c", "-"], made, text)


@lru_cache
def _compiles(compiler: str) -> bool:
    """Whether it, the present compiler, compiles the shortest program there is."""
    try:
        kept(name_of("probe", "o", COMMON, ""), partial(_compile, COMMON, ""))
    except KernelError:
        return False
    return True


def host_options(options: tuple[str, ...]) -> list[str]:
    """The options of RawModule that matter to the host compiler; unknown ones are refused."""
    kept = []
    for option in _joined(options):
        if _PASSED_ON.fullmatch(option):
            kept.append(re.sub(r"^--(define|undefine)-macro=", _short_macro, option))
        elif not _OF_A_GPU.fullmatch(option):
            raise ValueError(f"RawModule: options: {option!r} is not an option that NVRTC takes")
    return kept


def _joined(options: tuple[str, ...]) -> list[str]:
    """("-D", "REAL=float") -> ["-DREAL=float"]."""
    joined: list[str] = []
    for option in options:
        if joined and joined[-1] in ("-D", "-U", "-I"):
            joined[-1] += option
        else:
            joined.append(option.strip())
    return joined


def _short_macro(match: re.Match) -> str:
    return {"define": "-D", "undefine": "-U"}[match[1]]


def _portable_switch() -> list[str]:
    """TINYNET_SIM_SWITCH=portable switches fibers as machines other than x86-64 do (fiber.h)."""
    portable = os.environ.get("TINYNET_SIM_SWITCH") == "portable"
    return ["-DSIM_PORTABLE_SWITCH"] if portable else []


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    return found(named) if named else found("g++") or found("clang++")


def found(program: str) -> str | None:
    """The path of a program on PATH, or None."""
    return shutil.which(program)


@lru_cache
def _version(compiler: str) -> str:
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    except OSError:  # no program; `_compiles` says so
        return ""


@lru_cache
def _machine() -> str:
    return " ".join([platform.machine(), *platform.libc_ver()])


@lru_cache
def _headers() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(CPP.glob("*.h")))


def name_of(stem: str, suffix: str, flags: list[str], text: str) -> str:
    """The name in the cache of what this compiler makes of `text` with these flags."""
    made_of = key(_version(_compiler()), _machine(), _headers(), *flags, text)
    return f"{stem}-{made_of}.{suffix}"


def _run_compiler(arguments: list[str], made: Path, text: str = "") -> None:
    command = [_compiler(), *arguments, "-o", str(made)]
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd=cache_folder(),  # is named in what is compiled
            env={**os.environ, "LC_ALL": "C"},  # errors in the words that _compile_error looks for
        )
    except OSError as error:
        raise KernelError("compile", f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise _compile_error(done.stderr)
    if not made.exists():
        raise KernelError("compile", f"{command[0]} made nothing")


def _compile_error(output: str) -> KernelError:
    """The compiler's first error, with the line of the user's text that led to it."""
    rows = _ROW.findall(output)
    errors = [at for at, row in enumerate(rows) if _ERROR.match(row[2])]
    # An unknown type first shows as a parameter, or a function, that cannot be read.
    unknown = (at for at in errors if _UNKNOWN.search(rows[at][2]))
    first = next(
        unknown if errors and "declared void" in rows[errors[0]][2] else iter(errors), None
    )
    if first is None:
        return _link_error(output)
    message = _ERROR.sub("", rows[first][2]).removeprefix("static assertion failed: ")
    # Of an error in cuda.h, the instantiation that led there stands in the lines before it, and
    # the macro in those after it.
    around = [rows[first], *reversed(rows[:first]), *rows[first + 1 :]]
    file, line, _ = next((row for row in around if not row[0].startswith(str(CPP))), rows[first])
    if match := _UNKNOWN.match(message):
        message = f"{match[1]} is not known: neither this text nor the simulator declares it"
    return KernelError("compile", f"{message}\n{output.strip()}", file, int(line))


def _link_error(output: str) -> KernelError:
    """What is declared and nowhere defined, with the line that uses it."""
    match = _UNDEFINED.search(output)
    if match is None:
        return KernelError("compile", output.strip())
    file = match[1].removeprefix(f"{cache_folder()}/")  # there the compiler ran
    return KernelError("compile", f"{match[3]} is declared, but not defined", file, int(match[2]))
