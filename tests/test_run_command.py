"""`python -m tinynet.kernels run`: any kernel of any .cu file, launched by CUDA's own line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.kernels.__main__ import main

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
    """In a folder of its own, as my.cu."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.cu").write_text(PROGRAM)


@pytest.fixture
def run(capfd):
    def command(*words, file="my.cu"):
        status = main(["run", file, *words])
        return status, *capfd.readouterr()

    return command


def refused(run, *words, file="my.cu"):
    """The one line of a refusal."""
    status, out, err = run(*words, file=file)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


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


CLEAN = "clean: every load and store was watched\n"


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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("__global__ void k(int *y) { y[0] = 1;", "k.cu:1: a kernel begins here that cannot"),
        ("struct S { __global__ void k() {} };", "or it stands in a class"),
        ("__global__ int k(int *y) { return 1; }", "k.cu:1: k: compile: a kernel returns void"),
        ("__global__ void k(int &y) { y = 1; }", "k.cu:1: k: compile: a kernel takes no ref"),
        ("#if 1\n__global__ void k(int *y) {}", "k.cu:1: compile: unterminated #if"),
        ("__global__ void k(int *y) {}\n#error stop here", "k.cu:2: compile: #error stop here"),
        ('__global__ void k(int *y) { asm("trap;"); }', "does not know inline PTX (asm)"),
        ("__global__ void k(int *y) { y = (int *)malloc(4); }", "a kernel asks for (malloc)"),
        ("__global__ void k(int *y) {\n  y = new int[4];\n}", "k.cu:2: compile: the simulator"),
        ("__global__ void k(int *y) {\n  k<<<1, 1>>>(y);\n}", "k.cu:2: compile: the simulator"),
        ("__global__ void k(int *y, ...) {}", "k.cu:1: "),
    ],
)  # fmt: skip
def test_kernels_that_are_none(run, tmp_path, code, message):
    (tmp_path / "k.cu").write_text(code)
    assert message in refused(run, "k<<<1, 1>>>(zeros(1))", file="k.cu")


def test_a_kernel_named_as_a_function_of_c(run, tmp_path):
    (tmp_path / "k.cu").write_text("__global__ void index(int *y) { y[0] = 7; }")
    launch = "index<<<1, 1>>>(y=zeros(1))"
    assert run(launch, "--print", "y", file="k.cu")[:2] == (0, "y int32 (1,)\n[7]\n")
    (tmp_path / "k.cu").write_text("__global__ void max(int *y) { y[0] = 7; }")
    told = refused(run, "max<<<1, 1>>>(y=zeros(1))", file="k.cu")
    assert "k.cu:1: max: compile: C++ has functions of this name: give the kernel another" in told


def test_constants_and_a_dim3_of_a_place(run, tmp_path):
    (tmp_path / "k.cu").write_text(
        "#include <math_constants.h>\n__global__ void k(float *y) {\n  dim3 at = threadIdx;\n"
        "  y[at.x] = at.x ? -CUDART_INF_F : CUDART_PI_F;\n}\n"
    )
    assert run("k<<<1, 2>>>(y=empty(2))", "--save", "y=y.npy", file="k.cu")[0] == 0
    assert np.load("y.npy").tolist() == [np.float32(np.pi), -np.inf]


def test_a_pack_of_parameters(run, tmp_path):
    (tmp_path / "k.cu").write_text(
        "template <class... A> __global__ void k(int *y, A... a) { y[0] = sizeof...(a); }"
    )
    launch = "k<int, float><<<1, 1>>>(y=empty(1), 1, 2.0f)"
    assert run(launch, "--print", "y", file="k.cu")[:2] == (0, "y int32 (1,)\n[2]\n")


def test_files_that_have_no_kernel(run, tmp_path):
    assert "none.cu: no such file, nor a built-in one; there are: activation" in refused(
        run, "k<<<1, 1>>>()", file="none.cu"
    )
    (tmp_path / "host.cu").write_text("int main() { return 0; }\n")
    assert "there is no kernel (a __global__ function) in this file" in refused(
        run, "k<<<1, 1>>>()", file="host.cu"
    )
    os.mkfifo(tmp_path / "pipe.cu")
    for file in (".", "pipe.cu"):
        assert "wanted a .cu file" in refused(run, "k<<<1, 1>>>()", file=file)


# Files that are written as they should not be, and are read all the same; or named where they fail.
ODD = """\
#include <cuda_pipeline.h>
#include <cuda_fp16.h>
/* caf\xe9, in Latin-1 */
#define STEPS(n) for (int i = 0; i < (n); ++i)
using namespace std;
namespace lib { namespace deep { struct Pair { float a; int b; };
__device__ int one() { return 1; } } }
namespace ld = lib::deep;
using namespace ld;
__device__ float nowhere(float x);
static __device__ __constant__ const int order[] = {3, 1, 2};
enum { FOUR = 4 };
const char *message = "__global__ void quoted() {}  // no kernel";
__global__ void __launch_bounds__(32) sums(float *y, Pair p, const Pair *ps) {
  STEPS(FOUR) y[i] = max(p.a * p.b, 0.0f) + one() + order[i % 3];
}
__global__ void linked(float *y) { y[0] = nowhere(1.0f); }
namespace { __global__ void hidden(half *y, const half *x) {
  __shared__ __align__(16) half tile[8];
  if (threadIdx.x == 0) __pipeline_memcpy_async(tile, x, 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  y[threadIdx.x] = tile[7 - threadIdx.x] + half(sizeof(half));
} }
namespace a::b { __global__ void inner(int *y) { y[0] = 5; } }
static inline __global__ void in_front(int *y) { y[0] = numeric_limits<int>::max(); }
"""


def test_odd_ways_to_write(run, tmp_path):
    (tmp_path / "odd.cu").write_bytes(ODD.encode("latin-1"))
    launch = "sums<<<1, 1>>>(y=empty(4), {1.5, 2}, nullptr)"
    assert run(launch, "--print", "y", file="odd.cu")[:2] == (0, "y float32 (4,)\n[7. 5. 6. 7.]\n")
    launch = "hidden<<<1, 8>>>(y=empty(8), arange(8))"
    assert run(launch, "--check", "--print", "y", file="odd.cu")[:2] == (
        0, f"{CLEAN}y float16 (8,)\n[9. 8. 7. 6. 5. 4. 3. 2.]\n",
    )  # fmt: skip
    assert run("a::b::inner<<<1, 1>>>(empty(1)); inner<<<1, 1>>>(empty(1))", file="odd.cu")[0] == 0
    launch = "in_front<<<1, 1>>>(y=empty(1))"
    assert run(launch, "--print", "y", file="odd.cu")[:2] == (0, "y int32 (1,)\n[2147483647]\n")
    assert (
        "odd.cu: no kernel is called quoted; there are: sums, linked, hidden, a::b::inner, in_front"
        in refused(run, "quoted<<<1, 1>>>()", file="odd.cu")
    )
    assert "odd.cu:17: compile: nowhere(float) is declared, but not defined" in refused(
        run, "linked<<<1, 1>>>(zeros(1))", file="odd.cu"
    )


# ------------------------------------------------------------------------- arrays of structures

STRUCTURES = """
struct Particle { float3 pos; double mass; short id; };
struct Row { int n; float* cells; };
__global__ void advance(Particle* p, float by, int n) {
  int i = threadIdx.x;
  if (i < n) p[i].pos.y += by * p[i].mass;
  if (i == n) p[0].id = 7;
}
__global__ void all_number(Particle* p) { p[0].id = threadIdx.x; }
__global__ void rows(Row* y) { y[0].n = 1; }
"""
PARTICLE = np.dtype([("pos", np.float32, 3), ("mass", np.float64), ("id", np.int16)], align=True)


def test_arrays_of_structures(run, tmp_path):
    (tmp_path / "p.cu").write_text(STRUCTURES)
    particles = np.zeros(3, PARTICLE)
    particles["mass"] = [1, 2, 3]
    np.save("p.npy", particles)
    launch = "advance<<<1, 4>>>(p=p.npy, 0.5f, 3)"
    assert run(launch, "--check", "--save", "p=q.npy", file="p.cu") == (0, CLEAN, "")
    particles["pos"][:, 1], particles["id"][0] = [0.5, 1, 1.5], 7
    np.testing.assert_array_equal(np.load("q.npy"), particles)
    assert run(launch, "--expect", "p=q.npy", file="p.cu")[0] == 0
    status, out, _ = run(launch.replace("0.5f", "1"), "--expect", "p=q.npy", file="p.cu")
    assert status == 1 and out.startswith("p.pos[0, 1] is 1.0, q.npy has 0.5; 3 of 9 elements")
    assert run("advance<<<1, 4>>>(random(4), 0.5f, 3)", "--profile", file="p.cu")[0] == 0


def test_what_is_wrong_with_a_field_is_told_by_its_name(run, tmp_path):
    (tmp_path / "p.cu").write_text(STRUCTURES)
    status, out, _ = run("advance<<<1, 4>>>(zeros(2), 0.5f, 3)", "--check", file="p.cu")
    assert status == 1 and re.search(r"read of p\[2\]\.(mass|pos), past its 2 elements", out)
    status, out, _ = run("advance<<<1, 2>>>(empty(2), 0.5f, 2)", "--check", file="p.cu")
    assert status == 1 and re.search(r"p\[0\]\.(mass|pos) is read by", out)
    status, out, _ = run("all_number<<<1, 2>>>(zeros(2))", "--check", file="p.cu")
    assert status == 1 and "race: p[0].id is written" in out
    assert "y of rows has a type that" in refused(run, "rows<<<1, 1>>>(zeros(1))", file="p.cu")


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


COUNTED = """
#include <vector>
using namespace std;
#define imin(a,b) (a<b?a:b)
const int N = 1000;
const int blocks = imin(32, (N + 255) / 256);
__device__ unsigned int count = 0;
__global__ void counts(const float* array, int n, unsigned* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && array[i] > 0) y[0] = atomicAdd(&count, 1);
}
int main() { vector<float> h(N); counts<<<blocks, 256>>>(0, N, 0); }
"""


def test_names_that_std_has_too_and_a_grid_from_a_macro(run, tmp_path):
    (tmp_path / "counts.cu").write_text(COUNTED)
    launch = "counts<<<blocks, 256>>>(ones(N), N, zeros(1))"
    status, out, err = run(launch, "--print", "count", file="counts.cu")
    assert (status, out) == (0, "count uint32 ()\n1000\n"), err


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
