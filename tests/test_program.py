"""The command `tinynet`: which network it takes, and what is no network's."""

import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from tiny_runs import EXAMPLES, Result, train, write_photos

from tinynet import __main__ as program
from tinynet import serialization
from tinynet.__main__ import main
from tinynet.commands.example import command
from tinynet.commands.network_of import network_of


def tinynet(*words):
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([*map(str, words)])
        except SystemExit as stop:  # argparse
            status = stop.code
    return Result(status, out.getvalue(), err.getvalue())


@pytest.mark.parametrize(
    ("words", "layer"),
    [
        (["summary"], "conv5"),
        (["summary", "--network", "lenet"], "c5"),
        (["--network=cifar10", "summary"], "fc10"),
    ],
)
def test_a_flag_chooses_the_network(words, layer):
    result = tinynet(*words)
    assert result.status == 0, result.err
    assert layer in [line.split()[0] for line in result.out.splitlines() if line.strip()]


def test_predict_needs_no_run(photos):
    result = tinynet("predict", "--devices", "cpu", photos / "val" / "red" / "0.png")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("network  the trained 80sec that comes with tinynet, ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["train", "--network", "vgg"],
            "--network expects one of alexnet, cifar10, lenet, got",
        ),
        (["train", "--network"], "got nothing"),
        (["train", "--recipe", "80sec"], "has no flag --recipe"),
        (["trian"], "invalid choice: 'trian'"),
        (["gym", "nothing"], "there is no exercise 'nothing'"),
        (["kernels", "nothing"], "no kernel 'nothing'"),
        ([], "COMMAND"),
    ],
)
def test_mistakes_are_told_in_a_line(words, told):
    result = tinynet(*words)
    assert result.status == 2 and told in result.err
    assert "Traceback" not in result.err


def test_help_names_the_networks_and_what_is_no_networks():
    result = tinynet("--help")
    assert result.status == 0
    for word in ("train", "kernels", "gym", "--network", "--print-completion"):
        assert word in result.out
    assert "--network" in tinynet("train", "--help").out


def test_a_run_says_itself_which_network_it_is_of(tmp_path):
    folder = tmp_path / "run"
    train("--out", folder, "--data", write_photos(tmp_path / "photos"), "--steps", 1)
    best = folder / "checkpoints" / "best.safetensors"
    assert network_of(["eval", "--checkpoint", str(best)]) == "alexnet"
    assert network_of(["figures", f"--run={folder}"]) == "alexnet"
    before_its_first_checkpoint = tmp_path / "begun"
    before_its_first_checkpoint.mkdir()
    config = (folder / "config.json").read_text().replace("alexnet", "lenet")
    (before_its_first_checkpoint / "config.json").write_text(config)
    assert network_of(["train", "--resume", "--out", str(before_its_first_checkpoint)]) == "lenet"


def test_what_is_no_run_is_left_to_the_command(tmp_path):
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(b"no header")
    serialization.save(foreign, {"network": 3})
    words = ["eval", "--checkpoint", str(damaged), str(foreign), str(tmp_path), "no/such"]
    assert network_of(words) is None
    result = tinynet(*words[:3])
    assert result.status == 2 and "damaged" in result.err


def test_completion_is_printed_or_says_what_it_needs():
    result = tinynet("--print-completion", "bash")
    try:
        import shtab  # noqa: F401
    except ImportError:
        assert result.status == 2 and "--print-completion needs shtab: pip install" in result.err
    else:
        assert result.status == 0 and "complete -" in result.out
        assert "--checkpoint" in result.out and "kernels" in result.out


@pytest.mark.parametrize("module", ["alexnet", "cifar10", "lenet"])
def test_the_examples_are_doors_to_the_models(module):
    """Whoever imported the networks from examples/ still does."""
    code = f"import {module}; from tinynet.models import {module} as m; "
    code += f"print({module}.EXAMPLE is m.EXAMPLE, {module}.parameter_groups is m.parameter_groups)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True, check=True
    )
    assert run.stdout == "True True\n"


@pytest.mark.parametrize("called", ["-m", "script"])
def test_ctrl_c_during_its_imports_ends_it_without_a_word(called, tmp_path):
    (tmp_path / "numpy.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)")
    script = tmp_path / "bin" / "tinynet"  # as pip writes it
    script.parent.mkdir()
    script.write_text("import sys\nfrom tinynet.__main__ import main\nsys.exit(main())\n")
    words = ["-m", "tinynet"] if called == "-m" else [script]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{EXAMPLES.parent}"}
    run = subprocess.run(
        [sys.executable, *words, "summary"], env=environment, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (-signal.SIGINT, "")


def test_what_to_type_next_is_how_it_was_called(monkeypatch):
    for argv, wanted in (
        ("/usr/bin/tinynet", "tinynet"),
        (str(Path(program.__file__)), "python -m tinynet"),
        ("examples/lenet.py", "python examples/lenet.py"),
    ):
        monkeypatch.setattr(sys, "argv", [argv])
        assert command() == wanted
