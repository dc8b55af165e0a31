"""A warp's run, line by line, against what was worked out by hand: which lanes, sectors, passes."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator

SOURCE = Path(__file__).parent / "cuda" / "patterns.cu"
LINES = SOURCE.read_text(encoding="utf-8").splitlines()

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(scope="module")
def module():
    code = "\n".join(LINES)
    return simulator.RawModule(code=f'#line 1 "patterns.cu"\n{code}', mode="profile")


def marks():
    """kernel -> {line: what stands after its `// =`}; a function called belongs to what follows."""
    found, waiting = {}, {}
    for number, line in enumerate(LINES, 1):
        if mark := re.search(r"// = (.+)", line):
            waiting[number] = mark[1]
        if line == "}" and "calls" not in found:
            name = next(
                match[1]
                for text in reversed(LINES[:number])
                if (match := re.search(r"(?:void|float) (\w+)\(", text))
            )
            if name != "steps_of":
                found[name], waiting = waiting, {}
    return found


MARKS = marks()


def launched(module, kernel):
    dtype = np.float64 if kernel == "doubles" else np.float32
    y, x = np.zeros(512, dtype), np.arange(512, dtype=dtype)
    return module.get_function(kernel).record((1,), (32,), (y, x))


@pytest.mark.parametrize("kernel", MARKS)
def test_a_warp_runs_as_worked_out_by_hand(module, kernel):
    if kernel == "breaks" and "clang" in os.environ.get("CXX", ""):
        pytest.skip("clang++ has code for each break, which g++ does without: one more step")
    recording = launched(module, kernel)
    assert recording.error is None
    masks, costs = {}, Counter()
    for step in recording.warps[0, 0]:
        masks.setdefault(step.line, []).append(f"{step.lanes:08x}")
    for profile in recording.profile:
        costs[profile.line, profile.space] += profile.cost
    found = {}
    for line in MARKS[kernel]:
        parts = [" ".join(masks[line])]
        for unit, space in (("passes", "shared"), ("sectors", "global")):
            if (line, space) in costs:
                parts.append(f"{unit} {costs.pop((line, space))}")
        found[line] = "; ".join(parts)
    assert found == MARKS[kernel]
    assert not costs  # no load or store on any other line


def test_there_are_a_dozen_patterns():
    assert len(MARKS) >= 12 and all(MARKS.values())


def test_what_each_lane_loads_and_stores_is_recorded(module):
    (read,), (write,) = [
        step.accesses for step in launched(module, "stride_two").warps[0, 0] if step.accesses
    ]
    assert (read.kind, write.kind) == ("read", "write")
    assert read.offsets.tolist() == list(range(0, 256, 8))
    assert write.offsets.tolist() == list(range(0, 128, 4))
    values = np.arange(0, 64, 2, dtype=np.float32)  # x is 0, 1, 2, ...
    for access in (read, write):
        assert access.values[:, :4].copy().view(np.float32).ravel().tolist() == values.tolist()


def test_lines_say_how_many_lanes_ran_them_and_how_often_they_parted(module):
    runs = {run.line: run for run in launched(module, "trips").runs}
    line = next(i for i, text in enumerate(LINES, 1) if "i < t % 4" in text)
    loop, body = runs[line], runs[line + 1]
    assert (loop.runs, loop.lanes) == (4, 32 + 24 + 16 + 8)
    assert (body.runs, body.lanes) == (3, 24 + 16 + 8)
    # Each time some leave and some go on, but the last, when all leave: 2 + 2 + 2 + 1 ways.
    assert (loop.branches, loop.parted, loop.passes) == (4, 3, 7)
    assert (body.branches, body.parted, body.passes) == (0, 0, 0)


@pytest.mark.parametrize("kernel", MARKS)
def test_the_steps_add_up_to_the_counts(module, kernel):
    recording = launched(module, kernel)
    runs, requests = Counter(), Counter()
    for step in recording.warps[0, 0]:
        runs[step.line] += 1
        requests.update((step.line, access.kind) for access in step.accesses)
    assert runs == {run.line: run.runs for run in recording.runs}
    counted = Counter()
    for profile in recording.profile:
        counted[profile.line, profile.access] += profile.requests
    assert requests == counted


def test_only_the_warps_asked_for_are_recorded(module):
    y, x = np.zeros(512, np.float32), np.zeros(512, np.float32)
    kernel = module.get_function("stride_two")
    recording = kernel.record((4,), (64,), (y, x), blocks=range(1, 3), warps=[1])
    assert list(recording.warps) == [(1, 1), (2, 1)]
    assert recording.grid == (4, 1, 1) and not recording.full
    assert {profile.requests for profile in recording.profile} == {8}  # of all warps


def test_what_stops_a_kernel_is_in_the_recording_with_what_came_before(module):
    y, x = np.zeros(512, np.float32), np.zeros(40, np.float32)
    recording = module.get_function("stride_two").record((1,), (32,), (y, x))
    assert recording.error.kind == "out of bounds"
    assert LINES[recording.error.line - 1].lstrip().startswith("const float value = x[2 * t]")


def test_barriers_and_warp_wide_operations_are_steps_of_their_own(module):
    code = """
    extern "C" __global__ void k(float* y) {
      __shared__ float tile[64];
      tile[threadIdx.x] = 1;
      __syncthreads();
      y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, tile[63 - threadIdx.x], 1);
    }"""
    module = simulator.RawModule(code=code, mode="profile")
    recording = module.get_function("k").record((1,), (64,), (np.zeros(64, np.float32),))
    for warp in (0, 1):
        kinds = [(step.line, step.kind) for step in recording.warps[0, warp]]
        apart = [kind for kind in kinds if kind[1] != "line"]
        assert apart == [(5, "barrier"), (6, "warp")]


ENDLESS = """
extern "C" __global__ void empty_kernel(float* y) {
  for (volatile int i = 0;; ++i) {
    if (i < 0) break;
  }
}
extern "C" __global__ void stores_kernel(float* y, int n) {
  y[threadIdx.x] = 1;
  for (int i = 0; i < n; ++i) y[64 + threadIdx.x] += i;
  y[n] = 2;
}"""


@pytest.mark.parametrize(("seconds", "kind"), [("0.05", "time limit"), ("60", "trace")])
def test_a_kernel_that_never_ends_is_stopped(monkeypatch, seconds, kind):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", seconds)
    module = simulator.RawModule(code=ENDLESS, mode="profile")
    with pytest.raises(simulator.KernelError) as caught:
        module.get_function("empty_kernel")((1,), (32,), (np.zeros(32, np.float32),))
    assert caught.value.kind == kind and caught.value.line in (3, 4)


def test_what_was_run_before_a_kernel_was_stopped_is_recorded():
    module = simulator.RawModule(code=ENDLESS, mode="profile")
    y = np.zeros(128, np.float32)
    recording = module.get_function("stores_kernel").record((2,), (64,), (y, np.int32(2)))
    assert recording.error is None and y[2] == 2
    recording = module.get_function("stores_kernel").record((2,), (64,), (y, np.int32(200)))
    assert recording.error.kind == "out of bounds" and recording.error.line == 10
    lines = {step.line for step in recording.warps[0, 0]}
    assert {8, 9} <= lines  # what was run before
