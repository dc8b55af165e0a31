"""`export --out`: a network without what it takes to train on, and with where it comes from."""

import json
import shlex
import shutil
from dataclasses import asdict

import pytest
from tiny_runs import last_checkpoint, load_example, read_log, run, train

import tinynet
from tinynet.commands import finetune as finetune_command
from tinynet.commands import train as train_command


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """Two epochs of five steps, a line of the log for each, a checkpoint after each third."""
    out = tmp_path_factory.mktemp("runs") / "trained"
    flags = ("--profile", "modern", "--epochs", 2, "--checkpoint-every", 3, "--seed", 7)
    train(*flags, "--data", photos, "--out", out)
    return out


def export(checkpoint, out):
    result = run("export", "--checkpoint", checkpoint, "--out", out)
    assert result.status == 0, result.err
    return result


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "run"
    export(last_checkpoint(trained), out)
    return out


def test_it_knows_the_same_without_the_velocities(trained, exported, photos):
    picture = photos / "val" / "red" / "0.png"
    for command in (("predict", picture), ("eval", "--data", photos)):
        outputs = []
        for folder in (last_checkpoint(trained), last_checkpoint(exported)):
            result = run(command[0], "--checkpoint", folder, *command[1:])
            assert result.status == 0, result.err
            outputs.append(result.out.replace(str(folder), ""))
        assert outputs[0] == outputs[1]
    whole, alone = (last_checkpoint(folder) for folder in (trained, exported))
    velocities = sum(array.nbytes for array in tinynet.load(alone)["model"].values())
    assert whole.stat().st_size - alone.stat().st_size > velocities


def test_it_says_where_it_comes_from(trained, exported):
    made = tinynet.load(last_checkpoint(exported))["made"]
    (*_, validation) = (line for line in read_log(trained) if "val_loss" in line)
    names = ("val_loss", "val_top1_error", "val_top5_error")
    assert made == {
        "command": made["command"],
        "version": tinynet.__version__,
        **{name: validation[name] for name in names},
    }
    assert made["command"].startswith("python examples/alexnet.py train --profile modern --width ")
    assert " --seed 7 " in made["command"]


def test_a_network_that_was_not_validated_has_no_error(trained, tmp_path):
    result = export(trained / "checkpoints" / "step-00000009.safetensors", tmp_path / "run")
    made = tinynet.load(last_checkpoint(tmp_path / "run"))["made"]
    assert made.keys() == {"command", "version"} and "error" not in result.out
    assert max(line["step"] for line in read_log(tmp_path / "run")) <= 9


def test_what_was_changed_by_hand_is_told_beside_the_command(photos, tmp_path):
    out = tmp_path / "run"
    train("--profile", "modern", "--epochs", 2, "--steps", 3, "--data", photos, "--out", out)
    result = run("train", "--resume", "--out", out, "--lr", 0.002)
    assert result.status == 0, result.err
    result = export(last_checkpoint(out), tmp_path / "exported")
    made = tinynet.load(last_checkpoint(tmp_path / "exported"))["made"]
    assert " --lr 0.01 " in f"{made['command']} " and "0.002" not in made["command"]
    assert (
        made["then"] == "after 0.6 epochs: learning rate set to 0.002 from 0.01 - changed by hand"
    )
    assert f"then     {made['then']}\n" in result.out


def test_the_log_is_short_and_the_settings_are_kept(trained, exported):
    lines, short = read_log(trained), read_log(exported)
    kept = (1, 5, 8, 10)  # the first; the last of each epoch, and its validation; the rate fell
    assert short == [line for line in lines if line["step"] in kept or "doctor" in line]
    assert sum("val_loss" in line for line in short) == 2
    configs = [json.loads((folder / "config.json").read_text()) for folder in (trained, exported)]
    assert configs[0] == configs[1] and configs[0]["tinynet"] == tinynet.__version__


def test_training_does_not_go_on_from_it_but_may_begin_with_it(exported, photos, tmp_path):
    before = sorted(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    result = run("train", "--resume", "--out", exported)
    assert result.status == 2 and result.err.count("\n") == 1
    assert f"error: {exported} was exported: it holds a network alone" in result.err
    assert f"finetune --checkpoint {exported}\n" in result.err
    assert sorted(path.read_bytes() for path in exported.rglob("*") if path.is_file()) == before
    flags = ("--data", photos, "--steps", 1, "--batch-size", 8, "--out", tmp_path / "run")
    result = run("finetune", "--checkpoint", exported, *flags)
    assert result.status == 0, result.err


def test_what_is_refused(trained, exported, tmp_path):
    alone = shutil.copy(last_checkpoint(trained), tmp_path)
    for checkpoint, out, told in (
        (alone, tmp_path / "a", "lies in no run's folder"),
        (trained, exported, "is not empty: give another"),
        (tmp_path / "none", tmp_path / "a", "no such checkpoint"),
        (trained / "log.jsonl", tmp_path / "a", "damaged or not a safetensors file"),
    ):
        result = run("export", "--checkpoint", checkpoint, "--out", out)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("error: ") and result.err.count("\n") == 1
        assert told in result.err
    result = run("export", "--checkpoint", trained, "--out", tmp_path / "a", example="cifar10")
    assert result.status == 2 and "is a checkpoint of examples/alexnet.py" in result.err
    assert not (tmp_path / "a").exists()


# -------------------------------------------------------------------- the command that made a run


def settings_of(words, monkeypatch):
    """The settings with which these words would begin a run."""
    found = []

    def keep(example, settings, folder, resume, report):
        found.append(settings)
        return 0

    monkeypatch.setattr(train_command, "run_training", keep)
    monkeypatch.setattr(finetune_command, "run_training", keep)
    program, *argv = words
    result = run(*argv, example=program.removeprefix("examples/").removesuffix(".py"))
    assert result.status == 0, result.err
    return found[0]


def assert_command_makes_the_same_settings(words, monkeypatch):
    settings = settings_of(words, monkeypatch)
    config = json.loads(json.dumps(asdict(settings)))  # as in a file
    example = load_example(settings.network).EXAMPLE
    python, *again = shlex.split(train_command.command_of(example, config))
    assert python == "python"
    found = settings_of(again, monkeypatch)
    # The words may come in another order, and with them the names of the flags given.
    assert sorted(found.flags_given) == sorted(settings.flags_given)
    assert {**asdict(found), "flags_given": ()} == {**asdict(settings), "flags_given": ()}


@pytest.mark.parametrize(
    "line",
    [
        "cifar10 train",
        "cifar10 train --recipe 18pct --data cifar10 --epochs 3 --steps 7 --devices cpu",
        "alexnet train --width 0.30000001 --image-size 70 --seed 4294967295 --lr 1e-05 --no-tf32",
        "alexnet train --batch-size 3 --workers 1 --cache 1.5MB --log-every 3 --checkpoint-every 9",
        "alexnet train --cache 0 --schedule 145 --data 'a b'",
        "lenet train --schedule plateau --profile relu",
    ],
)
def test_the_command_is_that_of_the_run(line, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    example, *argv = shlex.split(line)
    assert_command_makes_the_same_settings([f"examples/{example}.py", *argv], monkeypatch)


def test_the_command_of_a_run_that_repeats_or_begins_with_another(trained, photos, monkeypatch):
    for argv in (
        ("train", "--replay", trained, "--profile", "modern"),
        ("finetune", "--checkpoint", trained, "--data", photos, "--lr", 0.5),
    ):
        words = ["examples/alexnet.py", *map(str, argv)]
        assert_command_makes_the_same_settings(words, monkeypatch)
