"""The training loop: what a run leaves behind, and what goes wrong."""

import math
import re

import numpy as np
import pytest
from full_disk import full_disk
from tiny_runs import (
    TINY,
    assert_same_end,
    last_checkpoint,
    load_example,
    percentages,
    read_log,
    read_steps,
    run,
    train,
    write_photos,
)

import tinynet
from tinynet import nn
from tinynet.training.non_finite import first_bad_layer
from tinynet.training.scores import Tally, ranks

# ---------------------------------------------------------------- what a run leaves behind


def test_log_has_the_keys_of_the_contract(whole):
    lines = read_log(whole)
    training = [line for line in lines if "loss" in line]
    validation = [line for line in lines if "val_top1_error" in line]
    assert len(training) == 20 and len(validation) == 4
    always = {"epoch", "step", "lr", "seconds"}
    measured = {"loss", "top1_error", "top5_error", "images_per_s", "data_wait"}
    for line in training:
        assert line.keys() - {"event", "changes"} == always | measured
        assert 0 <= line["top5_error"] <= line["top1_error"] <= 1 and 0 <= line["data_wait"] <= 1
        assert line["loss"] > 0 and line["images_per_s"] > 0
    for line in validation:
        errors = {"val_loss", "val_top1_error", "val_top5_error"}
        assert line.keys() == always | errors | {"save_seconds"}
    waited = [line["save_seconds"] for line in validation]
    assert waited == sorted(waited) and 0 <= waited[0] <= waited[-1] < validation[-1]["seconds"]
    assert [line["step"] for line in training] == list(range(1, 21))
    assert [line["epoch"] for line in validation] == [1, 2, 3, 4]
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    # modern: the rate falls after three quarters of the run
    assert [line["lr"] for line in training[13:16]] == [0.01, 0.01, 0.001]
    assert "75% of the run is done" in training[14]["event"]


def test_run_learns_red_from_green(whole):
    losses = [line["loss"] for line in read_log(whole) if "loss" in line]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])


def test_loss_is_the_mean_of_the_interval(photos, whole, tmp_path):
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--log-every", 4)
    train(*args, "--steps", 4, "--out", tmp_path / "run")
    each = read_log(whole)[:4]
    (line, _) = read_log(tmp_path / "run")
    assert math.isclose(line["loss"], np.mean([x["loss"] for x in each]), rel_tol=1e-12)
    assert math.isclose(line["top1_error"], np.mean([x["top1_error"] for x in each]))


def test_checkpoints_keep_the_last_three_and_the_best(whole):
    names = sorted(path.name for path in (whole / "checkpoints").iterdir())
    steps = [f"step-{step:08d}.safetensors" for step in (10, 15, 20)]
    assert names == ["best.safetensors", *steps]
    validations = [line for line in read_log(whole) if "val_loss" in line]
    best = min(validations, key=lambda line: line["val_top1_error"])
    state = tinynet.load(whole / "checkpoints" / "best.safetensors")
    assert state["step"] == best["step"]
    described = [state[key] for key in ("profile", "width", "image_size", "classes")]
    assert described == ["modern", 0.03, 64, ["green", "red"]]


def test_eval_is_exactly_the_validation(whole):
    validations = [line for line in read_log(whole) if "val_loss" in line]
    result = run("eval", "--checkpoint", last_checkpoint(whole))
    assert result.status == 0
    last = validations[-1]
    assert percentages(result.out) == [
        f"{last[key]:.2%}" for key in ("val_top1_error", "val_top5_error")
    ]
    assert f"loss {last['val_loss']:.4f}" in result.out


def test_partly_unreadable_data_train_and_are_told_of(tmp_path):
    photos = write_photos(tmp_path / "photos", train=9, val=3)
    bad = [photos / "train" / "red" / "0.png", photos / "val" / "green" / "1.png"]
    for path in bad:
        path.write_bytes(b"no image")
    result = train("--profile", "modern", "--data", photos, "--epochs", 3, "--out", tmp_path / "r")
    for path in bad:
        assert result.err.count(f"skipped {path}") == 1
    assert "skipped  2 files" in result.out


# ---------------------------------------------------------------- numbers gone bad, disk full


@pytest.mark.parametrize(
    ("steps", "rate", "told"),
    [
        (2, "1e30", "the loss of step 4 is nan"),
        (4, "1e30", "after step 5 the validation loss is nan or inf"),
        (4, "1e37", "after step 5 the validation loss is nan or inf"),
    ],
)
def test_nan_names_the_layer_and_keeps_the_last_good_checkpoint(
    photos, tmp_path, steps, rate, told
):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    train(*args, "--steps", steps)
    good = last_checkpoint(out).read_bytes()
    result = run("train", "--resume", "--out", out, "--lr", rate)
    assert result.status == 1
    *progress, error = result.err.splitlines()
    assert all("waiting for data" in line for line in progress)
    assert error.startswith("error: ") and told in error
    assert re.search(r"layer conv\d: its (weight|output) has (nan|inf) in", error)
    assert "lower --lr" in error and f"--resume --out {out}" in error
    assert str(last_checkpoint(out)) in error
    assert last_checkpoint(out).read_bytes() == good


def tiny_alexnet(**options) -> nn.Sequential:
    return load_example("alexnet").AlexNet(3, image_size=64, width=0.03, **options)


@pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda m: m.conv3.weight.data.__setitem__((0, 0, 0, 0), np.nan), "conv3: its weight has"),
        (lambda m: m.fc7.bias.data.__setitem__(1, np.inf), "fc7: its bias has inf in 1 of"),
        (lambda m: m.conv2.weight.data.__imul__(1e38), "conv2: its output has"),
    ],
)
def test_first_bad_layer(spoil, told):
    model = tiny_alexnet(profile="modern")
    x = tinynet.Tensor(np.random.default_rng(0).standard_normal((2, 3, 64, 64), np.float32))
    spoil(model)
    model(x)
    assert f"layer {told}" in first_bad_layer(model, x)


def test_a_nan_in_a_later_batch_of_the_validation_is_found(photos, tmp_path, monkeypatch):
    """The 12 validation images are two batches; in the second one conv3 gives a nan."""
    forward, lengths = nn.Conv2d.forward, []

    def spoiled(self, x):
        y = forward(self, x)
        if len(x) == 4 and self.weight.shape[2:] == (3, 3):  # the second batch has 4 images
            lengths.append(len(x))
            y.data[0, 0, 0, 0] = np.nan
        return y

    monkeypatch.setattr(nn.Conv2d, "forward", spoiled)
    args = ("--profile", "modern", "--data", photos, "--epochs", 1, "--out", tmp_path / "run")
    result = run("train", *TINY, *args)
    assert result.status == 1 and lengths
    assert "the validation loss is nan or inf: layer conv3: its output has nan" in result.err


def test_bad_weights_are_never_saved(photos, tmp_path, monkeypatch):
    """The loss of step 3 was finite, but its update was not: no checkpoint may hold that."""
    step, calls = tinynet.optim.SGD.step, []

    def spoil_the_third(self):
        step(self)
        calls.append(self)
        if len(calls) == 3:
            self.groups[2]["params"][3].data[0] = np.nan

    monkeypatch.setattr(tinynet.optim.SGD, "step", spoil_the_third)
    args = ("--profile", "modern", "--data", photos, "--checkpoint-every", 1)
    result = run("train", *TINY, *args, "--out", tmp_path / "run")
    assert result.status == 1
    assert "after step 3 the parameter conv4.bias has nan in 1 of" in result.err
    assert read_steps(tmp_path / "run") == 2


def test_full_disk_leaves_the_old_checkpoint(photos, whole, tmp_path):
    out = tmp_path / "run"
    args = ("--profile", "modern", "--data", photos, "--epochs", 4, "--out", out)
    train(*args, "--steps", 7)
    good = last_checkpoint(out)
    with full_disk(good.stat().st_size // 2):
        result = run("train", "--resume", "--out", out)
    assert result.status == 1
    assert "error: " in result.err and str(good) in result.err
    assert last_checkpoint(out) == good
    assert not list((out / "checkpoints").glob(".*"))
    train("--resume", "--out", out)
    assert_same_end(out, whole)


# ---------------------------------------------------------------- the parts


def test_ranks_count_ties_and_nans_against_the_network():
    logits = np.array([[1, 5, 3], [2, 2, 2], [2, 2, 2], [np.nan, 1, 0], [0, np.nan, 1]])
    #  label 2: one before it; ties: 0 is first, 2 last; a nan stands before all; a nan is last
    assert ranks(logits, np.array([2, 0, 2, 1, 1])).tolist() == [1, 0, 2, 1, 3]


def test_tally_weighs_batches_by_their_size():
    tally = Tally()
    tally.add(3.0, np.eye(6)[[0, 1, 2]], np.array([0, 1, 5]))
    tally.add(1.0, np.eye(6)[[3]], np.array([3]))
    scores = tally.scores()
    # the label 5 is the last of the zeros, so that five others stand before it
    assert (scores.images, scores.loss) == (4, 1.0)
    assert (scores.top1_error, scores.top5_error) == (0.25, 0.25)
