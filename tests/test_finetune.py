"""Fine-tuning: what is taken over, what is new, at which rates, and resuming to the same bits."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_runs import (
    TINY,
    last_checkpoint,
    leave_before_first_checkpoint,
    load_example,
    read_log,
    run,
    train,
    without_times,
)

import tinynet
from tinynet.optim import SGD
from tinynet.training import finetuning

SAME = ("--batch-size", "8", "--log-every", "1")  # the part of TINY that is not about the network
COLOURS = {"blue": 2, "green": 1, "red": 0}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Images of three classes, darker than `photos`."""
    folder, rng = tmp_path_factory.mktemp("others"), np.random.default_rng(7)
    for split, count in (("train", 12), ("val", 4)):
        for name, channel in COLOURS.items():
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 60, (70, 80, 3))
                pixels[..., channel] += 60
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "trained"
    train("--data", photos, "--profile", "modern", "--epochs", "2", "--out", out)
    return out


def finetune(*argv, example="alexnet"):
    result = run("finetune", *SAME, *argv, example=example)
    assert result.status == 0, result.err
    return result


def state_of(folder):
    return tinynet.load(last_checkpoint(folder))


def best_of(folder):
    return tinynet.load(folder / "checkpoints" / "best.safetensors")


# ---------------------------------------------------------------- what is taken over


def models(**changes):
    build = load_example("alexnet").AlexNet
    small = {"num_classes": 2, "profile": "paper", "image_size": 64, "width": 0.03}
    known = build(**small, seed=1)
    return known.state_dict(), build(**{**small, "num_classes": 3, "seed": 2, **changes})


@pytest.mark.parametrize("devices", ["cpu", ("cpu", "cpu")])
@pytest.mark.parametrize("classes", [2, 3])
def test_all_but_the_last_layer_is_taken_over(devices, classes):
    """The last one is new even if there are as many classes as before."""
    known, model = models(num_classes=classes, devices=devices)
    fresh = model.state_dict()
    finetuning.take_over(model, known)
    state = model.state_dict()
    for name, array in state.items():
        source = fresh if name.startswith("fc8") else known
        assert np.array_equal(array, source[name]), name
    assert state["fc8.bias"].tolist() == [0] * classes
    assert state["fc8.weight"].std() == pytest.approx(0.01, rel=0.2)  # 246 numbers or more


def test_another_network_is_refused_and_nothing_changed():
    known, model = models(width=0.04)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"AlexNet: conv1.weight expects float32 \(4, 3, 11, 11\)"):
        finetuning.take_over(model, known)
    assert all(np.array_equal(a, before[name]) for name, a in model.state_dict().items())


@pytest.mark.parametrize("devices", ["cpu", ("cpu", "cpu")])
def test_rates(devices):
    """Every parameter in one group; the biases' factor and decay as in the profile."""
    _, model = models(profile="source2012", devices=devices)
    usual = load_example("alexnet").parameter_groups(model, 0.001)
    groups = SGD(finetuning.parameter_groups(usual, model), 0.001).groups
    assert {group["name"]: group["lr"] for group in groups} == pytest.approx(
        {"conv1": 0.001, "weights": 0.001, "new weights": 0.01, "biases": 0.002, "new biases": 0.02}
    )
    assert {group["weight_decay"] for group in groups if "biases" in group["name"]} == {0}
    assert {group["weight_decay"] for group in groups if "weights" in group["name"]} == {5e-4}
    names = {id(p): name for name, p in model.named_parameters()}
    of = {group["name"]: [names[id(p)] for p in group["params"]] for group in groups}
    assert of["new weights"] == ["fc8.weight"]
    assert of["new biases"] == ["fc8.bias"]
    assert sorted(sum(of.values(), [])) == sorted(names.values())


def test_a_group_of_the_last_layer_alone_is_new_as_a_whole():
    model = load_example("cifar10").CifarNet(profile="18pct")
    usual = load_example("cifar10").parameter_groups(model, 0.001)
    groups = finetuning.parameter_groups(usual, model)
    assert [(g["name"], len(g["params"])) for g in groups] == [
        ("conv", 3),
        ("new fc", 1),
        ("biases", 3),
        ("new biases", 1),
    ]


# ---------------------------------------------------------------- the command


def test_a_run_of_other_classes(trained, others, tmp_path):
    out = tmp_path / "run"
    result = finetune("--checkpoint", trained, "--data", others, "--steps", "1", "--out", out)
    known, state = best_of(trained), state_of(out)
    assert state["classes"] == list(COLOURS)
    assert state["model"]["fc8.bias"].shape == (3,)
    for name in ("profile", "width", "image_size", "store_size", "network"):
        assert state[name] == known[name]
    for name in ("mean", "std", "components"):
        assert np.array_equal(state[name], known[name])
    config = json.loads((out / "config.json").read_text())
    assert config["finetuned_from"] == str(trained / "checkpoints" / "best.safetensors")
    assert config["lr"] == pytest.approx(0.001)
    assert config["epochs"] == 30  # a third of the 90 for photographs
    assert f"start    {config['finetuned_from']}; fc8 is new" in result.out
    (change,) = read_log(out)[0]["changes"]
    assert change["lr"] == pytest.approx(
        {"conv1": 1e-3, "weights": 1e-3, "new weights": 1e-2, "biases": 1e-3, "new biases": 1e-2}
    )
    # after one step the known weights have moved only a little from where they were
    moved = [abs(state["model"][n] - known["model"][n]).max() for n in ("conv1.weight", "fc7.bias")]
    assert 0 < max(moved) < 0.01
    assert run("eval", "--checkpoint", out, "--data", others).status == 0


def test_it_learns(trained, others, tmp_path):
    out = tmp_path / "run"
    finetune("--checkpoint", trained, "--data", others, "--epochs", "8", "--out", out)
    errors = [line["val_top1_error"] for line in read_log(out) if "val_top1_error" in line]
    assert min(errors) < 0.4  # of three classes; by chance 0.67


def test_the_same_command_gives_the_same_bits(trained, others, tmp_path):
    states = []
    for workers in ("1", "3"):
        out = tmp_path / workers
        args = ("--checkpoint", trained, "--data", others, "--epochs", "1", "--workers", workers)
        finetune(*args, "--out", out)
        states.append(state_of(out)["model"])
    assert all(np.array_equal(a, states[1][name]) for name, a in states[0].items())


def test_a_run_is_replayed(trained, others, tmp_path):
    """With unusual rates, one of them changed by hand."""
    args = ("--checkpoint", trained, "--data", others, "--epochs", "1")
    finetune(*args, "--lr", "0.002", "--steps", "2", "--out", tmp_path / "one")
    finetune("--resume", "--lr", "0.0005", "--out", tmp_path / "one")
    args = args[:-2]  # the epochs too are the other run's
    finetune(*args, "--replay", tmp_path / "one", "--out", tmp_path / "other")
    one, other = (state_of(tmp_path / name)["model"] for name in ("one", "other"))
    assert all(np.array_equal(a, other[name]) for name, a in one.items())


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_resuming_needs_neither_flags_nor_the_first_checkpoint(trained, others, tmp_path, command):
    start = shutil.copytree(trained, tmp_path / "start")
    args = ("--checkpoint", start, "--data", others, "--epochs", "2", "--lr", "0.0005")
    finetune(*args, "--out", tmp_path / "whole")
    finetune(*args, "--steps", "6", "--out", tmp_path / "cut")
    shutil.rmtree(start)
    result = run(command, "--resume", "--out", tmp_path / "cut")
    assert result.status == 0, result.err
    whole, cut = state_of(tmp_path / "whole"), state_of(tmp_path / "cut")
    assert whole["step"] == cut["step"] == 8
    for a, b in (
        (whole["model"], cut["model"]),
        (whole["optimizer"]["velocity"], cut["optimizer"]["velocity"]),
    ):
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[name], b[name]) for name in a)
    logs = [without_times(read_log(tmp_path / name)) for name in ("whole", "cut")]
    assert logs[0][-1] == logs[1][-1]
    assert json.loads((tmp_path / "cut" / "config.json").read_text())["finetuned_from"]


def test_a_run_left_before_its_first_checkpoint_begins_with_the_same(trained, others, tmp_path):
    args = ("--checkpoint", trained, "--data", others, "--epochs", "1")
    finetune(*args, "--out", tmp_path / "whole")
    finetune(*args, "--out", tmp_path / "left")
    leave_before_first_checkpoint(tmp_path / "left")
    finetune("--resume", "--out", tmp_path / "left")
    whole, left = (state_of(tmp_path / name)["model"] for name in ("whole", "left"))
    assert all(np.array_equal(a, left[name]) for name, a in whole.items())


def test_a_run_without_a_checkpoint_is_still_fine_tuned_on_other_data(
    photos, trained, others, tmp_path
):
    args = ("--checkpoint", trained, "--epochs", "1", "--lr", "0.002")
    finetune(*args, "--data", photos, "--out", tmp_path / "whole")
    finetune(*args, "--data", others, "--out", tmp_path / "left")
    leave_before_first_checkpoint(tmp_path / "left")
    told = run("train", "--resume", "--profile", "paper", "--out", tmp_path / "left")
    assert told.status == 2 and told.err.count("\n") == 1
    assert (
        f"fine-tunes {trained / 'checkpoints' / 'best.safetensors'}: profile modern, now paper."
        in told.err
    )
    result = run("train", "--resume", "--data", photos, "--out", tmp_path / "left")
    assert result.status == 0, result.err
    assert last_checkpoint(tmp_path / "left").read_bytes() == (
        last_checkpoint(tmp_path / "whole").read_bytes()
    )


def test_resume_begins_where_there_is_nothing(trained, others, tmp_path):
    args = ("--checkpoint", trained, "--data", others, "--steps", "1")
    finetune("--resume", *args, "--out", tmp_path / "run")
    assert state_of(tmp_path / "run")["step"] == 1


def test_two_towers(trained, others, tmp_path):
    """On two devices it is the same run, except for rounding, as sums are in another order."""
    args = ("--checkpoint", trained, "--data", others, "--steps", "2")
    finetune(*args, "--out", tmp_path / "one")
    finetune(*args, "--devices", "cpu,cpu", "--out", tmp_path / "two")
    one, two = (state_of(tmp_path / name)["model"] for name in ("one", "two"))
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("recipe", ["80sec", "18pct", "11pct"])
def test_the_cifar_nets(photos, others, tmp_path, recipe):
    args = ("--image-size", "16", "--width", "0.2", "--epochs", "1", *SAME)
    args += ("--recipe", recipe, "--data", photos, "--out", tmp_path / "start")
    assert run("train", *args, example="cifar10").status == 0
    args = ("--checkpoint", tmp_path / "start", "--data", others, "--steps", "2")
    finetune(*args, "--out", tmp_path / "run", example="cifar10")
    state = state_of(tmp_path / "run")
    assert (state["profile"], state["classes"]) == (recipe, list(COLOURS))


def test_what_divides_the_pixels_is_the_checkpoints_too(photos, tmp_path):
    """LeNet's mean and std are those of strokes, or of colours: never one of each."""
    args = ("--profile", "1998", *SAME, "--out", tmp_path / "start")
    assert run("train", *args, "--data", photos, "--epochs", "1", example="lenet").status == 0
    path = last_checkpoint(tmp_path / "start")
    strokes = tinynet.load(path) | {"std": np.full(3, 200, np.float32)}
    tinynet.save(path, strokes)
    args = ("--data", photos, "--out", tmp_path / "run")
    finetune("--checkpoint", path, *args, "--steps", "1", example="lenet")
    assert state_of(tmp_path / "run")["std"].tolist() == [200] * 3
    assert run("train", "--resume", "--out", tmp_path / "run", example="lenet").status == 0
    assert state_of(tmp_path / "run")["std"].tolist() == [200] * 3


# ---------------------------------------------------------------- what is refused


def refused(*argv, example="alexnet"):
    result = run("finetune", *argv, example=example)
    assert result.status == 2
    assert "Traceback" not in result.err
    return result.err


def test_flags_that_are_missing(trained, others, tmp_path):
    out = tmp_path / "run"
    assert "finetune needs --checkpoint" in refused("--data", others, "--out", out)
    assert "finetune needs --data" in refused("--checkpoint", trained, "--out", out)
    assert "finetune needs --checkpoint" in refused("--resume", "--out", out)
    assert "--resume needs --out" in refused("--resume", "--checkpoint", trained, "--data", others)
    assert not out.exists()


@pytest.mark.parametrize("flag", [("--profile", "paper"), ("--width", "1"), ("--image-size", "64")])
def test_flags_that_are_the_checkpoints(trained, others, flag):
    told = refused("--checkpoint", trained, "--data", others, *flag)
    assert f"finetune: error: has no flag {flag[0]}" in told


def test_a_replay_of_training_says_nothing_of_the_new_layer(trained, others):
    told = refused("--checkpoint", trained, "--data", others, "--replay", trained)
    assert "no rate for new biases and new weights, which this network has besides conv1" in told


def test_a_schedule_for_the_start(trained, others):
    told = refused("--checkpoint", trained, "--data", others, "--schedule", "145")
    assert "finetune takes plateau or --replay" in told


def test_checkpoints_that_are_none(trained, others, tmp_path):
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing of the kind")
    tinynet.save(tmp_path / "foreign.safetensors", {"weights": np.zeros(3)})
    for path, told in (
        (tmp_path / "nothing", "no such checkpoint"),
        (tmp_path / "damaged.safetensors", "is damaged or not a safetensors file"),
        (tmp_path / "foreign.safetensors", "holds no network that was trained by an example"),
    ):
        assert told in refused("--checkpoint", path, "--data", others)
    told = refused("--checkpoint", trained, "--data", others, example="cifar10")
    assert "is a checkpoint of examples/alexnet.py, not of cifar10" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"profile": "resnet"}, "'resnet'"),
        ({"width": 0.5}, "does not fit: AlexNet: "),
        ({"mean": np.zeros((3, 60, 61))}, "does not fit: mean is of shape"),
        ({"components": None}, "does not fit: it lacks 'components'"),
    ],
)
def test_checkpoints_that_do_not_fit(trained, others, tmp_path, change, told):
    state = {**best_of(trained), **change}
    state = {name: value for name, value in state.items() if value is not None}
    path = tmp_path / "changed.safetensors"
    tinynet.save(path, state)
    message = refused("--checkpoint", path, "--data", others, "--out", tmp_path / "run")
    assert told in message
    assert str(path) in message


def test_the_checkpoint_may_be_spelled_otherwise(trained, others, tmp_path, monkeypatch):
    out = tmp_path / "run"
    monkeypatch.chdir(trained.parent)
    finetune("--checkpoint", trained.name, "--data", others, "--steps", "1", "--out", out)
    monkeypatch.chdir(trained)
    finetune("--resume", "--checkpoint", f"../{trained.name}", "--steps", "2", "--out", out)
    assert state_of(out)["step"] == 2


def test_a_run_that_began_otherwise(trained, others, tmp_path):
    args = ("--data", others, "--steps", "1", *SAME)
    finetune("--checkpoint", trained, *args, "--out", tmp_path / "run")
    other = shutil.copy(last_checkpoint(trained), tmp_path / "other.safetensors")
    told = refused("--resume", "--checkpoint", other, "--out", tmp_path / "run")
    assert f"started from {trained / 'checkpoints' / 'best.safetensors'}, not from" in told
    told = refused("--resume", "--checkpoint", trained, "--data", others, "--out", trained)
    assert "was started by train, not finetune: resume it with train --resume" in told
    told = refused("--checkpoint", trained, *args, "--out", tmp_path / "run")
    assert "is not empty" in told


def test_towers_on_two_devices_where_there_is_one(photos, others, tmp_path):
    train(
        *TINY, "--profile", "one-tower", "--data", photos, "--epochs", "1", "--out", tmp_path / "a"
    )
    args = ("--checkpoint", tmp_path / "a", "--data", others, "--devices", "cpu,cpu")
    assert "one-tower has one tower" in refused(*args, "--out", tmp_path / "b")
