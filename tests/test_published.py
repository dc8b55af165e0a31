"""Kernels as books, courses and repositories print them: whole programs, run as they are.

Each is launched in check mode, and its result compared with NumPy's. The files are in
tests/cuda/published, in the manner of each kind of author: host code, macros, templates and all.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tinynet import simulator
from tinynet.kernels.__main__ import main
from tinynet.kernels.catalogue.running.launch_line import read_lines
from tinynet.kernels.catalogue.running.program import Program, find_file

FOLDER = Path(__file__).parent / "cuda" / "published"

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


@pytest.fixture(autouse=True)
def check_mode(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM", "check")
    monkeypatch.delenv("TINYNET_SIM_ORDER", raising=False)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def normalized(x):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def layernorm_gradient(a):
    norm, dnorm = normalized(a["x"].astype(np.float64)), a["w"] * a["dout"].astype(np.float64)
    both = dnorm - dnorm.mean(1, keepdims=True) - norm * (dnorm * norm).mean(1, keepdims=True)
    return both * a["rstd"][:, None]


def convolved(x, filters):
    padded = np.pad(x, 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, filters.shape)
    return (windows * filters).sum(axis=(2, 3))


def julia(size=32):
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    half = size // 2
    a = (1.5 * (half - x) / half + 1.5j * (half - y) / half).astype(np.complex128)
    bounded = np.ones((size, size), bool)
    for _ in range(200):
        a = np.where(bounded, a * a + (-0.8 + 0.156j), 0)
        bounded &= np.abs(a) ** 2 <= 1000
    return 255 * bounded


def accelerations(bodies):
    r = bodies[None, :, :3] - bodies[:, None, :3]
    s = bodies[None, :, 3] / ((r**2).sum(-1) + 0.01) ** 1.5
    return np.pad((r * s[..., None]).sum(1), ((0, 0), (0, 1)))


def letters(text):
    return np.bincount([(ord(c) - ord("a")) // 4 for c in text if c.isalpha()], minlength=7)


TEXT = "programming massively parallel processors"
M = "random(40, 24), b=random(24, 56), c=empty(40, 56), 40, 56, 24"
LN = "x=random(5, 40), random(40), random(40), 5, 40"

# file, launches, the name of the result, and what NumPy makes of the named arrays
RUNS = {
    "naive": ("matmul", f"matmul_naive<<<(7, 5), (8, 8)>>>(a={M})", "c", lambda a: a["a"] @ a["b"]),
    "tiled": ("matmul", f"matmul_tiled<16><<<(4, 3), (16, 16)>>>(a={M})", "c",
              lambda a: a["a"] @ a["b"]),
    "vectorized": ("matmul", "matmul_vectorized<32, 32, 8, 4, 4><<<(2, 2), 64>>>(a=random(64, 16), "
                   "b=random(16, 64), c=empty(64, 64), 64, 64, 16)", "c",
                   lambda a: a["a"] @ a["b"]),
    "dynamic": ("matmul", "matmul_dynamic<<<(2, 2), (8, 8), 512>>>(a=random(16, 16), "
                "b=random(16, 16), c=empty(16, 16), 16, 256, 256)", "c", lambda a: a["a"] @ a["b"]),
    "modulo": ("reduction", "tree_modulo<<<2, 64, 64 * sizeof(int)>>>(x=random(2, 64), y=empty(2))",
               "y", lambda a: a["x"].sum(1)),
    "unrolled": ("reduction", "unrolled<int, 128, false><<<1, 128, 512>>>(x=random(700), "
                 "y=empty(1), 700)", "y", lambda a: a["x"].sum(keepdims=True)),
    "doubles": ("reduction", "unrolled<double, 64, true><<<1, 64, 512>>>(x=random(512), y=empty(1),"
                " 512)", "y", lambda a: a["x"].sum(keepdims=True)),
    "shuffled": ("reduction", "shuffled<<<3, 96>>>(x=random(999), y=zeros(1), 999)", "y",
                 lambda a: a["x"].sum(keepdims=True)),
    "grouped": ("reduction", "grouped<<<2, 64>>>(x=random(999), y=zeros(1), 999)", "y",
                lambda a: a["x"].sum(keepdims=True, dtype=float)),
    "counted": ("reduction", "in_one_launch<<<4, 64>>>(x=random(999), empty(4), y=empty(1), 999)",
                "y", lambda a: a["x"].sum(keepdims=True)),
    "softmax1": ("softmax", "softmax_kernel1<<<1, 8>>>(y=empty(5, 33), x=random(5, 33), 5, 33)",
                 "y",
                 lambda a: softmax(a["x"])),
    "softmax2": ("softmax", "softmax_kernel2<<<5, 64, 16>>>(y=empty(5, 99), x=random(5, 99), 5, "
                 "99)",
                 "y", lambda a: softmax(a["x"])),
    "online": ("softmax", "softmax_online<<<3, 64>>>(y=empty(5, 99), x=random(5, 99), 5, 99)", "y",
               lambda a: softmax(a["x"])),
    "layernorm": ("layernorm", "layernorm_forward<<<3, 64>>>(y=empty(5, 40), m=empty(5), nullptr, "
                  "x=random(5, 40), w=random(40), b=random(40), 5, 40)", "y",
                  lambda a: normalized(a["x"]) * a["w"] + a["b"]),
    "gradients": ("layernorm", "layernorm_forward<<<3, 64>>>(empty(5, 40), mean=empty(5), "
                  "rstd=empty(5), x=random(5, 40), w=random(40), zeros(40), 5, 40); "
                  "layernorm_backward<float><<<3, 64, 320>>>(dx=zeros(5, 40), zeros(40), "
                  "zeros(40), "
                  "dout=random(5, 40), x, w, mean, rstd, 5, 40)", "dx", layernorm_gradient),
    "histogram": ("histogram", f'histo_kernel<<<2, 32>>>("{TEXT}", {len(TEXT)}, y=zeros(7))', "y",
                  lambda a: letters(TEXT)),
    "bins": ("histogram", f'histo_private_kernel<<<2, 32>>>("{TEXT}", {len(TEXT)}, y=zeros(7))',
             "y", lambda a: letters(TEXT)),
    "kogge_stone": ("scan", "kogge_stone<<<1, 64>>>(x=random(60), y=empty(60), 60)", "y",
                    lambda a: a["x"].cumsum()),
    "blelloch": ("scan", "blelloch<<<1, 32, 66 * sizeof(float)>>>(y=empty(64), x=random(64), 64)",
                 "y", lambda a: a["x"].cumsum() - a["x"]),
    "warp_scan": ("scan", "warp_scan<<<1, 32>>>(y=ones(32), 32)", "y",
                  lambda a: np.arange(1, 33)),
    "transposed": ("transpose", "transposeNaive<<<(2, 2), (32, 8)>>>(y=empty(64, 64), "
                   "x=random(64, 64))", "y", lambda a: a["x"].T),
    "padded": ("transpose", "transposePadded<<<(2, 2), (32, 8)>>>(y=empty(64, 64), "
               "x=random(64, 64))", "y", lambda a: a["x"].T),
    "haxpy": ("half_axpy", "haxpy<<<2, 4>>>(99, 2.0f, arange(99), y=ones(99))", "y",
              lambda a: 2 * np.arange(99) + 1),
    "hdot": ("half_axpy", "dot_f16x2<><<<2, 128>>>(x=random(512), ones(512), y=zeros(1), 512)", "y",
             lambda a: (a["x"][::2] + a["x"][1::2]).sum(keepdims=True, dtype=np.float32)),
    "relu": ("half_axpy", "clipped_relu<<<1, 64>>>(y=empty(64), x=random(64), 64)", "y",
             lambda a: np.maximum(a["x"], 0)),
    "int2": ("vector_copy", "copy_int2<<<1, 64>>>(arange(99), y=empty(99), 99)", "y",
             lambda a: np.arange(99)),
    "int4": ("vector_copy", "copy_int4<<<1, 32>>>(arange(99), y=empty(99), 99)", "y",
             lambda a: np.arange(99)),
    "pack": ("vector_copy", "scale_packed<double, 2><<<1, 32>>>(y=empty(64), arange(64), 3, 32)",
             "y", lambda a: 3.0 * np.arange(64)),
    "union": ("vector_copy", "negate<<<1, 8>>>(y=arange(8))", "y",
              lambda a: -np.arange(32).reshape(8, 4)),
    "constant": ("convolution", "F=random(5, 5); convolution_const<<<(3, 3), (8, 8)>>>("
                 "x=random(20, 20), y=empty(20, 20), 2, 20, 20)", "y",
                 lambda a: convolved(a["x"], a["F"])),
    "convolved": ("convolution", "F=random(5, 5); convolution_tiled<<<(2, 2), (16, 16)>>>("
                  "x=random(20, 20), y=empty(20, 20), 20, 20)", "y",
                  lambda a: convolved(a["x"], a["F"])),
    "dot": ("dot_and_julia", "dot<<<4, 64>>>(x=random(2053), z=random(2053), y=empty(4))", "y",
            lambda a: np.bincount(np.arange(2053) // 64 % 4, a["x"] * a["z"])),
    "julia": ("dot_and_julia", "kernel<<<(32, 32), 1>>>(y=empty(32, 32, 4))", "y",
              lambda a: np.stack([julia(), 0 * julia(), 0 * julia(), 255 + 0 * julia()], axis=-1)),
    "nbody": ("nbody", "calculate_forces<<<2, 16, 16 * sizeof(float4)>>>(x=random(32, 4), "
              "y=empty(32, 4), 32)", "y", lambda a: accelerations(a["x"].astype(float))),
    "bodies": ("nbody", "move<<<2, 16>>>(y=arange(20), 2, 20)", "y",
               lambda a: np.arange(120).reshape(20, 6) @ np.block(
                   [[np.eye(3), np.zeros((3, 3))], [2 * np.eye(3), np.eye(3)]])),
    "structure": ("matrix", "MatMulKernel<<<(2, 1), (8, 8)>>>({24, 8, 24, x=random(8, 24)}, "
                  "{16, 24, 16, z=random(24, 16)}, {16, 8, 16, y=empty(8, 16)})", "y",
                  lambda a: a["x"] @ a["z"]),
    "bitonic": ("sorting", "bitonic<<<2, 64>>>(y=random(2, 128), arange(2, 128), 1)", "y",
                lambda a: np.sort(a["y"].copy(), axis=1)),
    "odd_even": ("sorting", "odd_even<float, util::Greater><<<1, 32>>>(y=random(77), 77, {})", "y",
                 lambda a: np.sort(a["y"])[::-1]),
}  # fmt: skip


@cache
def program_of(file):
    """All launches of a file's kernels, which are compiled together, once."""
    statements = read_lines([run[1] for run in RUNS.values() if run[0] == file])
    defines = ["BLOCK_SIZE=8"] if file == "matrix" else []
    return Program(find_file(str(FOLDER / f"{file}.cu"), defines), statements, "check")


def run(name):
    file, launches, _, _ = RUNS[name]
    program = program_of(file)
    program.statements = read_lines([launches])
    program.run()
    return {name: program.array(name) for name in program.names}


@pytest.mark.parametrize("name", RUNS)
def test_a_published_kernel_runs_clean_and_right(name):
    _, _, result, expected = RUNS[name]
    arrays = run(name)
    rtol = {2: 2e-2, 4: 1e-4, 8: 1e-10}[max(arrays[result].itemsize, 2)]
    np.testing.assert_allclose(arrays[result], expected(arrays), rtol=rtol, atol=rtol)


def test_the_result_of_a_sort_holds_what_was_given():
    before = Program(
        find_file(str(FOLDER / "sorting.cu"), []),
        read_lines(["odd_even<float, util::Greater><<<1, 32>>>(y=random(77), 0, {})"]), "check",
    )  # fmt: skip
    before.run()
    np.testing.assert_array_equal(np.sort(before.array("y")), np.sort(run("odd_even")["y"]))


def test_lanes_in_step_by_volatile_are_right_and_a_race(monkeypatch, capfd):
    """As on the GPUs that it was written for; check mode says what it is on those since."""
    monkeypatch.setenv("TINYNET_SIM", "run")
    file, launch = (
        FOLDER / "reduction.cu",
        "warp_synchronous<<<2, 128>>>(x=random(2, 128), y=empty(2))",
    )
    program = Program(find_file(str(file), []), read_lines([launch]), "run")
    program.run()
    np.testing.assert_array_equal(program.array("y"), program.array("x").sum(axis=1))
    assert main(["run", str(file), launch, "--check"]) == 1
    assert "race: partial[" in capfd.readouterr().out


def test_shared_memory_that_the_launch_forgot(capfd):
    launch = "tree_modulo<<<2, 64>>>(random(2, 64), empty(2))"
    assert main(["run", str(FOLDER / "reduction.cu"), launch, "--check"]) == 1
    found = capfd.readouterr().out
    assert "write of dynamic shared memory[0], of which the launch asks for no byte" in found


def test_what_is_wrong_on_purpose_is_found(capfd):
    launch = f'histo_wrong_kernel<<<2, 32>>>("{TEXT}", {len(TEXT)}, zeros(7))'
    assert main(["run", str(FOLDER / "histogram.cu"), launch, "--check"]) == 1
    found = capfd.readouterr().out
    assert "race: histo[" in found
    line = next(i for i, text in enumerate((FOLDER / "histogram.cu").read_text().splitlines(), 1)
                if "+= 1;" in text)  # fmt: skip
    assert f"histogram.cu:{line}: " in found
