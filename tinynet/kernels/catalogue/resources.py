"""What a kernel takes of a GPU's multiprocessor: registers, spills, shared memory.

Only NVIDIA's compiler knows. nvcc, or NVRTC by way of CuPy, compiles each file for one architecture
(no GPU is needed) and gives the figures in its log, which is kept in the cache folder by content.

Less is better, since registers and shared memory are divided among the threads that run at one
time: 65,536 registers are enough for 2,048 threads with 32 each. Spills are registers that did not
fit and live in memory instead.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tinynet.kernels import KERNELS
from tinynet.kernels.launching.kernel import FOLDER
from tinynet.simulator.kernels.cache import content, kept, key

ARCHITECTURE = "sm_80"  # Ampere: every CUDA compiler since version 11 knows it
FLAGS = ["-DREAL=float", "-ftz=true"]  # CuPy adds the last one
_OF_C = re.compile(r"^#include <(?:float|limits|stddef|stdint)\.h>$", re.MULTILINE)  # not NVRTC's
NONE = "no CUDA compiler (nvcc on PATH, or CuPy with NVRTC): registers not measured"


class CompileFailed(Exception):
    """The CUDA compiler refused a file, in its own words."""


@dataclass(frozen=True)
class Compiler:
    """A CUDA compiler: `log(path, architecture)` is what it says of a file with `-Xptxas -v`."""

    name: str
    log: Callable[[Path, str], str]


@dataclass(frozen=True)
class Resources:
    """registers and spilled (bytes, stored and loaded) are per thread, shared (bytes) per block."""

    registers: int
    spilled: int
    shared: int


@cache
def compiler() -> Compiler | None:
    """nvcc if it is on PATH, else CuPy's NVRTC; None if there is neither."""
    if nvcc := shutil.which("nvcc"):
        about = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"V([\d.]+)", about)
        return Compiler(f"nvcc {version[1] if version else ''}".strip(), _log_of_nvcc)
    return nvrtc()


def nvrtc() -> Compiler | None:
    """CuPy's NVRTC, even where there is an nvcc: the two allocate registers differently."""
    try:
        from cupy.cuda import nvrtc as cupys

        version = ".".join(map(str, cupys.getVersion()))
    except (ImportError, RuntimeError):  # no CuPy; CuPy that finds no NVRTC
        return None
    return Compiler(f"NVRTC {version}", _log_of_nvrtc)


def of_kernel(kernel: str) -> Resources | None:
    """None if there is no compiler; CompileFailed if the kernel's file does not compile."""
    if compiler() is None:
        return None
    sections = re.split(r"Compiling entry function '(\w+)_kernel'", kept_log(KERNELS[kernel].file))
    return _read(dict(zip(sections[1::2], sections[2::2]))[kernel])


def of_program(
    code: str,
    kernels: tuple[str, ...],
    by: Compiler | None = None,
    architecture: str = ARCHITECTURE,
) -> dict[str, Resources]:
    """Of these kernels of any CUDA text, or instances such as "saxpy<float>", by name.

    by: None takes compiler().
    CompileFailed if the text does not compile; {} if there is no compiler, or no c++filt.
    """
    by = by or compiler()
    if by is None or shutil.which("c++filt") is None:
        return {}
    # What nobody uses is compiled if it is returned; a variable that holds it costs it registers.
    kept_by = "".join(
        f"__device__ void* tinynet_{i}() {{ return (void*){k}; }}\n" for i, k in enumerate(kernels)
    )
    log = _kept_log(f"{code}\n{kept_by}", by, architecture)
    sections = re.split(r"Compiling entry function '([^']+)'", log)
    names = ["c++filt", "-p", *sections[1::2]]  # -p: without the types of parameters
    demangled = subprocess.run(names, capture_output=True, text=True).stdout.splitlines()
    found = {_plain(name): _read(report) for name, report in zip(demangled, sections[2::2])}
    return {kernel: found[name] for kernel in kernels if (name := _meant(kernel, [*found]))}


def _meant(kernel: str, names: list[str]) -> str | None:
    """Which of the names is this kernel's, however the arguments of an instance are written."""
    plain = _plain(kernel)
    alike = [name for name in names if name.partition("<")[0] == plain.partition("<")[0]]
    return plain if plain in names else alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    """Without spaces, and numbers without their types: "k<float, 32u>" -> "k<float,32>"."""
    return re.sub(r"(?<=\d)[uUlL]+\b|\s", "", name)


def _read(report: str) -> Resources:
    spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", report)
    shared = re.search(r"(\d+) bytes smem", report)
    return Resources(
        registers=int(re.search(r"Used (\d+) registers", report)[1]),
        spilled=int(spills[1]) + int(spills[2]),
        shared=int(shared[1]) if shared else 0,
    )


def kept_log(file: str) -> str:
    """The compiler's log of a .cu file of the kernels' folder, compiled only if it is new."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    return _kept_log(f'#line 1 "{file}"\n{text}', compiler(), ARCHITECTURE)


def _kept_log(code: str, by: Compiler, architecture: str) -> str:
    def write(made: Path) -> None:
        path = made.with_suffix(".cu")
        path.write_text(code, encoding="utf-8", errors="surrogateescape")
        made.write_text(by.log(path, architecture), encoding="utf-8")

    made_of = key(by.name, architecture, *FLAGS, code)
    return content(kept(f"ptxas-{made_of}.txt", write)).decode()


def _log_of_nvcc(path: Path, architecture: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        out = ["-o", f"{folder}/kernels.cubin", str(path)]
        command = ["nvcc", "-cubin", "-Xptxas=-v", f"-arch={architecture}", *FLAGS, *out]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CompileFailed(f"nvcc: {_first_error(done.stderr)}")
    return done.stderr


def _log_of_nvrtc(path: Path, architecture: str) -> str:
    from cupy.cuda import nvrtc

    text = _OF_C.sub("", path.read_text(encoding="utf-8"))
    program = nvrtc.createProgram(text, path.name, [], [])
    try:
        nvrtc.compileProgram(program, ["-Xptxas=-v", f"-arch={architecture}", *FLAGS])
        return nvrtc.getProgramLog(program)
    except nvrtc.NVRTCError:
        raise CompileFailed(f"NVRTC: {_first_error(nvrtc.getProgramLog(program))}") from None
    finally:
        nvrtc.destroyProgram(program)


def _first_error(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[0] if lines else "no message")
