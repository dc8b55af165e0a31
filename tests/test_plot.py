"""The figures: drawn from a log, from weights, from predictions; PNG files of a sensible size."""

import json

import numpy as np
import pytest
from PIL import Image

from tinynet import plot


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def write_log(path):
    lines = []
    for epoch in (1, 2):
        for step in (5, 10):
            training = {"loss": 2.0 / epoch, "top1_error": 0.5, "top5_error": 0.2}
            lines.append({"epoch": epoch, "step": step + 10 * (epoch - 1), **training})
        validation = {"val_loss": 1.0, "val_top1_error": 0.4 / epoch, "val_top5_error": 0.1}
        lines.append({"epoch": epoch, "step": 10 * epoch, **validation})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_learning_curves(tmp_path):
    write_log(tmp_path / "log.jsonl")
    plot.learning_curves(tmp_path / "log.jsonl", tmp_path / "figures" / "curves.png", 10)
    image = pixels(tmp_path / "figures" / "curves.png")
    assert image.shape == (400, 1000, 3)
    for r, g, b in ((31, 119, 180), (214, 39, 40)):  # training is blue, validation red
        assert (abs(image - (r, g, b)).sum(axis=2) < 10).sum() > 50


def test_learning_curves_of_a_run_without_validation(tmp_path):
    line = {"epoch": 1, "step": 3, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.1}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    plot.learning_curves(tmp_path / "log.jsonl", tmp_path / "curves.png", 10)
    assert pixels(tmp_path / "curves.png").shape == (400, 1000, 3)


def test_an_epoch_that_was_cut_is_a_part_of_one(tmp_path, monkeypatch):
    """Step 3 of 10 stands at 0.3 epochs, also where the log ends there."""
    line = {"epoch": 1, "step": 3, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.1}
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    drawn = []
    monkeypatch.setattr(plot, "_save", lambda figure, file: drawn.append(figure))
    plot.learning_curves(tmp_path / "log.jsonl", tmp_path / "curves.png", 10)
    places = [curve.get_xdata().tolist() for axes in drawn[0].axes for curve in axes.lines]
    assert places == [[0.3], [0.3], [0.3], [], []]


def test_a_log_without_lines_draws_nothing(tmp_path):
    (tmp_path / "log.jsonl").touch()
    plot.learning_curves(tmp_path / "log.jsonl", tmp_path / "curves.png", 10)
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("towers", [1, 2])
def test_first_layer_filters(tmp_path, towers):
    """A filter of pure red weights is red, one of negative red weights cyan."""
    weight = np.zeros((24, 3, 5, 4), np.float32)
    weight[0, 0], weight[23, 0] = 0.3, -7.0
    plot.first_layer_filters(weight, tmp_path / "filters.png", towers)
    image = pixels(tmp_path / "filters.png")
    red = abs(image - (255, 127, 127)).sum(axis=2) < 12
    cyan = abs(image - (0, 127, 127)).sum(axis=2) < 12
    assert red.sum() > 100
    assert cyan.sum() > 100
    assert np.argwhere(red)[:, 0].max() <= np.argwhere(cyan)[:, 0].max()
    assert np.argwhere(red)[:, 1].max() < np.argwhere(cyan)[:, 1].min()


@pytest.mark.parametrize("count", [1, 5])
def test_predictions(tmp_path, count):
    green = np.zeros((3, 20, 30), np.uint8)
    green[1] = 200
    best = [("cat", 0.75), ("dog with a name that is far too long for a bar", 0.25)]
    plot.predictions(
        [green] * count, ["a.jpg"] * count, [best] * count, tmp_path / "predictions.xyz"
    )
    image = pixels(tmp_path / "predictions.xyz")  # PNG, whatever the file is called
    assert (abs(image - (0, 200, 0)).sum(axis=2) < 5).sum() > 1000 * count
