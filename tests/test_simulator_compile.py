"""Compiling kernels: errors at their line, the cache, and machines that lack things."""

import itertools
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.simulator.kernels import cache as kernel_cache
from tinynet.simulator.kernels import compiler

CODE = """#line 1 "double.cu"
extern "C" __global__ void double_kernel(REAL* y, const REAL* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = FACTOR * x[i];
}
"""
SCRIPT = f"""
import sys
import numpy as np
from tinynet.simulator import RawModule
x, y = np.arange(40, dtype=np.float32), np.zeros(40, np.float32)
print("ready", flush=True)
sys.stdin.readline()
module = RawModule(code={CODE!r}, options=("-DREAL=float", "-DFACTOR=2"))
module.get_function("double_kernel")((2,), (32,), (y, x, np.int32(40)))
assert (y == 2 * x).all()
"""

needs_compiler = pytest.mark.skipif(
    bool(simulator.unavailable()), reason=simulator.unavailable() or ""
)


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tinynet"


def double(factor: int = 2, real: str = "float", mode: str = "run", code: str = CODE) -> None:
    dtype = {"float": np.float32, "double": np.float64}[real]
    x, y = np.arange(40, dtype=dtype), np.zeros(40, dtype)
    options = (f"-DREAL={real}", f"-DFACTOR={factor}")
    module = simulator.RawModule(code=code, options=options, mode=mode)
    module.get_function("double_kernel")((2,), (32,), (y, x, np.int32(40)))
    np.testing.assert_array_equal(y, factor * x)


# ---------------------------------------------------------------- errors and options


@needs_compiler
@pytest.mark.parametrize("file", ["double.cu", "/somewhere/else/double.cu", "kernels/double.cu"])
def test_an_error_names_file_and_line(cache, file):
    code = CODE.replace("double.cu", file).replace("FACTOR", "factor")
    with pytest.raises(simulator.KernelError, match="factor is not known: neither") as caught:
        double(code=code)
    error = caught.value
    assert (error.kind, error.file, error.line) == ("compile", file, 3)
    assert str(error).startswith(f"{file}:3: compile:")


@needs_compiler
def test_a_file_by_its_full_path_in_a_finding(cache):
    code = CODE.replace("double.cu", "/somewhere/else/double.cu").replace("i < n", "i <= n")
    with pytest.raises(simulator.KernelError) as caught:
        double(code=code, mode="check")
    assert (caught.value.file, caught.value.line) == ("/somewhere/else/double.cu", 3)


@needs_compiler
def test_shared_memory_that_cannot_be_read(cache):
    code = '#line 1 "s.cu"\nextern "C" __global__ void k() {\n  __shared__ float (*p)[3];\n}'
    with pytest.raises(simulator.KernelError, match="cannot read this declaration") as caught:
        simulator.RawModule(code=code).get_function("k")
    assert (caught.value.kind, caught.value.file, caught.value.line) == ("compile", "s.cu", 2)


@needs_compiler
def test_options_of_nvrtc():
    assert compiler.host_options(("-DA=1", "-D", "B", "--define-macro=C=2", "-I/x", "-UD")) == [
        "-DA=1", "-DB", "-DC=2", "-I/x", "-UD",
    ]  # fmt: skip
    of_a_gpu = ("--use_fast_math", "--std=c++17", "-lineinfo", "-arch=sm_80", "--fmad=false")
    assert compiler.host_options(of_a_gpu) == []
    with pytest.raises(ValueError, match="'-O7' is not an option that NVRTC takes"):
        compiler.host_options(("-O7",))


# ---------------------------------------------------------------- the cache


@needs_compiler
def test_a_kernel_is_compiled_once(cache, monkeypatch):
    double()
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert sum(path.suffix == ".so" for path in before) == 1
    monkeypatch.setattr(subprocess, "run", None)  # a second compiler run would fail
    double()
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before


@needs_compiler
def test_other_text_options_and_modes_are_other_kernels(cache):
    double()
    for change in ({"factor": 3}, {"real": "double"}, {"mode": "check"}, {"code": CODE + "// new"}):
        before = len(list(cache.glob("*.so")))
        double(**change)
        assert len(list(cache.glob("*.so"))) == before + 1, change


@needs_compiler
def test_two_processes_compile_one_kernel_at_once(cache):
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all are ready: now they race
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    left = [path.suffix for path in cache.iterdir()]
    assert left.count(".so") == 1
    assert set(left) == {".o", ".so"}  # and no temporary folder is left behind


@needs_compiler
def test_a_half_written_file_is_never_found_under_its_name(cache, monkeypatch):
    """The compiler writes elsewhere, and the finished file is moved to its place."""
    targets = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (targets.append((a, b)), replace(a, b)))
    double()
    assert targets
    for made, kept in targets:
        assert Path(made).parent != Path(kept).parent
        assert Path(kept).parent == cache


@needs_compiler
def test_a_cache_folder_that_cannot_be_written(tmp_path, monkeypatch):
    occupied = tmp_path / "a file"
    occupied.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    folder = kernel_cache.cache_folder()
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path)
    double()
    assert list(folder.glob("*.so"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_cache_folder_without_permission(tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setenv("XDG_CACHE_HOME", str(locked))
    assert not kernel_cache.cache_folder().is_relative_to(tmp_path)


def test_the_cache_is_the_users_alone_whatever_the_umask(cache):
    for umask in (0, 0o777):
        before = os.umask(umask)
        try:
            assert kernel_cache.cache_folder() == cache
        finally:
            os.umask(before)
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        cache.rmdir()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o722])
def test_a_cache_to_which_others_may_write_is_not_used(cache, mode, capsys):
    """They may have put a library there."""
    cache.mkdir(parents=True)
    cache.chmod(mode)
    folder = kernel_cache.cache_folder()
    assert not folder.is_relative_to(cache) and stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert kernel_cache.cache_folder() == folder
    (told,) = capsys.readouterr().err.splitlines()
    assert f"compiled anew for this process, not kept: {cache} can be written to by other" in told
    cache.chmod(0o755)
    assert kernel_cache.cache_folder() == cache


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives folders away")
@pytest.mark.parametrize("what", ["folder", "link"])
def test_a_cache_of_another_user_is_not_used(cache, tmp_path, what, capsys):
    """As it is in a shared folder such as /tmp, where whoever comes first makes it."""
    cache.parent.mkdir()
    if what == "folder":
        cache.mkdir()
    else:
        (tmp_path / "mine").mkdir()
        cache.symlink_to(tmp_path / "mine")
    os.lchown(cache, 1, 1)
    assert not kernel_cache.cache_folder().is_relative_to(tmp_path)
    assert f"{cache} belongs to another user" in capsys.readouterr().err


DAMAGES = (
    lambda data: data[: len(data) // 2],
    lambda data: b"",
    lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
    lambda data: bytes(len(data)),
)


@needs_compiler
def test_what_is_damaged_is_made_again(cache):
    """A library or object that is cut short, empty, of zeros, or has one bit flipped."""
    run_script()  # by others: what this process has loaded must stay whole
    good = sorted({*cache.iterdir()} - {*cache.glob("probe-*")})
    assert len(good) >= len(DAMAGES)
    for path, damage in zip(good, itertools.cycle(DAMAGES)):
        path.write_bytes(damage(path.read_bytes()))
        assert kernel_cache.content(path) is None
    run_script()
    assert all(kernel_cache.content(path) for path in good)


def run_script():
    subprocess.run([sys.executable, "-c", SCRIPT], input="go\n", text=True, check=True)


def make(size):
    return lambda path: path.write_bytes(bytes(size))


@pytest.mark.parametrize("age", [2 * kernel_cache.DAY, 2 * kernel_cache.MINUTE])
def test_what_was_not_used_for_longest_is_removed(cache, monkeypatch, age):
    monkeypatch.setattr(kernel_cache, "MOST", 3500)
    before, days_ago = time.time() - age, time.time() - 2 * kernel_cache.DAY
    names = [f"kernel-{number:024x}.so" for number in range(5)]
    for number, name in enumerate(names[:3]):
        path = kernel_cache.kept(name, make(1000))
        os.utime(path, (before + number, before + number))
    (cache / "of mine.txt").write_bytes(bytes(9000))
    workshop, killed = cache / "making-now", cache / "making-then"
    workshop.mkdir()
    killed.mkdir()
    os.utime(killed, (days_ago, days_ago))
    kernel_cache.kept(names[0], make(1000))  # used again
    kernel_cache.kept(names[3], make(1000))
    assert {path.name for path in cache.iterdir()} == {
        names[0], names[2], names[3], "of mine.txt", "making-now",
    }  # fmt: skip
    assert kernel_cache.kept(names[4], make(5000)).exists()  # too large, but it is needed now


# ---------------------------------------------------------------- compilers


@pytest.mark.parametrize("program", ["true", "false", "no program"])
def test_a_compiler_that_is_none(cache, tmp_path, monkeypatch, program):
    path = shutil.which(program)
    if path is None:
        path = tmp_path / program
        path.write_bytes(b"\x7fELF")
        path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))
    assert f"{path} compiles nothing (CXX names it)" in simulator.unavailable()
    with pytest.raises(simulator.CompilerMissing, match="needs a C..? compiler"):
        double()


@pytest.mark.parametrize(
    ("cxx", "reason"), [("", "g++ or clang++ is not"), ("no-such-c++", "CXX names no-such-c++")]
)
def test_without_a_compiler_one_line_says_so(cache, monkeypatch, cxx, reason):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CXX", cxx)
    message = simulator.unavailable()
    assert reason in message
    assert "apt install g++" in message
    assert "\n" not in message
    with pytest.raises(simulator.CompilerMissing, match="needs a C..? compiler"):
        double()


@pytest.mark.skipif(not compiler.found("clang++"), reason="clang++ is not on PATH")
@pytest.mark.parametrize("mode", ["run", "check", "profile"])
def test_clang(cache, monkeypatch, mode):
    monkeypatch.setenv("CXX", "clang++")
    double(mode=mode)
    with pytest.raises(simulator.KernelError) as caught:
        double(mode="check", code=CODE.replace("i < n", "i <= n"))
    assert (caught.value.kind, caught.value.line) == ("out of bounds", 3)


SUM = """
extern "C" __global__ void sum_kernel(float* y, const float* x) {
  __shared__ float part[256];
  int t = threadIdx.x;
  part[t] = x[blockIdx.x * 256 + t];
  __syncthreads();
  for (int half = 128; half >= 32; half /= 2) {
    if (t < half) part[t] += part[t + half];
    __syncthreads();
  }
  float sum = part[t % 32];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (t == 0) y[blockIdx.x] = sum;
}
"""


@needs_compiler
@pytest.mark.parametrize("mode", ["run", "check"])
@pytest.mark.parametrize("switch", ["", "portable"])
def test_both_ways_to_change_fibers(monkeypatch, switch, mode):
    monkeypatch.setenv("TINYNET_SIM_SWITCH", switch)
    kernel = simulator.RawModule(code=SUM, mode=mode).get_function("sum_kernel")
    x, y = np.arange(5 * 256, dtype=np.float32).reshape(5, 256), np.zeros(5, np.float32)
    for _ in range(3):
        kernel((5,), (256,), (y, x))
        np.testing.assert_array_equal(y, x.sum(axis=1))
