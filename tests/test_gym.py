"""The gym: starters fail, references pass, and of wrong answers the judge says why."""

import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from gym_solutions import WRONG, changed, of, solution

from tinynet import simulator
from tinynet.gym import judge as judging
from tinynet.gym.exercises import EXERCISES
from tinynet.gym.judge import PRINTED, judge
from tinynet.kernels.catalogue import trials

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")

ANSWERS = [(kernel, *answer) for kernel, answers in WRONG.items() for answer in answers]


def test_enough_wrong_answers_are_planted():
    assert WRONG.keys() == EXERCISES.keys()
    assert all(len(answers) >= 6 for answers in WRONG.values())


@pytest.fixture(autouse=True)
def short_launches(monkeypatch):
    monkeypatch.setenv("TINYNET_SIM_TIMEOUT", "0.3")  # the judge sets it: this puts it back


@pytest.mark.parametrize("kernel, old, new, reason", ANSWERS)
def test_a_wrong_answer_is_told_why_it_is_wrong(kernel, old, new, reason):
    found = of(kernel, changed(kernel, old, new))
    assert not found.solved
    assert re.search(reason, found.text, re.DOTALL), found.text


@pytest.mark.parametrize("kernel", EXERCISES)
def test_the_starter_fails_and_the_reference_passes(kernel):
    exercise, ours = EXERCISES[kernel], EXERCISES[kernel].reference.kernel
    found = of(kernel, exercise.starter)
    assert not found.solved
    writes_nothing = f"the kernel writes nothing to {ours.parameters[0].name} yet"
    assert writes_nothing in found.text
    assert of(kernel, ours.source).text.startswith("solved")
    assert all(line.isascii() and len(line) <= 100 for line in exercise.starter.splitlines())
    assert len(set(exercise.hints)) == 3


@pytest.mark.parametrize("kernel", EXERCISES)
def test_no_known_mistake_is_right(kernel):
    exercise = EXERCISES[kernel]
    for attempt in exercise.tries[:1]:
        given = exercise.arguments(attempt)
        right = exercise.right(given)
        parameters = exercise.reference.kernel.parameters
        outputs = [right[p.name] for p in parameters if p.is_pointer and not p.is_const]
        for predicted in exercise.mistakes(given).values():
            assert not any(
                predicted.shape == y.shape and np.allclose(predicted, y, equal_nan=True)
                for y in outputs
            )


def test_threads_that_move_one_element_of_a_tile_are_told_that_it_has_four_for_each():
    one_each = """
    const int row = blockIdx.y * TOP + threadIdx.y, column = blockIdx.x * 32 + threadIdx.x;
    if (row < h && column < w) y[column * h + row] = x[row * w + column];"""
    for top in ("32", "blockDim.y"):
        text = EXERCISES["transpose"].starter.replace("// Yours to write.", one_each)
        found = of("transpose", text.replace("TOP", top))
        assert "each thread moves 4 elements" in found.text, found.text


# --------------------------------------------------------------------------------- what it costs


def test_a_solution_that_asks_for_too_much_is_told_which_line_does():
    """Each thread takes neighbouring elements, so that those of a warp lie far apart."""
    scattered = """
    const int first = blockIdx.x * blockDim.x + threadIdx.x;
    const int each = (size + gridDim.x * blockDim.x - 1) / (gridDim.x * blockDim.x) + 15;
    for (int index = first * each; index < min(size, (first + 1) * each); ++index) {
        y[index] = x[index] < REAL(0) ? REAL(0) : x[index];
    }"""
    exercise = EXERCISES["relu_forward"]
    found = of("relu_forward", exercise.starter.replace("    // Yours to write.", scattered))
    assert found.solved
    assert re.search(r"asks for \d+\.\d times as many sectors .* as ours", found.text)
    assert "`y[index] = x[index] < REAL(0) ? REAL(0) : x[index];`" in found.text


def test_a_tile_that_is_copied_down_its_columns_asks_for_too_much():
    text = solution("gemm_tiled")
    for old, new in (
        ("i = step + t / 64, column = left + t % 64", "i = step + t % 32, column = left + t / 32"),
        ("b_tile[t / 64][t % 64]", "b_tile[t % 32][t / 32]"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = of("gemm_tiled", text)
    assert not found.solved
    assert re.search(
        r"half of the task.*asks for .* sectors.* as ours.*Line \d+ .*b\[i \* n",
        found.text,
        re.DOTALL,
    ), found.text


def test_a_maximum_that_begins_at_minus_infinity_loses_a_nan():
    text = solution("max_pool_forward")
    for old, new in (
        ("REAL best = image[hi_first * w + wi_first]", "REAL best = -INFINITY"),
        (" || (value != value && best == best)", ""),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert "fmax leaves it out" in of("max_pool_forward", text).text


def test_a_solution_must_compile_for_float_too():
    text = solution("relu_forward") + 'static_assert(sizeof(REAL) == 8, "double only");\n'
    found = of("relu_forward", text)
    assert not found.solved and "in float" in found.text and "double only" in found.text


# --------------------------------------------------------------------------------- bad input


BAD = {
    "another name": (
        "relu_forward_kernel",
        "relu_kernel",
        "there is no kernel relu_forward_kernel",
    ),
    "another type": (
        "const REAL* x",
        "const float* x",
        r"is `const REAL\* x`, here `const float\* x`",
    ),
    "one too many": ("int size)", "int size, int more)", "takes 3 parameters, here it has 4"),
    "a brace": ("}", "", r"relu_forward.cu, its end: is a brace open"),
    "no C": ("// Yours to write.", "y[0] = nothing;", r"does not compile: relu_forward.cu:\d+: .*"),
    "shared memory": (
        "// Yours to write.",
        "__shared__ REAL all[6145]; y[0] = all[0] = 1;",
        "49160 bytes .*; a block has 49152",
    ),
    "outside": ("// Yours to write.", "y[1 << 20] = 0;", "out of bounds"),
    "a crash": ("// Yours to write.", "*(int*)8 = 1;", "memory that does not exist"),
    "division by 0": ("// Yours to write.", "y[0] = size / (size - size);", "division by zero"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_solution_that_cannot_be_one(name):
    old, new, reason = BAD[name]
    found = of("relu_forward", EXERCISES["relu_forward"].starter.replace(old, new))
    assert not found.solved
    assert re.search(reason, found.text), found.text


def starter_with(line: str) -> str:
    return EXERCISES["relu_forward"].starter.replace("// Yours to write.", line)


def test_megabytes_that_are_printed_are_cut():
    text = starter_with('for (int i = 0; i < 5; ++i) printf("%1000d megabytes\\n", i);')
    found, printed = judge(EXERCISES["relu_forward"], text, "loud.cu")
    assert not found.solved and "writes nothing to y yet" in found.text
    assert len(printed) == PRINTED and "megabytes" in printed


ENDLESS = "struct Endless { Endless() { for (;;); } } endless;\n"


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(judging, "SECONDS", 2)
    found, _ = judge(EXERCISES["relu_forward"], ENDLESS + starter_with("y[0] = 0;"), "endless.cu")
    assert not found.solved and found.text == "stopped: it took more than 2 s."


def test_what_works_on_before_the_kernel_begins_is_stopped(tmp_path):
    text = ENDLESS + starter_with("y[0] = 0;")
    (tmp_path / "endless.cu").write_text(text)
    solution = EXERCISES["relu_forward"].solution(text, "endless.cu")
    for real, mode in (("double", "check"), ("float", "profile")):  # no compiler meets the limit
        trials.compile_ahead(solution, real, mode)
    code = (
        "from tinynet.gym import trial; trial.ALL_SECONDS = 1; "
        "trial.main('relu_forward', 'endless.cu', 'endless.cu', 'result')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == -signal.SIGXCPU and not (tmp_path / "result").exists()


def test_what_a_kernel_has_started_ends_with_the_judge():
    text = "#include <stdlib.h>\n" + starter_with('system("sleep 1000 &"); exit(0);')
    found, _ = judge(EXERCISES["relu_forward"], text, "starts.cu")
    assert not found.solved and "ended the judge's process" in found.text


def test_a_kernel_that_ends_the_process_solves_nothing():
    text = "#include <stdlib.h>\n" + starter_with("exit(0);")
    found, _ = judge(EXERCISES["relu_forward"], text, "quits.cu")
    assert not found.solved and "ended the judge's process (status 0)" in found.text
