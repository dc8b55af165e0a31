"""`python -m tinynet.kernels run`: how a .cu file may be written, and what it may hold."""

import os
import re

import numpy as np
import pytest
from kernel_runs import CLEAN, command, in_a_folder_of_its_own, refused

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    in_a_folder_of_its_own(tmp_path, monkeypatch)


@pytest.fixture
def run(capfd):
    return command(capfd)


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
