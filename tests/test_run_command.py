"""`python -m tinynet.kernels run`: any kernel of any .cu file, launched by CUDA's own line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kernel_runs import CLEAN, command, in_a_folder_of_its_own, refused

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")

# As books print it: the kernel in a whole program, whose other half is the host's.
PROGRAM = """\
#include <stdio.h>
#include <cuda_runtime.h>
#include <vector>
#define CHECK(call) do { if ((call) != cudaSuccess) exit(1); } while (0)
__constant__ float slope[2];
__device__ int counter, histogram[2][2] = {{1, 2}, {3, 4}};

float *h_x;  /* the host's */
std::vector<float> results(1 << 20);

__global__ void saxpy(float *y, const float *x, int n, float a) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
template <typename T, int N = 32>
__global__ void reversed(T *y, const T *x) {
  __shared__ T tile[N];
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[N - 1 - threadIdx.x];
}
namespace lib {
__device__ float twice(float x) { return 2 * x; }
__global__ void line(float *y) {
  y[threadIdx.x] = slope[0] * twice(threadIdx.x) + slope[1];
  atomicAdd(&counter, 1);
  histogram[1][1] += 1;
}
}
int reduced_on_the_host(int n) { return n / 2; }
__global__ void wrong_side(int *y) { y[0] = reduced_on_the_host(4); }
__global__ void unknown(float *y) { y[0] = __shfl_fancy_sync(~0u, y[0], 1); }
__global__ void typo(float *y) { y[0] = 1 }
template <typename T> __global__ void twin(T *y) { y[0] = 1; }
template <typename T> __global__ void twin(T *y, int n) { y[0] = n; }

int main() {
  float *d_x, *h_y = (float *)malloc(sizeof(float) << 20);
  CHECK(cudaMalloc(&d_x, sizeof(float) << 20));
  saxpy<<<4096, 256>>>(d_x, d_x, 1 << 20, 2.0f);
  CHECK(cudaDeviceSynchronize());
  printf("done\\n");
}
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    in_a_folder_of_its_own(tmp_path, monkeypatch, PROGRAM)


@pytest.fixture
def run(capfd):
    return command(capfd)


def line_of(text):
    return next(i for i, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


# ------------------------------------------------------------------------------- what runs


def test_a_kernel_of_a_whole_program(run):
    launch = "saxpy<<<4, 64>>>(y=ones(256), arange(256), 250, 2.0f)"
    status, out, err = run(launch, "--save", "y=y.npy")
    assert (status, out) == (0, "")
    assert err.startswith(
        f"note: my.cu:{line_of('int reduced_on')}: code of the host is left alone"
    )
    assert "(reduced_on_the_host and main)" in err
    y = np.load("y.npy")
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.where(np.arange(256) < 250, 2 * np.arange(256) + 1, 1))


@pytest.mark.parametrize(
    ("expression", "dtype"), [("float, 8", "f4"), ("int, 8", "i4"), ("double, 8", "f8")]
)
def test_instances_of_a_template(run, expression, dtype):
    launch = f"reversed<{expression}><<<1, 8>>>(y=empty(8), arange(8))"
    assert run(launch, "--check", "--save", "y=y.npy")[:2] == (0, CLEAN)
    y = np.load("y.npy")
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.arange(8)[::-1])


def test_a_template_with_a_default_is_launched_with_and_without_it(run):
    for expression in ("<float>", "<float, 32>"):
        assert run(f"reversed{expression}<<<1, 32>>>(empty(32), arange(32))")[0] == 0


def test_launches_share_arrays_and_run_in_order(run):
    status, out, _ = run(
        "saxpy<<<1, 4>>>(y=zeros(4), x=ones(4), 4, 3)",
        "saxpy<<<1, 4>>>(x, y, 4, 1); saxpy<<<1, 4>>>(y, x, 4, 1)",
        "--print", "y", "--print", "x",
    )  # fmt: skip
    assert (status, out) == (0, "y float32 (4,)\n[7. 7. 7. 7.]\nx float32 (4,)\n[4. 4. 4. 4.]\n")


def test_variables_of_the_device(run):
    status, out, err = run(
        "slope=arange(2)", "lib::line<<<1, 4>>>(y=empty(4))",
        "counter=10; line<<<1, 1>>>(empty(1))", *("--print", "y", "--print", "counter"),
        "--print", "histogram",
    )  # fmt: skip
    assert (status, "__constant__" in err) == (0, False)
    y, counter = "y float32 (4,)\n[1. 1. 1. 1.]\n", "counter int32 ()\n11\n"
    assert out == f"{y}{counter}histogram int32 (2, 2)\n[[1 2]\n [3 9]]\n"


def test_constant_memory_that_nobody_filled_is_told(run):
    status, _, err = run("line<<<1, 4>>>(empty(4))")
    assert status == 0
    assert "note: slope: __constant__ memory that the host would fill is zero here" in err


def test_random_is_the_same_for_a_seed(run):
    launch = "saxpy<<<1, 64>>>(y=random(64), random(64), 64, 1)"
    drawn = []
    for flags in ([], ["--seed", "0"], ["--seed", "1"]):
        run(launch, "--save", "y=y.npy", *flags)
        drawn.append(np.load("y.npy"))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_built_in_kernel_by_its_files_name(run):
    launch = "relu_forward<<<2, 64>>>(y=empty(100), arange(100), 100)"
    status, out, err = run(launch, "--check", "--print", "y", file="activation")
    assert (status, err) == (0, "")
    assert out.startswith(CLEAN + "y float32 (100,)\n[ 0.  1.  2.")
    status, out, _ = run(launch, "-D", "REAL=double", "--print", "y", file="activation.cu")
    assert (status, out.startswith("y float64 (100,)")) == (0, True)


def test_an_included_file_of_the_same_folder(run, tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "math.cuh").write_text(
        "#pragma once\n#define SQUARE(x) ((x) * (x))\n__device__ int cube(int x, int *y) {\n"
        "  y[x] = 1;\n  return x * SQUARE(x);\n}\n"
    )
    (tmp_path / "uses.cu").write_text(
        '#include "include/math.cuh"\n#include "include/math.cuh"\n'
        "__global__ void k(int *y) {\n  y[threadIdx.x] = cube(threadIdx.x, y);\n}\n"
    )
    status, out, _ = run("k<<<1, 3>>>(y=zeros(3))", "--print", "y", file="uses.cu")
    assert (status, out) == (0, "y int32 (3,)\n[0 1 8]\n")
    status, out, _ = run("k<<<1, 3>>>(y=zeros(2))", "--check", file="uses.cu")
    assert status == 1
    assert out.startswith("include/math.cuh:4: k: out of bounds: write of y[2]")


# ------------------------------------------------------------------------------- what is found


def test_a_finding_of_check_mode(run):
    status, out, _ = run("saxpy<<<1, 64>>>(zeros(63), x=empty(64), 64, 1)", "--check")
    assert status == 1
    found = out.splitlines()
    assert found[0].startswith(f"my.cu:{line_of('a * x[i]')}: saxpy: out of bounds: read of y[63]")
    assert "uninitialised read: x[0] is read" in found[1]


OUTSIDE = """\
__global__ void outside(char *y, int first, char value) { (y + first)[threadIdx.x] = value; }
__global__ void shared(char *y) {
  extern __shared__ char tile[];
  tile[threadIdx.x] = y[0];
}
"""


@pytest.mark.parametrize(
    ("launch", "where"),
    [
        ("outside<<<1, 1>>>(y=zeros(5), 5, 0)", "after y"),
        ("outside<<<1, 1024>>>(y=zeros(5), 64000, 1)", "after y"),
        ("outside<<<1, 1>>>(y=zeros(0), 0, -1)", "after y"),
        ("outside<<<1, 2>>>(y=zeros(5), -1, 0)", "before y"),
        ("shared<<<1, 4>>>(ones(4))", "after dynamic shared memory"),
        ("shared<<<1, 4, 3>>>(ones(4))", "after dynamic shared memory"),
        ("outside<<<1, 5>>>(y=zeros(5), 0, 1)", None),
        ("shared<<<1, 4, 4>>>(ones(4))", None),
    ],
)
def test_what_is_written_outside_is_found_without_check_mode(run, tmp_path, launch, where):
    """It would damage the process instead, which died later, or gave another array's results."""
    (tmp_path / "outside.cu").write_text(OUTSIDE)
    status, out, _ = run(launch, file="outside.cu")
    assert status == (1 if where else 0)
    found = f": out of bounds: something was written {where}; check mode (--check) says where"
    assert (found in out) if where else out == ""


@pytest.mark.parametrize("flags", [(), ("--check",)])
def test_a_pointer_that_the_compiler_knows_to_be_null_is_followed(run, tmp_path, flags):
    """To a C++ compiler such code cannot be reached: all that leads to it vanished."""
    code = "__global__ void unset(int *y) { int *p = nullptr; y[0] = 3; *p = 1; }\n"
    (tmp_path / "unset.cu").write_text(code)
    status, out, _ = run("unset<<<1, 1>>>(y=zeros(1))", *flags, file="unset.cu")
    assert status == 1 and out.startswith("unset.cu:1: unset: crash: access to memory that does")


def test_a_variable_of_the_device_is_watched(run):
    status, out, _ = run("line<<<2, 4>>>(empty(4))", "--check")
    assert status == 1
    assert f"my.cu:{line_of('histogram[1][1]')}: lib::line: race: histogram[3], which is" in out


def test_profile(run):
    status, out, _ = run("saxpy<<<1, 64>>>(zeros(64), zeros(64), 64, 1)", "--profile")
    assert status == 0
    at = f"  my.cu:{line_of('a * x[i]')}  if (i < n) y[i] = a * x[i] + y[i];\n"
    assert at + "      global read    4.00 sectors x       4 requests of 32.0 lanes" in out
    assert "FLOP are" in out and ("\n    128 FLOP\n" in out or "FLOP are not counted: " in out)


def test_expected_results(run):
    np.save("y.npy", np.array([1, 2, 3.3, 4.4], np.float32))
    launch = "saxpy<<<1, 4>>>(y=ones(4), arange(4), 4, 1)"
    assert run(launch, "--expect", "y=y.npy")[:2] == (
        1, "y[2] is 3.0, y.npy has 3.3; 2 of 4 elements differ (rtol 1e-05, atol 1e-08)\n",
    )  # fmt: skip
    assert run(launch, "--expect", "y=y.npy", "--rtol", "0.1")[:2] == (
        0, "y is as in y.npy: 4 elements, rtol 0.1, atol 1e-08\n",
    )  # fmt: skip


# ------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        ("saxpy<<<4>>>()", "error: launch line, character 10: wanted a comma and the block"),
        ("", "error: no launch, such as k<<<1, 32>>>(...), of a kernel: saxpy(y, x, n, a); "),
        ("saxp<<<1, 1>>>()", "error: my.cu: no kernel is called saxp; there are: saxpy, reversed"),
        ("saxpy<float><<<1, 1>>>()", "saxpy is no template"),
        ("reversed<<<1, 1>>>()", "reversed is a template: launch an instance of template <type"),
        ("reversed<3><<<1, 1>>>()", "error: reversed<3> does not fit: my.cu:"),
        ("reversed<real><<<1, 1>>>()", "error: my.cu: reversed<real>: real is not known"),
        ("twin<int><<<1, 1>>>()", "error: twin<int> may be any of several: my.cu:"),
        ("saxpy<<<1, 1>>>(zeros(3), zeros(3))", "takes 4 arguments (float* y, const float* x"),
        ("saxpy<<<1, 1>>>(1, zeros(3), 3, 2)", "character 17: wanted an array"),
        ("saxpy<<<1, 1>>>(zeros(3), y, 3, 2)", "no array is called y (named: none yet)"),
        ("saxpy<<<1, 1>>>(zeros(3), zeros(3), 2.5, 2)", "wanted an integer (int), got 2.5"),
        ("saxpy<<<1, 1>>>(zeros(3), zeros(3), 1 << 31, 2)", "2147483648 does not fit into int"),
        ("saxpy<<<1, 1>>>(zeros(3), none.npy, 3, 2)", "none.npy: No such file"),
        ("saxpy<<<1, 1>>>(zeros(3), f8.npy, 3, 2)", "f8.npy holds float64, the parameter wants"),
        ("saxpy<<<1, 1>>>(zeros(3), my.npy, 3, 2)", "my.npy cannot be read as .npy"),
        ("saxpy<<<1, 1025>>>(zeros(3), zeros(3), 3, 2)", "limits: block.x is 1025"),
        ("saxpy<<<1, 1>>>(zeros(1 << 50), zeros(3), 3, 2)", "there is no memory"),
        ("steep=ones(2); line<<<1, 1>>>(zeros(1))", "no variable of the device is called steep"),
        ("slope=ones(3); line<<<1, 1>>>(zeros(1))", "slope has shape (2,), not (3,)"),
        ("wrong_side<<<1, 1>>>(zeros(1))", "is used, which is the host's: mark it __device__"),
        ("unknown<<<1, 1>>>(zeros(1))", "__shfl_fancy_sync is not known"),
        ("typo<<<1, 1>>>(zeros(1))", "expected ';'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(run, tmp_path, launch, message):
    np.save("f8.npy", np.zeros(3))
    (tmp_path / "my.npy").write_text("no array")
    assert message in refused(run, launch)


@pytest.mark.parametrize("kernel", ["wrong_side", "unknown", "typo"])
def test_the_compilers_errors_name_the_users_line(run, kernel):
    assert f"my.cu:{line_of(kernel + '(')}: " in refused(run, f"{kernel}<<<1, 1>>>(zeros(1))")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--save", "y"], "--save wants NAME=FILE.npy, got 'y'"),
        (["--save", "z=z.npy"], "no array is called z; named are: "),
        (["--save", "y=none/y.npy"], "none/y.npy cannot be written: No such file"),
        (["--print", "x"], "no array is called x"),
        (["--expect", "y=f8.npy"], "y has shape (4,), f8.npy has (3,)"),
        (["--expect", "y=none.npy"], "none.npy: No such file"),
    ],
)
def test_bad_output_is_one_line(run, words, message):
    np.save("f8.npy", np.zeros(3))
    launch = "saxpy<<<1, 4>>>(y=ones(4), arange(4), 4, 1)"
    status, _, err = run(launch, *words)
    assert status == 2
    assert message in err.splitlines()[-1]


def test_flags_stand_anywhere(run):
    launch = "saxpy<<<1, 4>>>({}, 4, 1)"
    words = ["-D", "A=1", launch.format("y=ones(4), x=ones(4)"), "--seed", "3", "-DB=2"]
    words += [launch.format("y, x"), "--print", "y"]
    assert run(*words)[:2] == (0, "y float32 (4,)\n[3. 3. 3. 3.]\n")
    assert "--seed wants 0 or more, got -1" in refused(run, launch, "--seed", "-1")
    assert "--rtol wants 0 or more" in refused(run, launch, "--rtol", "nan")


# --------------------------------------------------------------- in both orders of the threads

SLOTS = """
__global__ void first_takes(int* y, int* taken) {
  int slot = atomicAdd(taken, 1);
  if (threadIdx.x == 0) y[slot + 31] = 7;
}
__global__ void listed(int* y, int* taken) {
  int slot = atomicAdd(taken, 1);
  y[slot] = threadIdx.x;
  if (threadIdx.x == 3) printf("three\\n");
}
__global__ void added(float* y) { atomicAdd(y, 1.0f / (1 + threadIdx.x)); }
"""


def test_what_only_the_reverse_order_shows_is_found(run, tmp_path):
    (tmp_path / "slots.cu").write_text(SLOTS)
    launch = "first_takes<<<1, 32>>>(y=zeros(32), zeros(1))"
    assert run(launch, file="slots.cu")[0] == 0
    status, out, _ = run(launch, "--check", file="slots.cu")
    assert status == 1
    assert out.startswith("slots.cu:4: first_takes: out of bounds: write of y[62], past its 32 ele")
    assert run(launch, "--page", "slots.html", file="slots.cu")[0] == 1


def test_a_result_that_depends_on_the_order_is_told(run, tmp_path):
    (tmp_path / "slots.cu").write_text(SLOTS)
    np.save("y.npy", np.arange(32, dtype=np.int32))
    launch = "listed<<<1, 32>>>(y=empty(32), zeros(1))"
    status, out, err = run(launch, "--check", file="slots.cu")
    assert (status, out) == (0, "three\n" + CLEAN)  # printed once
    assert err == (
        "note: y[0] is 0 with threads forward, 31 with threads reversed: what is computed depends "
        "on the order in which threads run\n"
    )
    assert run(launch, "--expect", "y=y.npy", file="slots.cu")[0] == 0
    status, out, _ = run(launch, "--check", "--expect", "y=y.npy", file="slots.cu")
    assert status == 1 and "y[0] is 31, y.npy has 0; 32 of 32" in out
    assert out.endswith("(threads reversed)\n")


def test_a_sum_in_another_order_is_the_same(run, tmp_path):
    (tmp_path / "slots.cu").write_text(SLOTS)
    assert run("added<<<1, 256>>>(y=zeros(1))", "--check", file="slots.cu") == (0, CLEAN, "")


def test_only_one_order_is_run_where_one_is_asked_for(run, tmp_path, monkeypatch):
    (tmp_path / "slots.cu").write_text(SLOTS)
    monkeypatch.setenv("TINYNET_SIM_ORDER", "forward")
    assert run("first_takes<<<1, 32>>>(zeros(32), zeros(1))", "--check", file="slots.cu")[0] == 0
    monkeypatch.setenv("TINYNET_SIM_ORDER", "reversed")
    assert run("first_takes<<<1, 32>>>(zeros(32), zeros(1))", "--check", file="slots.cu")[0] == 1


def test_near_zero_the_absolute_tolerance_counts(run):
    np.save("y.npy", np.array([0, 1], np.float32))
    launch = "saxpy<<<1, 2>>>(y=y.npy, ones(2), 2, {})"
    assert run(launch.format("1e-9f"), "--expect", "y=y.npy")[0] == 0
    status, out, _ = run(launch.format("1e-7f"), "--expect", "y=y.npy")
    assert status == 1 and "1 of 2 elements differ (rtol 1e-05, atol 1e-08)" in out
    assert run(launch.format("1e-7f"), "--expect", "y=y.npy", "--atol", "1e-6")[0] == 0
    words = ("--expect", "y=y.npy", "--atol", "0", "--rtol", "1")
    assert run(launch.format("1e-9f"), *words)[0] == 1
    assert "--atol wants 0 or more" in refused(run, launch.format("1"), "--atol", "-1")


def test_only_what_a_run_needs_is_imported(tmp_path):
    """So that it starts at once: neither the engine, nor pages and reports, nor NumPy's random."""
    code = "import sys; from tinynet.kernels.__main__ import main; assert main(sys.argv[1:]) == 0; "
    code += "print(*sys.modules)"
    launch = "saxpy<<<1, 8>>>(ones(8), ones(8), 8, 2.0f)"
    command = [sys.executable, "-c", code, "run", "my.cu", launch]
    env = {**os.environ, "PYTHONPATH": str(Path(simulator.__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    loaded = set(done.stdout.split())
    assert "tinynet.kernels.catalogue.running.command" in loaded
    catalogue = "tinynet.kernels.catalogue"
    spared = {f"{catalogue}.{name}" for name in ("reports", "trials", "resources", "page.document")}
    assert loaded & {"tinynet.public", "tinynet.tensor", "numpy.random", *spared} == set()
