"""The command line's own words: versions, flags that do not exist, systems without file locks."""

import re
import subprocess
import sys

import pytest
from tiny_runs import run

import tinynet
from tinynet.console.arguments import meant_by
from tinynet.kernels import __main__ as kernels

KNOWN = ("-h", "--help", "--lr", "--batch-size", "--epochs", "--workers", "--data", "--out")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--learning-rate", "--lr"),  # its words abbreviated
        ("--learning_rate", "--lr"),
        ("--bs", "--batch-size"),  # an abbreviation for its words
        ("--num-epochs", "--epochs"),  # one word more
        ("--nworkers", "--workers"),  # a letter more
        ("--batchsize", "--batch-size"),
        ("-lr", "--lr"),
        ("--size", "--batch-size"),
        ("--dataset", "--data"),
        ("--output", "--out"),
        ("--colour", None),
        ("--", None),
    ],
)
def test_the_flag_that_was_meant(typed, meant):
    assert meant_by(typed, KNOWN) == meant


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "train --learning-rate 0.1",
            "train: error: has no flag --learning-rate: did you mean --lr",
        ),
        ("train --num_epochs=3", "has no flag --num_epochs: did you mean --epochs?"),
        ("train --colour red", "has no flag --colour; alexnet.py train --help lists its flags"),
        ("train photos", "train: error: takes no 'photos'"),
    ],
)
def test_an_unknown_flag_comes_with_its_command_and_the_one_meant(words, told):
    result = run(*words.split())
    assert result.status == 2
    usage, *_, error = result.err.splitlines()
    assert usage.startswith("usage: alexnet.py train ") and told in error


def test_the_kernels_command_names_the_flag_that_was_meant(capsys):
    with pytest.raises(SystemExit):
        kernels.main(["lrn", "--checked"])
    assert "has no flag --checked: did you mean --check?" in capsys.readouterr().err


def test_version():
    told = rf"tinynet {re.escape(tinynet.__version__)} \(Python 3\.\d+\.\d+\S*, NumPy 2\.\S+\)\n"
    result = run("--version")
    assert result.status == 0 and re.fullmatch(told, result.out)


def test_a_system_without_file_locks_is_refused_in_one_line():
    """As on Windows, which has no module fcntl. The engine itself needs none."""
    code = "import sys; sys.modules['fcntl'] = None; import tinynet; print('engine', flush=True); "
    code += "import tinynet.commands"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "engine\n")
    assert result.stderr.startswith("error: tinynet trains on Linux and macOS")
    assert "Windows is not supported" in result.stderr and result.stderr.count("\n") == 1
