"""Profile mode counts what a GPU's memory would: sectors of 32 bytes, and passes over the banks."""

import platform
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.simulator.kernels.flops import KNOWN_MACHINES
from tinynet.simulator.kernels.profiling import table

SOURCE = Path(__file__).parent / "cuda" / "transpose.cu"
CODE = SOURCE.read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def default_settings(monkeypatch):
    """These tests themselves say in which mode and order a kernel runs."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT", "TINYNET_SIM_PEERS"):
        monkeypatch.delenv(name, raising=False)


def line_of(mark: str) -> int:
    return next(i for i, line in enumerate(CODE.splitlines(), 1) if f"// {mark}" in line)


def transposed(name: str, h: int, w: int) -> simulator.RawModule:
    """The module after one launch in profile mode, the result checked."""
    module = simulator.RawModule(code=f'#line 1 "transpose.cu"\n{CODE}', mode="profile")
    x, y = np.random.default_rng(0).random((h, w), np.float32), np.zeros((w, h), np.float32)
    kernel = module.get_function(f"transpose_{name}_kernel")
    kernel((-(-w // 32), -(-h // 32)), (32, 32), (y, x, np.int32(h), np.int32(w)))
    np.testing.assert_array_equal(y, x.T)
    return module


# 64 x 96 is 192 rows of 32: as many requests. A row of 32 floats is 4 sectors; a column is 32.
EXPECTED = {
    "naive": {"NAIVE READ": ("global", "read", 4), "NAIVE WRITE": ("global", "write", 32)},
    "tiled": {
        "TILED READ": ("global", "read", 4),
        "TILED STORE": ("shared", "write", 1),
        "TILED LOAD": ("shared", "read", 32),  # a column of the tile is in one bank
        "TILED WRITE": ("global", "write", 4),
    },
    "padded": {
        "PADDED READ": ("global", "read", 4),
        "PADDED STORE": ("shared", "write", 1),
        "PADDED LOAD": ("shared", "read", 1),
        "PADDED WRITE": ("global", "write", 4),
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_figures_of_a_transpose(name):
    found = {profile.line: profile for profile in transposed(name, 64, 96).profile()}
    assert len(found) == len(EXPECTED[name])
    for mark, (space, access, each) in EXPECTED[name].items():
        profile = found[line_of(mark)]
        assert (profile.file, profile.kernel) == ("transpose.cu", f"transpose_{name}_kernel")
        assert (profile.space, profile.access) == (space, access), mark
        assert (profile.requests, profile.lanes_per_request) == (192, 32), mark
        assert profile.per_request == each, mark


def test_lanes_that_do_not_ask_are_not_counted():
    found = {profile.line: profile for profile in transposed("naive", 5, 40).profile()}
    read = found[line_of("NAIVE READ")]
    assert (read.requests, read.lanes) == (10, 200)  # 5 rows of 32 and 5 of 8
    # Rows of 160 bytes from an aligned start: 32 floats are 4 sectors, the last 8 are 1.
    assert read.cost == 5 * 4 + 5 * 1


def test_figures_do_not_depend_on_the_order(monkeypatch):
    before = transposed("tiled", 64, 96).profile()
    monkeypatch.setenv("TINYNET_SIM_ORDER", "random:3")
    assert transposed("tiled", 64, 96).profile() == before


def test_launches_add_up_and_make_a_table():
    module = transposed("padded", 64, 96)
    x, y = np.zeros((64, 96), np.float32), np.zeros((96, 64), np.float32)
    kernel = module.get_function("transpose_padded_kernel")
    kernel((3, 2), (32, 32), (y, x, np.int32(64), np.int32(96)))
    assert {profile.requests for profile in module.profile()} == {384}
    lines = table(module.profile()).splitlines()
    assert lines[0].split() == ["kernel", "line", "memory", "requests", "lanes", "each"]
    row = next(line for line in lines if f"transpose.cu:{line_of('PADDED LOAD')}" in line)
    assert row.split()[2:] == ["shared", "read", "384", "32.0", "1.00", "bank", "passes"]


def test_a_broadcast_from_shared_memory_is_one_pass():
    code = """
    extern "C" __global__ void broadcast_kernel(float* y) {
      __shared__ float tile[64];
      tile[threadIdx.x] = 1.0f;
      __syncthreads();
      y[threadIdx.x] = tile[0] + tile[2 * (threadIdx.x % 32)];
    }"""
    module = simulator.RawModule(code=code, mode="profile")
    module.get_function("broadcast_kernel")((1,), (64,), (np.zeros(64, np.float32),))
    reads = [p for p in module.profile() if (p.space, p.access) == ("shared", "read")]
    assert [(p.requests, p.cost) for p in reads] == [(4, 2 * 1 + 2 * 2)]


def test_an_index_out_of_bounds_is_found_here_too():
    code = 'extern "C" __global__ void k(float* y) { y[threadIdx.x] = 0; }'
    kernel = simulator.RawModule(code=code, mode="profile").get_function("k")
    with pytest.raises(simulator.KernelError) as caught:
        kernel((1,), (32,), (np.zeros(31, np.float32),))
    assert caught.value.kind == "out of bounds"


def test_arrays_are_recorded_in_the_order_of_the_parameters():
    """Wherever they lie in memory, so that a page is the same each time it is made."""
    code = 'extern "C" __global__ void k(float* a, float* b, float* c) { *a = *b + *c; }'
    kernel = simulator.RawModule(code=code, mode="profile").get_function("k")
    room = np.zeros(300, np.float32)
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        args = tuple(room[100 * i : 100 * i + 1] for i in order)
        recording = kernel.record((1,), (1,), args)
        assert [memory.name for memory in recording.memories] == ["a", "b", "c"]
    overlapping = kernel.record((1,), (1,), (room[:2], room[9:], room[1:2]))
    assert [memory.name for memory in overlapping.memories] == ["a/c", "b"]


FLOPS = """
#include <cuda_fp16.h>
extern "C" __global__ void saxpy(float* y, const float* x) {  // 2 for each of 250
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < 250) y[i] += 2.5f * x[i];
}
__device__ double twice(double x) { return x + x; }           // 1
extern "C" __global__ void loops(double* y, const double* x) {
  int i = threadIdx.x;
  double sum = 0;
  for (int k = 0; k < i; ++k) sum += x[k] / 3;                // 2 each of 0 + 1 + ... + 31
  y[i] = twice(sum) - exp(sum) + rsqrt(x[i]);                 // 1 + 1, exp 1, + 1, 1 / sqrt 2
}
extern "C" __global__ void adds(float* y) { atomicAdd(y, 1.0f); }
extern "C" __global__ void halves(half* y, const half* x) {   // 1: the rounding is none
  y[threadIdx.x] = x[threadIdx.x] * y[threadIdx.x];
}
extern "C" __global__ void none(int* y, float* x) {
  y[threadIdx.x] = y[threadIdx.x] * 3 + 1;
  x[threadIdx.x] = x[threadIdx.x] < 0 ? -x[threadIdx.x] : (float)y[threadIdx.x];
}
"""


@pytest.mark.parametrize(
    ("kernel", "grid", "block", "types", "flops"),
    [
        ("saxpy", 4, 64, "ff", 2 * 250),
        ("loops", 1, 32, "dd", 2 * 496 + 32 * 6),
        ("adds", 1, 32, "f", 32),
        ("halves", 1, 32, "ee", 32),
        ("none", 1, 32, "if", 0),
    ],
)
def test_floating_point_operations_are_counted(kernel, grid, block, types, flops):
    if platform.machine() not in KNOWN_MACHINES:
        pytest.skip(f"instructions of {platform.machine()} are not read")
    module = simulator.RawModule(code=FLOPS, mode="profile")
    module.get_function(kernel)((grid,), (block,), tuple(np.ones(256, type_) for type_ in types))
    assert module.launches[0].flops == flops
