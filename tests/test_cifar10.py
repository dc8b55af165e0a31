"""The authors' CIFAR-10 nets: sizes, rates, decays, and training on data in their format."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import last_checkpoint, load_example, percentages, read_log, run

import tinynet
from tinynet.reports.summary import rows

CIFAR10 = load_example("cifar10")


def write_cifar10(folder, train=32, test=24):
    """Files in the binary format: five of `train` images, one of `test`. A class is a colour."""
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    folder.mkdir()
    for name in names:
        count = test if name.startswith("test") else train
        labels = np.arange(count, dtype=np.uint8) % 10
        colours = 60 * np.stack([labels % 3, labels // 3 % 3, labels // 9], axis=1)
        pixels = np.repeat(colours, 1024, axis=1) + rng.integers(0, 80, (count, 3072))
        records = np.concatenate([labels[:, None], pixels.astype(np.uint8)], axis=1)
        (folder / name).write_bytes(records.tobytes())
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_cifar10(tmp_path_factory.mktemp("data") / "cifar-10-batches-bin")


@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        # 32x75+32 + 32x800+32 + 64x800+64, then 64x1024+64 + 10x64+10, or 10x1024+10
        ("80sec", 79_328 + 66_250),
        ("18pct", 79_328 + 10_250),
        # 64x75+64 + 64x1600+64, 36 places of 32x576 + 32x288 or 64x576 + 32x576 and a bias each
        ("13pct", 107_328 + 36 * (32 * 576 + 32 * 288 + 64) + 11_530),
        ("11pct", 107_328 + 36 * (64 * 576 + 32 * 576 + 96) + 11_530),
    ],
)
def test_sizes(recipe, parameters):
    image_size = CIFAR10.RECIPES[recipe].image_size
    model = CIFAR10.CifarNet(profile=recipe, image_size=image_size)
    assert sum(p.size for p in model.parameters()) == parameters
    # windows over the edge count: 32 -> 16 -> 8 -> 4 (without them 15, 7, 3)
    side, sides = image_size, []
    for _, layer in model.children():
        if hasattr(layer, "output_size"):
            side = layer.output_size(side, side)[0]
            sides.append(side)
    assert sides == ([32, 16, 16, 8, 8, 4] if image_size == 32 else [24, 12, 12, 6])
    x = np.zeros((2, 3, image_size, image_size), np.float32)
    assert model(x).shape == (2, 10)


@pytest.mark.parametrize(
    ("recipe", "millions"), [("80sec", 12.4), ("18pct", 12.3), ("13pct", 18.5), ("11pct", 19.5)]
)
def test_multiply_adds_of_an_image(recipe, millions):
    side = CIFAR10.RECIPES[recipe].image_size
    found = rows(CIFAR10.CifarNet(profile=recipe, image_size=side), side)
    assert round(sum(row.connections for row in found) / 1e6, 1) == millions


LAYERS = {
    "80sec": "conv1 pool1 relu1 conv2 relu2 pool2 conv3 relu3 pool3 flatten fc64 relu4 fc10",
    "18pct": "conv1 pool1 relu1 norm1 conv2 relu2 pool2 norm2 conv3 relu3 pool3 flatten fc10",
    "13pct": "conv1 pool1 relu1 conv2 relu2 pool2 local3 relu3 local4 relu4 flatten fc10",
    "11pct": "conv1 pool1 relu1 norm1 conv2 relu2 norm2 pool2 local3 relu3 local4 relu4 flatten "
    "fc10",
}


@pytest.mark.parametrize("recipe", LAYERS)
def test_the_order_of_the_layers(recipe):
    layers = dict(CIFAR10.CifarNet(profile=recipe).children())
    assert [*layers] == LAYERS[recipe].split()
    pools = [type(layer).__name__[:3] for name, layer in layers.items() if name.startswith("pool")]
    assert pools == (["Max", "Avg", "Avg"] if "conv3" in layers else ["Max", "Max"])


@pytest.mark.parametrize(
    ("recipe", "fc_std"), [("80sec", 0.1), ("18pct", 0.01), ("13pct", 0.01), ("11pct", 0.01)]
)
def test_initial_weights(recipe, fc_std):
    model = CIFAR10.CifarNet(profile=recipe, seed=3)
    stds = {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01, "fc64": fc_std, "fc10": fc_std}
    stds |= {"local3": 0.04, "local4": 0.04}
    for name, layer in model.children():
        if name in stds:
            # the std of n numbers has a relative error of 1 / sqrt(2n): n is at least 640; 3 sigma
            assert np.isclose(layer.weight.numpy().std(), stds[name], rtol=0.1)
            assert not layer.bias.numpy().any()


@pytest.mark.parametrize(
    ("recipe", "decays"),
    [
        ("80sec", {"co": 0.004, "fc": 0.03}),
        ("18pct", {"co": 0.004, "fc": 1.0}),
        ("13pct", {"co": 0.0, "lo": 0.004, "fc": 0.004}),
        ("11pct", {"co": 0.0, "lo": 0.004, "fc": 0.01}),
    ],
)
def test_rates_and_decays(recipe, decays):
    model = CIFAR10.CifarNet(profile=recipe, width=0.1)
    *groups, biases = CIFAR10.parameter_groups(model, 0.001)
    names = {id(p): name for name, p in model.named_parameters()}
    kinds = [{names[id(p)][:2] for p in group["params"]} for group in groups]
    assert kinds == [{kind} for kind in decays]
    assert [group["weight_decay"] for group in groups] == [*decays.values()]
    assert {group["lr"] for group in groups} == {0.001}
    assert (biases["lr"], biases["weight_decay"]) == (0.002, 0.0)
    assert sum(len(group["params"]) for group in (*groups, biases)) == len(names)
    assert all(names[id(p)].endswith(".bias") for p in biases["params"])


def test_normalization_divides_as_the_authors_do():
    model = CIFAR10.CifarNet(profile="18pct")
    x = np.random.default_rng(0).uniform(0, 200, (1, 1, 3, 3))
    y = model.norm1(tinynet.Tensor(x)).numpy()
    # the middle pixel's window is the whole map: scale 5e-5 is divided by its 9 pixels
    middle = x[0, 0, 1, 1] * (1 + 5e-5 / 9 * (x**2).sum()) ** -0.75
    assert np.isclose(y[0, 0, 1, 1], middle, rtol=1e-12)


def test_normalization_across_maps_divides_too():
    model = CIFAR10.CifarNet(profile="11pct")
    x = np.random.default_rng(0).uniform(0, 200, (1, 9, 1, 1))
    for norm in (model.norm1, model.norm2):
        y = norm(tinynet.Tensor(x)).numpy()
        middle = x[0, 4, 0, 0] * (1 + 1e-3 / 9 * (x**2).sum()) ** -0.75  # k is 1
        assert np.isclose(y[0, 4, 0, 0], middle, rtol=1e-12)


@pytest.mark.parametrize(
    ("recipe", "epochs", "after"),
    [
        ("80sec", 10, {3119: 0.001, 3120: 1e-4, 3900: 1e-4}),
        ("18pct", 140, {46800: 1e-4, 50700: 1e-5}),
        ("13pct", 160, {54599: 1e-3, 54600: 1e-4, 58500: 1e-5}),
        ("11pct", 520, {194999: 1e-3, 195000: 1e-4, 198900: 1e-5}),
    ],
)
def test_schedule_of_the_recipe(recipe, epochs, after):
    """390 batches of 128 an epoch: 8 and 2 epochs, or 120, 10 and 10; 140 or 500, 10 and 10."""
    from tinynet.training.schedule import Drops

    settings = CIFAR10.settings({"profile": recipe, "data": "cifar10"}, "cifar10")
    assert (settings.epochs, settings.batch_size, settings.store_size) == (epochs, 128, 32)
    cropped = recipe in ("13pct", "11pct")
    assert settings.image_size == (24 if cropped else 32)
    assert settings.crop == settings.flip == cropped and settings.pixel_mean is None
    sgd = tinynet.optim.SGD([tinynet.Tensor([1.0], requires_grad=True)], settings.lr)
    schedule, rates = Drops(sgd, settings.drops, steps=390 * settings.epochs), {}
    for step in range(1, 390 * settings.epochs + 1):
        schedule.after_step(step)
        rates[step] = sgd.groups[0]["lr"]
    assert {step: rates[step] for step in after} == pytest.approx(after)


def test_training_learns_and_eval_agrees(data, tmp_path):
    out = tmp_path / "run"
    args = ("--batch-size", 16, "--epochs", 4, "--out", out)
    result = run("train", "--data", data, *args, example="cifar10")
    assert result.status == 0, result.err
    lines = read_log(out)
    validations = [line for line in lines if "val_loss" in line]
    assert abs(lines[0]["loss"] - np.log(10)) < 0.2  # small weights: all classes are alike
    assert validations[-1]["val_top1_error"] < 0.5
    state = tinynet.load(last_checkpoint(out))
    assert (state["network"], state["profile"], state["image_size"]) == ("cifar10", "80sec", 32)
    assert state["classes"][:2] == ["airplane", "automobile"]
    result = run("eval", "--checkpoint", last_checkpoint(out), example="cifar10")
    assert percentages(result.out) == [
        f"{validations[-1][key]:.2%}" for key in ("val_top1_error", "val_top5_error")
    ]
    result = run("eval", "--checkpoint", last_checkpoint(out), "--views", 10, example="cifar10")
    assert result.status == 2 and result.out == ""
    assert "--views 10 needs images larger than a crop" in result.err
    assert "sees them whole, all 32 pixels a side" in result.err


def test_a_recipe_of_crops_learns_and_is_tested_by_nine_views(data, tmp_path):
    out = tmp_path / "run"
    args = ("--recipe", "11pct", "--width", 0.5, "--lr", 0.003, "--batch-size", 16, "--epochs", 5)
    result = run("train", "--data", data, *args, "--out", out, example="cifar10")
    assert result.status == 0, result.err
    lines = read_log(out)
    validations = [line for line in lines if "val_loss" in line]
    assert abs(lines[0]["loss"] - np.log(10)) < 0.2
    assert validations[-1]["val_loss"] < 0.5
    state = tinynet.load(last_checkpoint(out))
    assert (state["image_size"], state["store_size"]) == (24, 32)
    args = ("--checkpoint", last_checkpoint(out), "--views", 9)
    result = run("eval", *args, example="cifar10")
    assert result.status == 0 and "9 views" in result.out, result.err
    assert f"{validations[-1]['val_top1_error']:.2%}" in result.out.splitlines()[-1]  # 1 view


def test_mean_is_each_pixels_own(data, tmp_path):
    args = ("--data", data, "--steps", 1, "--width", 0.1, "--out", tmp_path / "run")
    assert run("train", *args, example="cifar10").status == 0
    mean = tinynet.load(last_checkpoint(tmp_path / "run"))["mean"]
    files = [data / f"data_batch_{i}.bin" for i in range(1, 6)]
    records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    np.testing.assert_allclose(mean.ravel(), records[:, 1:].mean(axis=0), rtol=1e-6)  # float32


def test_resumed_is_as_never_interrupted(data, tmp_path):
    args = ("--data", data, "--recipe", "18pct", "--batch-size", 16, "--width", 0.1)
    args = ("train", *args, "--epochs", 2, "--checkpoint-every", 4)
    run(*args, "--out", tmp_path / "whole", example="cifar10")
    run(*args, "--out", tmp_path / "run", "--steps", 7, example="cifar10")
    run("train", "--resume", "--out", tmp_path / "run", example="cifar10")
    whole, resumed = (last_checkpoint(tmp_path / name) for name in ("whole", "run"))
    assert whole.name == "step-00000020.safetensors"
    assert whole.read_bytes() == resumed.read_bytes()


def test_the_doctor_names_no_flag_of_another_example(data, tmp_path, monkeypatch):
    """Neither recipe begins with better weights than the other."""
    sick = replace(CIFAR10.RECIPES["80sec"], fc_std=0.0)  # the logits ignore the image
    monkeypatch.setitem(CIFAR10.RECIPES, "80sec", sick)
    result = run(
        *("train", "--data", data, "--steps", 1, "--batch-size", 16, "--out", tmp_path / "run"),
        example="cifar10",
    )
    assert result.status == 0, result.err
    (told,) = (line for line in read_log(tmp_path / "run") if "doctor" in line)
    text, *_ = told["doctor"]
    assert text.startswith("training may not start")
    assert text.endswith("Remedy: start with larger weights or smaller biases")
    assert "--profile" not in result.err


def test_damaged_archive_is_status_2(tmp_path):
    archive = tmp_path / "cifar-10-binary.tar.xz"
    archive.write_bytes(b"\xfd7zXZ\x00damaged")
    result = run("train", "--data", archive, example="cifar10")
    assert result.status == 2
    assert result.err.startswith("error: ") and str(archive) in result.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"profile": "12pct"}, "profile expects one of"),
        ({"image_size": 4}, "image_size expects at least 8, got 4"),
        ({"devices": ("cpu", "cpu")}, "expects one device"),
    ],
)
def test_net_that_cannot_be(options, told):
    with pytest.raises(ValueError, match=told):
        CIFAR10.CifarNet(**options)


def test_images_may_be_on_another_device():
    model = CIFAR10.CifarNet(devices="cpu", image_size=13, width=0.2)
    try:
        there = tinynet.device("sim:0")
    except ValueError as reason:
        pytest.skip(str(reason))
    x = np.random.default_rng(0).standard_normal((2, 3, 13, 13)).astype(np.float32)
    y = model(tinynet.Tensor(x, device=there))
    assert y.device.name == "cpu"
    assert np.array_equal(y.numpy(), model(x).numpy())
