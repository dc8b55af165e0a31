"""LeNet-5: its sizes, its table, its output, its first weights; and that it learns."""

from itertools import chain

import numpy as np
import pytest
from test_data_fashion_mnist import idx
from tiny_runs import last_checkpoint, load_example, read_log, run

import tinynet
from tinynet import Tensor
from tinynet.commands import exact_networks
from tinynet.data import open_dataset
from tinynet.exact_gradient_check import RTOL
from tinynet.reports.summary import rows

LENET = load_example("lenet")


def test_it_has_the_papers_sizes():
    """Section II.B, layer by layer; the paper counts a connection for each bias, too."""
    found = {row.name: row for row in rows(LENET.LeNet(), 32)}
    parameters = {name: row.parameters for name, row in found.items() if row.parameters}
    assert parameters == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert sum(parameters.values()) == 60_000
    connections = {
        name: row.connections + row.neurons for name, row in found.items() if row.parameters
    }
    assert connections == {
        "c1": 122_304,
        "s2": 5_880,
        "c3": 151_600,
        "s4": 2_000,
        "c5": 48_120,
        "f6": 10_164,
    }
    assert sum(connections.values()) + found["output"].connections == 340_908
    sizes = [found[name].output for name in ("c1", "s2", "c3", "s4", "c5")]
    assert sizes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)]


@pytest.mark.parametrize(
    ("profile", "parameters"), [("1998", 60_000), ("softmax", 60_850), ("relu", 60_806)]
)
def test_the_versions(profile, parameters):
    model = LENET.LeNet(profile=profile)
    assert sum(p.size for p in model.parameters()) == parameters
    assert model(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 10)


def test_the_table_is_the_papers():
    """Table I: the first six see three maps in a row, then six see four, three have a gap, one all;
    each of the six maps is seen ten times.
    """
    assert LENET.TABLE[:2] == [(0, 1, 2), (1, 2, 3)] and LENET.TABLE[5] == (0, 1, 5)
    assert LENET.TABLE[6] == (0, 1, 2, 3) and LENET.TABLE[11] == (0, 1, 2, 5)
    assert LENET.TABLE[12:] == [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)]
    seen = [*chain(*LENET.TABLE)]
    assert len(set(LENET.TABLE)) == 16 and [seen.count(i) for i in range(6)] == [10] * 6


def test_a_map_of_c3_sees_the_maps_of_its_row_alone(device):
    layer = LENET.LeNet(devices=device.name, dtype="float64").c3
    x = np.random.default_rng(0).standard_normal((1, 6, 7, 7))
    before = layer(Tensor(x, device=device)).numpy()
    for channel in range(6):
        other = x.copy()
        other[:, channel] += 1
        changed = (layer(Tensor(other, device=device)).numpy() != before).all(axis=(0, 2, 3))
        assert [*np.flatnonzero(changed)] == [
            o for o, seen in enumerate(LENET.TABLE) if channel in seen
        ]


def test_by_hand():
    # 1 2   sum 10, times 0.5, plus 3
    # 3 4
    pool = LENET.Subsampling(1, "cpu", "float64")
    pool.weight.write(0.5)
    pool.bias.write(3.0)
    assert pool(Tensor(np.array([[[[1.0, 2], [3, 4]]]]))).item() == 8
    squash = LENET.ScaledTanh()
    np.testing.assert_allclose(squash(Tensor([1.0, -1.0])).numpy(), [1, -1], atol=1e-4)
    output = LENET.RadialBasis(84, 10, "float64")
    codes = output.codes
    logits = output(Tensor(codes[[3]])).numpy()[0]
    assert logits.argmax() == 3 and logits[3] == 0
    assert logits[5] == -4 * (codes[3] != codes[5]).sum()  # each difference is 2
    assert set(codes.ravel()) == {-1, 1}


def test_the_first_weights():
    model = LENET.LeNet(seed=3)
    for name, fan_in in (("c1", 25), ("s2", 4), ("c5", 400), ("f6", 120)):
        weight = np.abs(getattr(model, name).weight.numpy()).max()
        assert 0.4 * 2.4 / fan_in < weight <= 2.4 / fan_in
    c3 = np.abs(model.c3.weight.numpy())
    assert c3[:3].max() <= 2.4 / 75 < c3[:18].max() * 1.1  # the first map sees three maps
    assert c3[-6:].max() <= 2.4 / 150  # the last sees six
    relu = LENET.LeNet(profile="relu", seed=3).c5.weight.numpy()
    assert np.isclose(relu.std(), np.sqrt(2 / 400), rtol=0.05)
    assert not any(p.numpy().any() for name, p in model.named_parameters() if "bias" in name)


@pytest.mark.parametrize("profile", LENET.VERSIONS)
def test_gradients(profile):
    model = LENET.LeNet(5, profile, width=0.05, dtype="float64")
    assert exact_networks.check_network(model, 32) <= RTOL


def test_the_white_of_a_digit_is_1_175():
    settings = LENET.settings({"data": "mnist"}, "mnist")
    black, white = ((p - settings.pixel_mean[0]) / settings.pixel_std[0] for p in (0, 255))
    assert (black, white) == (-0.1, 1.175)


@pytest.fixture
def digits(tmp_path):
    """MNIST's files: a class is the height of a bar."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix, count in (("train", 320), ("t10k", 40)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        for image, label in zip(images, labels):
            image[2 + 2 * label : 5 + 2 * label] = 255
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


@pytest.mark.parametrize("profile", ["1998", "relu"])
def test_it_learns_digits(digits, tmp_path, profile):
    args = ("--data", digits, "--profile", profile, "--epochs", 8, "--out", tmp_path / "run")
    result = run("train", *args, example="lenet", draws=profile == "1998")
    assert result.status == 0, result.err
    assert f"lenet {profile}, 32 pixels" in result.out and "mnist, 320 images" in result.out
    validations = [line for line in read_log(tmp_path / "run") if "val_loss" in line]
    assert validations[-1]["val_top1_error"] < 0.2
    assert validations[-1]["val_loss"] < validations[0]["val_loss"]
    state = tinynet.load(last_checkpoint(tmp_path / "run"))
    assert state["classes"] == [*"0123456789"]
    if profile == "1998":
        assert (tmp_path / "run" / "figures" / "filters.png").exists(), result.err


def test_mnist_is_known_by_its_folder(digits, monkeypatch):
    assert open_dataset(digits, "val", 28).name == "mnist"
    monkeypatch.chdir(digits.parent)
    result = run("train", "--data", "mnist", example="lenet")
    assert result.status == 2 and "error: mnist: no files found. Put the four" in result.err
    digits.rename(digits.parent / "clothes")
    assert open_dataset(digits.parent / "clothes", "val", 28).name == "fashion-mnist"


def test_diff_shows_it_beside_alexnet():
    result = run("diff", example="lenet")
    assert result.status == 0
    lines = [line.split() for line in result.out.splitlines()]
    beside = {line[0]: line for line in lines if line}
    assert "conv1" in beside["c1"] and "conv2" in beside["c3"] and "conv3" in beside["c5"]
    assert "fc7" in beside["f6"] and "fc8" in beside["output"]
    assert "60,000 parameters" in result.out and "60,965,224 parameters" in result.out


def test_plan_holds_it():
    result = run("plan", "--memory", "1GB", example="lenet")
    assert result.status == 0 and "sim:0 holds it" in result.out, result.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"profile": "1989"}, "profile expects one of"),
        ({"image_size": 28}, "image_size expects 32, got 28"),
        ({"devices": ("cpu", "cpu")}, "expects one device"),
    ],
)
def test_net_that_cannot_be(options, told):
    with pytest.raises(ValueError, match=told):
        LENET.LeNet(**options)


def test_another_size_is_status_2():
    result = run("train", "--image-size", 28, example="lenet")
    assert result.status == 2 and "LeNet: image_size expects 32, got 28" in result.err
