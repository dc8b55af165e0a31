"""The real CuPy over the stand-in driver: `import fakegpu` before CuPy, or `pytest -p fakegpu`.

CuPy calls the driver and cuBLAS through libraries, which build.sh made. The CUDA runtime is linked
into CuPy itself. There each function that the stand-in has too is overwritten, in memory, with a
jump to it.
"""

import ctypes
import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(os.environ["FAKEGPU"])  # what build.sh made
CUPY = "14.2.0"  # the version whose entry points the stand-in knows
PAGE = 4096
READ_WRITE_EXECUTE = 7

os.environ["CUPY_COMPILE_WITH_PTX"] = "1"  # NVRTC gives PTX, not machine code
os.environ["CUPY_ACCELERATORS"] = ""  # CUB would come compiled
os.environ.setdefault("CUPY_CACHE_DIR", str(FOLDER / "kernels"))


def _jump_to(address: int) -> bytes:
    """x86-64: mov rax, address; jmp rax."""
    return b"\x48\xb8" + address.to_bytes(8, "little") + b"\xff\xe0"


def _loaded_at(path: str) -> int:
    """Where a library begins in this process."""
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    return min(int(m[0].split("-")[0], 16) for m in maps if m[-1] == path and int(m[2], 16) == 0)


def _runtime_functions(path: str) -> dict[str, int]:
    """The functions of the CUDA runtime in a library, and how far from its beginning they lie."""
    listed = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^([0-9a-f]+) [tT] (cuda[A-Z]\w*)$", listed, re.MULTILINE)
    return {name: int(offset, 16) for offset, name in found}


def _replace(address: int, code: bytes) -> None:
    start = address // PAGE * PAGE
    size = address + len(code) - start
    if ctypes.CDLL(None).mprotect(
        ctypes.c_void_p(start), ctypes.c_size_t(size), READ_WRITE_EXECUTE
    ):
        raise OSError("fakegpu: this system lets no program change its own code")
    ctypes.memmove(address, code, len(code))


driver = ctypes.CDLL(str(FOLDER / "libcuda.so.1"), mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(str(FOLDER / "libcublas.so.13"), mode=ctypes.RTLD_GLOBAL)
driver.fake_error.restype = ctypes.c_char_p
driver.fake_peak.restype = driver.fake_counts.restype = ctypes.c_size_t


def _take_over() -> None:
    import cupy_backends.cuda.api.runtime as runtime

    begin = _loaded_at(runtime.__file__)
    for name, offset in _runtime_functions(runtime.__file__).items():
        ours = getattr(driver, f"fake_{name}", None)
        if ours is not None:
            _replace(begin + offset, _jump_to(ctypes.cast(ours, ctypes.c_void_p).value))
    import cupy

    if cupy.__version__ != CUPY:
        raise ImportError(f"fakegpu: knows CuPy {CUPY}, this is {cupy.__version__}")


_take_over()


def counts() -> dict[str, int]:
    """How often each kernel, product, copy and synchronisation ran since `clear()`."""
    room = driver.fake_counts(None, 0) + 1
    text = ctypes.create_string_buffer(room)
    driver.fake_counts(text, ctypes.c_size_t(room))
    lines = text.value.decode().splitlines()
    return {what: int(times) for times, what in (line.split(" ", 1) for line in lines)}


def clear() -> None:
    """Count from 0."""
    driver.fake_clear()


def peak(device: int) -> int:
    """The most bytes that were ever allocated on a device."""
    return driver.fake_peak(device)


def error() -> str:
    """What the last kernel or copy that failed did, "" if none did; all queued work runs first."""
    return driver.fake_error().decode()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown():
    """A kernel that fails in a queue, after its test's last synchronisation, fails that test."""
    if found := error():
        pytest.fail(f"fakegpu: {found}", pytrace=False)
