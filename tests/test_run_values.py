"""`python -m tinynet.kernels run`: what arrays are filled with, and how results are compared."""

import numpy as np
import pytest
from kernel_runs import command, in_a_folder_of_its_own, refused

from tinynet import simulator

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")

PROGRAM = """\
namespace lib { __constant__ float slope[2]; }
__device__ bool done;
template <typename T> __global__ void copied(T* y, const T* x) { y[threadIdx.x] = x[threadIdx.x]; }
__global__ void line(float* y) {
  y[threadIdx.x] = lib::slope[0] * threadIdx.x + lib::slope[1];
  if (threadIdx.x == 0) done = true;
}
__global__ void racy(float* y) { y[0] = threadIdx.x; }
__global__ void length(int* y, const char* text) { while (text[*y]) ++*y; }
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    in_a_folder_of_its_own(tmp_path, monkeypatch, PROGRAM)


@pytest.fixture
def run(capfd):
    return command(capfd)


@pytest.mark.parametrize(
    ("type_", "got", "expected", "atol", "same"),
    [
        ("int", [-(2**31)], [0], "0", False),
        ("signed char", [-128], [0], "0", False),
        ("signed char", [127], [-128], "1", False),
        ("unsigned char", [3], [4], "1", True),
        ("unsigned char", [4], [3], "1", True),
        ("unsigned char", [4], [2], "1", False),
        ("long long", [2**62 + 1], [2**62], "0", False),
        ("long long", [2**63 - 1], [-(2**63)], "1e18", False),
        ("bool", [True, False], [True, False], "0", True),
        ("bool", [True, True], [True, False], "0", False),
    ],
)
def test_integers_are_compared_as_integers_of_any_size(run, type_, got, expected, atol, same):
    """In their own type INT_MIN - 0 and 3 - 4 wrap round."""
    dtype = {
        "int": np.int32, "signed char": np.int8, "unsigned char": np.uint8,
        "long long": np.int64, "bool": np.bool_,
    }[type_]  # fmt: skip
    np.save("x.npy", np.array(got, dtype))
    np.save("y.npy", np.array(expected, dtype))
    launch = f"copied<{type_}><<<1, {len(got)}>>>(y=zeros({len(got)}), x.npy)"
    status, out, err = run(launch, "--expect", "y=y.npy", "--atol", atol)
    assert (status, err) == (0 if same else 1, "")
    assert out.startswith("y is as in y.npy" if same else "y[")


def test_bools_are_drawn_checked_and_kept(run):
    """A __device__ bool too, which every kernel's check looks at."""
    launch = "copied<bool><<<1, 64>>>(y=zeros(64), x=random(64)); line<<<1, 4>>>(zeros(4))"
    status, out, err = run("lib::slope=ones(2);" + launch, "--check", "--save", "x=x.npy")
    assert (status, err) == (0, "") and out.startswith("clean")
    drawn = np.load("x.npy")
    assert drawn.dtype == np.bool_ and 0 < drawn.sum() < 64


def test_what_is_said_of_an_unset_constant_can_be_done(run):
    launch = "line<<<1, 3>>>(y=zeros(3))"
    _, _, err = run(launch)
    assert "fill it with 'lib::slope=random(...)'" in err
    status, out, err = run("lib::slope=arange(2)", launch, "--print", "y")
    assert (status, err) == (0, "") and "[1. 1. 1.]" in out


def test_a_text_may_be_empty(run):
    assert "[0]" in run('length<<<1, 1>>>(y=zeros(1), "")', "--print", "y")[1]
    assert "[3]" in run('length<<<1, 1>>>(y=zeros(1), "abc")', "--print", "y")[1]


@pytest.mark.parametrize(
    ("words", "file", "message"),
    [
        (["lib::slope=zeros(1 << 45); line<<<1, 1>>>(zeros(1))"], "my.cu", "has shape (2,), not"),
        (["line<<<1, 1>>>(zeros(1))"], "k" * 300, "File name too long"),
        (
            ["line<<<1, 1>>>(y=zeros(1))", "--page", "p.html", "--expect", "y=y.npy"],
            "my.cu", "--page goes without --expect",
        ),
        (["line<<<1, 1>>>(y=zeros(1))", "--page", "p.html", "--print", "y"], "my.cu", "--print"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(run, words, file, message):
    assert message in refused(run, *words, file=file)


def test_a_page_says_nothing_of_launches_that_check_mode_never_came_to(run, tmp_path):
    """The second launch races too; the run ended at the first."""
    status, _, _ = run("racy<<<1, 2>>>(zeros(1)); racy<<<1, 3>>>(zeros(1))", "--page", "p.html")
    assert status == 1
    text = (tmp_path / "p.html").read_text()
    assert text.count('"findings": null') + text.count('"findings":null') == 1


def test_where_nothing_that_was_asked_for_has_run_there_is_no_page(run, tmp_path):
    (tmp_path / "my.cu").write_text(
        "__global__ void k(float* y) { y[1000 * (1 - blockIdx.x)] = 1; }"
    )
    status, out, err = run("k<<<2, 1>>>(zeros(1))", "--page", "p.html", "--blocks", "1")
    assert status in (1, 2) and "out of bounds" in out + err
    assert not (tmp_path / "p.html").exists()
