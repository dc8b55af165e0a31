"""Check mode knows what a fence and an atomic hand over: locks, counters of what is done."""

import numpy as np
import pytest

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")

CODE = """\
#line 1 "fences.cu"
#ifndef FENCE
#define FENCE __threadfence()
#endif
extern "C" {
__device__ unsigned int done;
__device__ int lock;

__global__ void last_block(float* y, float* partial, const float* x) {
  __shared__ float sums[32];
  __shared__ bool last;
  sums[threadIdx.x] = x[blockIdx.x * 32 + threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    float sum = 0;
    for (int i = 0; i < 32; ++i) sum += sums[i];
    partial[blockIdx.x] = sum;                                // WRITTEN
    FENCE;
    last = atomicInc(&done, gridDim.x) == gridDim.x - 1;
  }
  __syncthreads();
  if (last) {
    sums[threadIdx.x] = threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0;   // READ
    __syncthreads();
    if (threadIdx.x > 0) return;
    y[0] = 0;
    for (int i = 0; i < 32; ++i) y[0] += sums[i];
    done = 0;
  }
}

__global__ void too_early(float* y, float* partial) {
  FENCE;
  partial[blockIdx.x] = 1;
  if (atomicInc(&done, gridDim.x - 1) < gridDim.x - 1) return;
  for (int i = 0; i < gridDim.x; ++i) y[0] += partial[i];     // EARLY
}

__global__ void locked(int* y) {
  if (threadIdx.x % 16) return;
  while (atomicCAS(&lock, 0, 1) != 0) {
  }
  FENCE;
  y[0] += 1;                                                  // INSIDE
  FENCE;
  atomicExch(&lock, 0);
  y[OUTSIDE] += 1;                                            // OUTSIDE
}

__global__ void whole_block(int* y, int* flag) {              // all write, one gives the sign
  if (blockIdx.x == 0) {
    y[threadIdx.x] = threadIdx.x;
    BARRIER;
    FENCE;
    if (threadIdx.x == 0) atomicExch(flag, 1);
  } else {
    if (threadIdx.x == 0) atomicAdd(flag, 0);
    __syncthreads();
    y[blockIdx.x * blockDim.x + threadIdx.x] = y[threadIdx.x];                // COPIED
  }
}
}
"""


@pytest.fixture(autouse=True, params=["forward", "reversed"])
def order(request, monkeypatch):
    for name in ("TINYNET_SIM", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TINYNET_SIM_ORDER", request.param)
    return request.param


def line_of(mark):
    return next(i for i, line in enumerate(CODE.splitlines()) if f"// {mark}" in line)


def launch(kernel, grid, block, *args, **macros):
    """The lines where races are, after a launch."""
    macros = {
        "OUTSIDE": "blockDim.x * blockIdx.x + threadIdx.x + 1",
        "BARRIER": "__syncthreads()",
    } | macros
    options = tuple(f"-D{name}={value}" for name, value in macros.items())
    function = simulator.RawModule(code=CODE, options=options, mode="check").get_function(kernel)
    try:
        function((grid,), (block,), args)
    except simulator.KernelError as error:
        assert {each.kind for each in (error, *error.others)} == {"race"}
        return {each.line for each in (error, *error.others)}
    return set()


def test_the_last_block_may_read_what_the_others_wrote():
    x, y = np.arange(128, dtype=np.float32), np.zeros(1, np.float32)
    assert launch("last_block", 4, 32, y, np.zeros(4, np.float32), x) == set()
    assert y[0] == x.sum()


def test_but_not_without_a_fence():
    x, y = np.arange(128, dtype=np.float32), np.zeros(1, np.float32)
    assert launch("last_block", 4, 32, y, np.zeros(4, np.float32), x, FENCE="") == {line_of("READ")}


def test_nor_with_a_fence_for_the_block_alone_nor_with_one_before_what_is_written():
    x, y, fence = np.arange(128, dtype=np.float32), np.zeros(1, np.float32), "__threadfence_block()"
    found = launch("last_block", 4, 32, y, np.zeros(4, np.float32), x, FENCE=fence)
    assert found == {line_of("READ")}
    assert launch("too_early", 4, 1, y, np.zeros(4, np.float32)) == {line_of("EARLY")}


def test_a_lock_lets_one_in_after_the_other():
    y = np.zeros(300, np.int32)
    assert launch("locked", 4, 64, y) == set()
    assert y[0] == 16
    y[:] = 0
    assert launch("locked", 1, 64, y, FENCE="__threadfence_block()") == set()


@pytest.mark.parametrize("macros", [{"FENCE": ""}, {"OUTSIDE": "0"}])
def test_but_not_without_fences_nor_after_it_is_open(macros):
    found = launch("locked", 2, 64, np.zeros(300, np.int32), **macros)
    assert found and found <= {line_of("INSIDE"), line_of("OUTSIDE")}
    assert (line_of("OUTSIDE") in found) == ("OUTSIDE" in macros)


def test_a_sign_speaks_for_the_block_behind_its_barrier(order):
    """In reversed order the sign is given after it was looked for, which orders nothing."""
    y, flag = np.zeros(64, np.int32), np.zeros(1, np.int32)
    races = {line_of("COPIED")} if order == "reversed" else set()
    assert launch("whole_block", 2, 32, y, flag) == races
    assert launch("whole_block", 2, 32, y, flag, BARRIER="") == {line_of("COPIED")}
