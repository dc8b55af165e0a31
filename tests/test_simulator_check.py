"""Check mode finds each seeded bug, at its line, and has nothing to say about the right twin."""

import re
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator

CUDA = Path(__file__).parent / "cuda"
CODE = {
    name: (CUDA / name).read_text(encoding="utf-8")
    for name in ("seeded_memory.cu", "seeded_threads.cu")
}

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


def marked(name: str) -> tuple[str, int, str]:
    """The file and line of the kernel's BUG mark, and the kind that the mark promises."""
    file = next(file for file, code in CODE.items() if f"void {name}(" in code)
    lines = CODE[file].splitlines()
    start = next(i for i, line in enumerate(lines) if f"void {name}(" in line)
    for number, line in enumerate(lines[start:], start + 1):
        mark = re.search(r"// BUG (.+)", line)
        if mark:
            return file, number, mark[1]
    raise AssertionError(f"{name} has no BUG mark")


def bugs() -> list[str]:
    return re.findall(r"void (\w+)_bug\(", "".join(CODE.values()))


@pytest.fixture(scope="module")
def module() -> simulator.RawModule:
    code = "".join(f'#line 1 "{file}"\n{code}' for file, code in CODE.items())
    return simulator.RawModule(code=code, mode="check")


# What each kernel is launched with: threads, n, and the rest by keyword.
LAUNCHES = {
    "past_the_end": (48, 40),
    "before_the_start": (32, 32),
    "shared_past_the_end": (32, 32),
    "dynamic_past_the_end": (32, 31),
    "warp_sync": (32, 32),
    "missing_barrier": (64, 64),
    "tree": (64, 64),
    "tile_reused": (64, 128),
    "uninitialised": (8, 40),
    "shared_uninitialised": (32, 32),
    "early_return": (64, 40),
    "two_barriers": (64, 64),
    "lanes_missing": (32, 32),
}


def run(module: simulator.RawModule, kernel: str) -> None:
    function = module.get_function(kernel)
    name = kernel.rsplit("_", 1)[0]
    if name == "scatter":
        argmax = np.array(
            [2, 0, 1, 0, 2, 0], np.int32
        )  # windows 0 and 1, 4 and 5 choose one element
        dx, dy = np.zeros(13, np.float32), np.ones(6, np.float32)
        function((2,), (4,), (dx, dy, argmax, np.int32(6)))
        np.testing.assert_array_equal(dx, [0, 0, 2, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0])
        return
    threads, n = LAUNCHES[name]
    y = np.zeros(40 if name == "past_the_end" else threads, np.float32)
    x = np.arange(n, dtype=np.float32)
    shared = 4 * 31 if name.startswith("dynamic") else 0
    function((1,), (threads,), (y, x, np.int32(n)), shared_mem=shared, uninitialised=("y",))


@pytest.mark.parametrize("order", ["forward", "reversed", "random:7"])
@pytest.mark.parametrize("name", bugs())
def test_seeded_bug_is_found_at_its_line(module, name, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    with pytest.raises(simulator.KernelError) as caught:
        run(module, f"{name}_bug")
    file, line, kind = marked(f"{name}_bug")
    error = caught.value
    assert (error.kind, error.file, error.line) == (kind, file, line), str(error)
    assert error.kernel == f"{name}_bug"
    assert "block (" in str(error) and "thread (" in str(error)


@pytest.mark.parametrize("order", ["forward", "reversed", "random:7"])
@pytest.mark.parametrize("name", bugs())
def test_right_twin_is_silent(module, name, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    run(module, f"{name}_right")


# ---------------------------------------------------------------- what the messages say


def failure(module: simulator.RawModule, kernel: str) -> simulator.KernelError:
    with pytest.raises(simulator.KernelError) as caught:
        run(module, kernel)
    return caught.value


def test_out_of_bounds_says_how_far(module):
    text = str(failure(module, "past_the_end_bug"))
    assert "write of y[40], past its 40 elements, by block (0,0,0) thread (40,0,0)" in text
    text = str(failure(module, "before_the_start_bug"))
    assert "read of x[-1], before its first element, by block (0,0,0) thread (0,0,0)" in text
    text = str(failure(module, "shared_past_the_end_bug"))
    assert "read of tile[32], past its 32 elements, by block (0,0,0) thread (31,0,0)" in text
    text = str(failure(module, "dynamic_past_the_end_bug"))
    assert "write of dynamic shared memory[31], past its 31 elements" in text


def test_race_names_both_sides(module):
    text = str(failure(module, "scatter_bug"))
    assert "dx[2] is " in text
    assert "block (0,0,0) thread (0,0,0)" in text
    assert "block (0,0,0) thread (1,0,0)" in text
    text = str(failure(module, "missing_barrier_bug"))
    file, line, _ = marked("missing_barrier_bug")
    assert f"at {file}:{line - 1}, with no barrier between" in text


def test_missing_threads_and_lanes_are_named(module):
    text = str(failure(module, "early_return_bug"))
    assert "reached by 40 threads of the block, but block (0,0,0) thread (63,0,0) has ended" in text
    text = str(failure(module, "lanes_missing_bug"))
    assert "mask 0xffffffff names lanes that never arrive: 16, 17, 18" in text


def test_an_element_of_a_matrix_is_named_by_row_and_column():
    code = 'extern "C" __global__ void k(float* y, const float* x) { y[0] = x[7]; }'
    kernel = simulator.RawModule(code=code, mode="check").get_function("k")
    x = np.zeros((3, 4), np.float32)
    with pytest.raises(
        simulator.KernelError, match=r"x\[7\], which is element \(1, 3\) of shape \(3, 4\)"
    ):
        kernel((1,), (1,), (np.zeros(1, np.float32), x), uninitialised=("x",))


def test_all_that_is_found_is_told():
    code = """#line 1 "two.cu"
extern "C" __global__ void k(float* y, const float* x) {
  y[0] = threadIdx.x;
  y[1] += x[threadIdx.x];
}"""
    kernel = simulator.RawModule(code=code, mode="check").get_function("k")
    with pytest.raises(simulator.KernelError) as caught:
        kernel((1,), (2,), (np.zeros(2, np.float32), np.zeros(2, np.float32)), uninitialised=("x",))
    found = [caught.value, *caught.value.others]
    kinds = {(error.kind, error.line) for error in found}
    assert kinds == {("race", 2), ("race", 3), ("uninitialised read", 3)}
    assert str(caught.value).count("two.cu:") >= len(found)


# ---------------------------------------------------------------- finer points


def check(body: str, threads: int = 64, blocks: int = 1, **kwargs: object) -> str | None:
    """The kind of error that a kernel with this body has, or None. y and x have 64 elements."""
    code = (
        f'extern "C" __global__ void k(float* y, const float* x) {{ int t = threadIdx.x; {body} }}'
    )
    kernel = simulator.RawModule(code=code, mode="check").get_function("k")
    y, x = np.zeros(64, np.float32), np.arange(64, dtype=np.float32)
    try:
        kernel((blocks,), (threads,), (y, x), **kwargs)
    except simulator.KernelError as error:
        return error.kind
    return None


SHARED = "__shared__ float s[64]; "
FINER = {
    "an atomic and a plain write": ("atomicAdd(&y[0], 1.0f); if (t == 5) y[0] = 0;", "race"),
    "atomics among themselves": ("atomicAdd(&y[t % 2], 1.0f);", None),
    "two warps, a barrier of one warp only": (
        SHARED + "s[t] = 1; __syncwarp(); y[t] = s[63 - t];", "race"),
    "one warp, a barrier of half of it": (
        SHARED + "s[t] = 1; if (t < 16) __syncwarp(0xffff); y[t] = s[t ^ 31];", "race"),
    "two barriers of half of it": (
        SHARED + "s[t] = 1; __syncwarp(0xffffu << (t & 16)); y[t] = s[t ^ 16];", "race"),
    "two barriers of half of it, each for its own": (
        SHARED + "s[t] = 1; __syncwarp(0xffffu << (t & 16)); y[t] = s[t ^ 15];", None),
    "two barriers of half of it, and one of all": (
        SHARED + "s[t] = 1; __syncwarp(0xffffu << (t & 16)); __syncwarp(); y[t] = s[t ^ 31];",
        None),
    "a chain of barriers": (
        SHARED + "s[t] = 1; int lane = t % 32; if (lane < 16) __syncwarp(0xffff);"
        "if (lane > 7) __syncwarp(~0xffu); if (lane == 31) y[t] = s[t - 31] + s[t - 16];", None),
    "memset, and a barrier": (
        SHARED + "if (t == 0) memset(s, 0, sizeof s); __syncthreads(); y[t] = s[t];", None),
    "memcpy past the end": ("if (t == 0) memcpy(y + 1, x, 64 * sizeof(float));", "out of bounds"),
    "memmove of what nobody has written": (
        SHARED + "if (t == 0) memmove(y, s, sizeof s);", "uninitialised read"),
    "a shuffle does not order memory": (
        SHARED + "s[t] = 1; __shfl_sync(~0u, t, 0); y[t] = s[t ^ 1];", "race"),
    "reading together is no race": (SHARED + "s[t] = x[0]; y[t] = s[t] + x[63];", None),
    "one thread may write and read": (SHARED + "s[t] = 1; s[t] += 2; y[t] = s[t];", None),
    "a mask without the lane itself": ("y[t] = __shfl_sync(0x0000ffffu, t, 0);", "warp"),
    "two groups of one warp": (
        "y[t] = t % 32 < 16 ? __shfl_sync(0xffffu, t, 0) : __shfl_sync(0xffff0000u, t, 16);", None),
    "the address of a local array": (
        "float a[4]; for (int i = 0; i < 4; ++i) a[i] = x[i]; y[t] = a[t % 4];", None),
}  # fmt: skip


@pytest.mark.parametrize("order", ["forward", "reversed", "random:11"])
@pytest.mark.parametrize("name", FINER)
def test_finer_points(name, order, monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_ORDER", order)
    body, kind = FINER[name]
    assert check(body) == kind


def test_blocks_are_not_ordered_even_by_a_barrier():
    assert check("y[t + blockIdx.x] = 1; __syncthreads();", threads=32, blocks=2) == "race"
    assert check("y[t + 32 * blockIdx.x] = 1; __syncthreads();", threads=32, blocks=2) is None
    assert check("if (blockIdx.x) y[40] = 1; else y[t] = y[40];", threads=32, blocks=2) == "race"


def test_shared_memory_starts_afresh_in_every_block():
    body = SHARED + "if (blockIdx.x == 0) s[t] = 1; y[t + 32 * blockIdx.x] = s[t];"
    assert check(body, threads=32) is None
    assert check(body, threads=32, blocks=2) == "uninitialised read"


def test_a_warp_that_the_block_does_not_fill():
    assert check("y[t] = __shfl_down_sync(0xffffffffu, t, 1);", threads=48) == "warp"
    half = "t < 32 ? 0xffffffffu : 0xffffu"
    assert check(f"y[t] = __shfl_down_sync({half}, t, 1);", threads=48) is None


def test_too_much_shared_memory():
    assert check("__shared__ float s[12289]; s[t] = 1; y[t] = s[t];") == "shared memory"
    assert check(SHARED + "s[t] = 1; y[t] = s[t];", shared_mem=48 * 1024) == "shared memory"
    assert check(SHARED + "s[t] = 1; y[t] = s[t];", shared_mem=48 * 1024 - 256) is None


def test_an_address_far_from_every_array():
    assert check("y[t] = x[(long long)t << 40];") == "out of bounds"


def test_what_a_failed_kernel_wrote_stays_in_its_copy():
    y = np.zeros(40, np.float32)
    code = 'extern "C" __global__ void k(float* y) { y[threadIdx.x] = 1; }'
    kernel = simulator.RawModule(code=code, mode="check").get_function("k")
    with pytest.raises(simulator.KernelError):
        kernel((1,), (41,), (y,))
    assert not y.any()
    kernel((1,), (40,), (y,))
    assert y.all()


def test_run_mode_lets_pass_what_a_gpu_lets_pass():
    """Nobody waits for threads that have ended, in a block or in a warp."""
    code = """extern "C" __global__ void k(float* y) {
      if (threadIdx.x >= 20) return;
      __syncthreads();
      y[threadIdx.x] = 1;
      __syncwarp();
      y[threadIdx.x] += y[19 - threadIdx.x];
    }"""
    y = np.zeros(32, np.float32)
    simulator.RawModule(code=code, mode="run").get_function("k")((1,), (32,), (y,))
    assert (y[:20] >= 2).all()
    with pytest.raises(simulator.KernelError):
        simulator.RawModule(code=code, mode="check").get_function("k")((1,), (32,), (y,))
