"""`python -m tinynet.gym`: what it writes, judges, refuses, and trains with a solution."""

import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from gym_solutions import changed

from tinynet import simulator
from tinynet.gym import __main__ as command
from tinynet.gym import training
from tinynet.gym.exercises import EXERCISES
from tinynet.kernels import KERNELS

pytestmark = pytest.mark.skipif(bool(simulator.unavailable()), reason=simulator.unavailable() or "")


def gym(*words) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = command.main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()


def test_the_list_and_a_starter_and_its_verdict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = gym()
    assert status == 0 and re.findall(r"^ *\d+  (\w+)", out, re.MULTILINE) == [*EXERCISES]
    status, out, _ = gym("relu_backward")
    assert status == 0 and "relu_backward.cu" in out
    assert Path("relu_backward.cu").read_text() == EXERCISES["relu_backward"].starter
    Path("relu_backward.cu").write_text("mine")
    status, _, err = gym("relu_backward")
    assert status == 2 and err == "error: relu_backward.cu is there already: it is left as it is\n"
    assert Path("relu_backward.cu").read_text() == "mine"
    status, out, _ = gym("relu_backward", "relu_backward.cu")
    assert status == 1 and "there is no kernel relu_backward_kernel" in out


def test_status_0_is_for_a_solution(tmp_path):
    file = tmp_path / "mine.cu"
    file.write_text(KERNELS["relu_backward"].source)
    status, out, _ = gym("relu_backward", file)
    assert status == 0 and out.startswith("solved: right in 4 shapes")
    assert gym("relu_backward", "--hint", "2")[:2] == (
        0,
        EXERCISES["relu_backward"].hints[1] + "\n",
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (["tahn_forward"], "no exercise 'tahn_forward': did you mean tanh_forward?"),
        (["tanh"], "there is no exercise 'tanh': there are vector_add, relu_forward, "),
        (["relu_forward", "missing.cu"], "missing.cu: No such file or directory"),
        (["relu_forward", "."], "a folder, wanted a regular file"),
        (["relu_forward", "--train"], "--train expects the FILE.cu of a solution"),
        (["transpose", "any.cu", "--train"], "--train: no network of tinynet launches transpose"),
        (["relu_forward", "--hint", "4"], "--hint"),
    ],
)
def test_what_the_command_refuses(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = gym(*words)
    assert (status, out) == (2, "") and message in err.splitlines()[-1]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.cu").write_bytes(b"\xff\xfe")
    status, _, err = gym("relu_forward", tmp_path / "a.cu")
    assert status == 2 and err.endswith("a.cu: expects a text in UTF-8\n")


# --------------------------------------------------------------------------------- training with it


def test_the_network_that_learns_runs_the_kernel_of_every_exercise():
    program = Path(__file__).with_name("gym_launches.py")  # in a process of its own
    command = [sys.executable, program]
    result = subprocess.run(command, capture_output=True, text=True, cwd=program.parent)
    assert result.returncode == 0, result.stderr
    in_engine = {name for name, exercise in EXERCISES.items() if exercise.in_engine}
    assert in_engine <= set(result.stdout.split())


def test_a_network_learns_with_a_solution_as_with_ours():
    exercise, ours = EXERCISES["relu_backward"], list(training.losses(3))
    kept = KERNELS["relu_backward"]
    with training.in_place_of_ours(exercise, kept.source, "relu_backward.cu"):
        assert KERNELS["relu_backward"] is not kept
        assert list(training.losses(3)) == ours
    mistaken = changed("relu_backward", "? dy[index]", "? REAL(1)")
    with training.in_place_of_ours(exercise, mistaken, "mistaken.cu"):
        wrong = list(training.losses(3))
    assert wrong[0] == ours[0] and wrong[1:] != ours[1:]
    assert KERNELS["relu_backward"] is kept
