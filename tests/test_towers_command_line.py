"""`--devices A,B`: training, testing and checking in two towers from the command line."""

import numpy as np
import pytest
from tiny_runs import (
    last_checkpoint,
    percentages,
    read_log,
    run,
    train,
    without_times,
)

import tinynet
from tinynet import nn
from tinynet.commands import gradient_cases


@pytest.fixture(params=["cpu,cpu", "sim:0,sim:1"])
def devices(request):
    try:
        for name in request.param.split(","):
            tinynet.device(name)
    except ValueError as reason:
        pytest.skip(str(reason))
    return request.param


def weights(folder):
    return tinynet.load(last_checkpoint(folder))["model"]


def test_a_run_in_two_towers_is_the_run_on_one_device(photos, tmp_path, devices):
    # he initialization: with weights of 0.01 the gradients of a net this thin are as small as
    # rounding, and their sums come in another order
    args = ("--profile", "modern", "--data", photos, "--epochs", 2)
    train(*args, "--devices", "cpu", "--out", tmp_path / "one")
    result = train(*args, "--devices", devices, "--out", tmp_path / "two", draws=True)
    a, b = devices.split(",")
    assert f"\ndevices  tower a on {a}, tower b on {b}; " in result.out
    assert (tmp_path / "two" / "figures" / "filters.png").is_file()
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in one:
        # float32; ten steps of sums in another order
        assert np.abs(two[name] - one[name]).max() <= 2e-5 * np.abs(one[name]).max(), name
    losses = [[line.get("loss", 0) for line in read_log(tmp_path / run)] for run in ("one", "two")]
    np.testing.assert_allclose(*losses, rtol=2e-5)


def test_a_run_goes_on_in_two_towers_and_comes_back(photos, tmp_path, devices):
    args = ("--profile", "modern", "--data", photos, "--epochs", 2, "--out", tmp_path / "run")
    train(*args, "--devices", devices, "--steps", 3)
    before = weights(tmp_path / "run")
    # with no steps left, the checkpoint is read on one device and written again: the same bits
    train(*args, "--devices", "cpu", "--steps", 3, "--resume")
    after = weights(tmp_path / "run")
    assert all(np.array_equal(after[name], before[name]) for name in before)
    train(*args, "--devices", "cpu", "--steps", 4, "--resume")
    train(*args, "--devices", devices, "--resume")
    assert read_log(tmp_path / "run")[-1]["step"] == 10


def test_resumed_in_two_towers_a_run_has_the_same_bits(photos, tmp_path, devices):
    args = ("--data", photos, "--epochs", 2, "--devices", devices)
    train(*args, "--out", tmp_path / "straight")
    train(*args, "--out", tmp_path / "cut", "--steps", 5)  # one epoch
    train("--resume", "--out", tmp_path / "cut")
    straight, cut = weights(tmp_path / "straight"), weights(tmp_path / "cut")
    assert all(np.array_equal(cut[name], straight[name]) for name in straight)
    assert without_times(read_log(tmp_path / "cut")) == without_times(
        read_log(tmp_path / "straight")
    )


def test_eval_and_predict_in_two_towers(photos, tmp_path, devices):
    train("--data", photos, "--epochs", 1, "--out", tmp_path / "run")
    args = ("eval", "--checkpoint", tmp_path / "run", "--data", photos, "--devices")
    one, two = run(*args, "cpu"), run(*args, devices)
    assert two.status == 0, two.err
    assert percentages(two.out) == percentages(one.out) != []
    picture = next((photos / "val" / "red").iterdir())
    result = run("predict", "--checkpoint", tmp_path / "run", "--devices", devices, picture)
    assert result.status == 0 and len(percentages(result.out)) == 2


def test_check_grads_in_two_towers(devices, monkeypatch):
    few = {"relu": gradient_cases.CASES["relu"]}
    monkeypatch.setattr(gradient_cases, "CASES", few)
    asked = []

    def note(model, image_size):
        asked.append([p.device.name for p in model.parameters()])
        return 0.0

    monkeypatch.setattr(gradient_cases, "check_network", note)
    result = run("check-grads", "--devices", devices)
    assert result.status == 0, result.err
    assert "alexnet caffe" in result.out and "normalizes over the maps of both towers" in result.out
    assert all(set(names) == set(devices.split(",")) for names in asked) and len(asked) > 3


def test_bad_numbers_in_a_tower_are_found(photos, tmp_path, devices, monkeypatch):
    forward = nn.Conv2d.forward

    def bad(self, x):
        y = forward(self, x)
        third = self.weight.shape[1:] == (8, 3, 3) and y.device.name == devices.split(",")[1]
        return y * float("nan") if third else y

    monkeypatch.setattr(nn.Conv2d, "forward", bad)
    args = ("--data", photos, "--devices", devices, "--out", tmp_path / "run")
    result = run("train", "--image-size", "64", "--width", "0.03", *args)
    assert result.status == 1
    assert "layer conv3: its output has nan" in result.err


@pytest.mark.parametrize(
    ("devices", "example", "message"),
    [
        ("cpu,cpu,cpu", "alexnet", "devices expects one device or two"),
        ("cpu,sim:99", "alexnet", "'sim:99'"),
        ("cpu,", "alexnet", "expected 'cpu', 'cuda:N' or 'sim:N', got ''"),
        ("cpu,cpu", "cifar10", "CifarNet: devices expects one device"),
    ],
)
def test_devices_that_will_not_do(devices, example, message, tmp_path):
    args = ("--data", "shapes", "--devices", devices, "--out", tmp_path / "run")
    result = run("train", *args, example=example)
    assert (result.status, result.out) == (2, "")
    assert message in result.err and "Traceback" not in result.err


def test_a_profile_without_towers_says_so(photos, tmp_path):
    args = ("--data", photos, "--profile", "owt", "--devices", "cpu,cpu", "--out", tmp_path / "run")
    result = run("train", "--image-size", "64", *args)
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("error: AlexNet: devices expects one device")
    assert result.err.endswith("owt has one tower\n")


@pytest.mark.parametrize("command", ["train", "eval", "plan"])
def test_help_offers_two_devices_where_there_can_be_two_towers(command):
    offered = [
        "a tower of the network" in " ".join(run(command, "--help", example=example).out.split())
        for example in ("alexnet", "cifar10")
    ]
    assert offered == [True, False]
