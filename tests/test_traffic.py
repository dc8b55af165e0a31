"""The traffic meter: the paper's figures to the float, and every byte that crosses."""

import numpy as np
import pytest
from tiny_runs import load_example

import tinynet
from tinynet import functional as F
from tinynet.devices import copies

AlexNet = load_example("alexnet").AlexNet
EDGES = ("input", "conv3", "fc6", "fc7", "fc8")
COLUMNS = [(way, to) for way in ("forward", "backward") for to in ("a to b", "b to a")]
FULL = {  # floats per image: forward a to b, b to a; backward a to b, b to a
    "input": [150_528, 0, 0, 0],
    "conv3": [21_632, 21_632, 21_632, 21_632],
    "fc6": [4_608, 4_608, 4_608, 4_608],
    "fc7": [2_048, 2_048, 2_048, 2_048],
    "fc8": [2_048, 0, 0, 2_048],
}


def floats_per_image(model):
    traffic = model.traffic
    return {edge: [traffic[(edge, *c)].floats_per_image for c in COLUMNS] for edge in EDGES}


def train_once(model, n=2):
    side = model.image_size
    x = np.zeros((n, 3, side, side), model.fc8.weight.dtype)
    F.cross_entropy(model(x), np.arange(n)).backward()
    return model


def small(devices, **options):
    return AlexNet(5, devices=devices, image_size=67, width=0.06, **options)


@pytest.fixture(scope="module")
def full():
    return train_once(AlexNet(devices=("cpu", "cpu")))


def test_the_papers_network(full):
    assert floats_per_image(full) == FULL


def test_bytes(full):
    crossed = full.traffic["conv3", "forward", "b to a"]
    assert (crossed.images, crossed.floats, crossed.bytes) == (2, 2 * 21_632, 8 * 21_632)
    crossed = train_once(small(("cpu", "cpu"), dtype="float64")).traffic[
        "fc6", "backward", "a to b"
    ]
    assert crossed.bytes == 8 * crossed.floats > 0


def test_the_table(full):
    lines = [line.split("  ") for line in full.traffic.table().splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert rows[0] == ["floats per image", *(f"{way}, {to}" for way, to in COLUMNS), "MB in all"]
    # 150,528 floats of 4 bytes for 2 images are 1.15 MB, of 2**20 bytes as everywhere
    assert rows[1][0] == "input" and rows[1][-1] == "1.1"
    # 4 x 21,632 floats of 4 bytes for 2 images
    assert rows[2] == ["conv3", "21,632", "21,632", "21,632", "21,632", "0.7"]
    assert rows[5] == ["fc8", "2,048", "0", "0", "2,048", "0.0"]


def test_without_crosstalk_nothing_crosses_at_conv3():
    found = floats_per_image(train_once(small(("cpu", "cpu"), profile="no-crosstalk")))
    assert found["conv3"] == [0, 0, 0, 0]
    assert found["fc6"][0] > 0


def test_one_device_has_no_traffic():
    assert not any(map(any, floats_per_image(train_once(small(("cpu",)))).values()))


def test_testing_goes_forward_only_and_a_reset_begins_anew():
    model = small(("cpu", "cpu"))
    with tinynet.no_grad():
        model(np.zeros((3, 3, 67, 67), np.float32))
    assert all(row[2:] == [0, 0] for row in floats_per_image(model).values())
    assert model.traffic["fc8", "forward", "a to b"].images == 3
    model.traffic.reset()
    assert not any(map(any, floats_per_image(model).values()))


def test_what_is_counted_is_all_that_is_copied(monkeypatch):
    """With two devices, the meter counts every copy from one to the other."""
    copied, between = [], copies.between_gpus

    def noted(x, source, target):
        copied.append((source.name, target.name, x.nbytes))
        return between(x, source, target)

    monkeypatch.setattr(copies, "between_gpus", noted)
    try:
        model = train_once(small(("sim:0", "sim:1")))
    except ValueError as reason:
        pytest.skip(str(reason))
    assert floats_per_image(model) == floats_per_image(train_once(small(("cpu", "cpu"))))
    for source, target, to in (("sim:0", "sim:1", "a to b"), ("sim:1", "sim:0", "b to a")):
        ways = ("forward", "backward")
        counted = sum(model.traffic[edge, way, to].bytes for edge in EDGES for way in ways)
        assert sum(size for a, b, size in copied if (a, b) == (source, target)) == counted > 0
