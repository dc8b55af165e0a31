"""The command line's own words: versions, flags that do not exist, systems without file locks."""

import re
import subprocess
import sys

import pytest
from tiny_runs import load_example, run

import tinynet
from tinynet.commands.flags import KINDS
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


# ---------------------------------------------------------------- defaults in the help

SETTINGS = {
    "profile": "--profile",
    "image_size": "--image-size",
    "width": "--width",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "lr": "--lr",
    "log_every": "--log-every",
    "checkpoint_every": "--checkpoint-every",
}


def helps(example, monkeypatch):
    """What `train --help` says of each flag."""
    monkeypatch.setenv("COLUMNS", "1000")
    entries = re.split(r"\n  (?=--)", run("train", "--help", example=example).out)
    return {entry.split()[0]: " ".join(entry.split()) for entry in entries[1:]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("example", ["alexnet", "cifar10"])
def test_train_help_shows_what_training_takes(example, kind, monkeypatch):
    told = helps(example, monkeypatch)
    settings = load_example(example).EXAMPLE.settings({"data": kind}, kind)
    for name, flag in SETTINGS.items():
        flag = "--recipe" if (example, name) == ("cifar10", "profile") else flag
        value = f"{getattr(settings, name)}".removesuffix(".0")
        of_kind = re.search(rf"\(.*\b({re.escape(value)}) for {kind}\b.*\)", told[flag])
        of_others = re.search(rf"\((.* for .*, else )?{re.escape(value)}[);]", told[flag])
        assert of_kind or (of_others and f"for {kind}" not in told[flag]), told[flag]


@pytest.mark.parametrize("command", ["train", "finetune", "ablate"])
def test_every_number_to_choose_has_a_default_in_the_help(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    lines = run(command, "--help").out.splitlines()
    numbers = [line for line in lines if re.match(r" +--[a-z-]+ (N|X|STEPS) ", line)]
    assert len(numbers) > 4
    assert all(re.search(r"\(.+\)", line) for line in numbers)
