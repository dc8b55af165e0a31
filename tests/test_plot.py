"""The figures: drawn from a log, from weights, from predictions; PNG files of a sensible size."""

import numpy as np
import pytest
from full_disk import full_disk
from PIL import Image

from tinynet.reports import plot


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


TRAINING = {"epoch": 1, "step": 3, "loss": 1.0, "top1_error": 0.5, "top5_error": 0.1}


def two_epochs():
    """The lines of a log."""
    for epoch in (1, 2):
        for step in (5, 10):
            yield TRAINING | {"epoch": epoch, "step": step + 10 * (epoch - 1), "loss": 2.0 / epoch}
        validation = {"val_loss": 1.0, "val_top1_error": 0.4 / epoch, "val_top5_error": 0.1}
        yield {"epoch": epoch, "step": 10 * epoch, **validation}


def curves(monkeypatch, lines, steps_per_epoch):
    """What learning_curves draws: x and y of each curve, left and right, and the label of x."""
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, file, dpi: drawn.append(figure))
    plot.learning_curves(lines, None, steps_per_epoch)
    axes = drawn[0].axes
    data = [[curve.get_xydata().tolist() for curve in one.lines] for one in axes]
    return data, {one.get_xlabel() for one in axes}


def test_learning_curves(tmp_path):
    plot.learning_curves(list(two_epochs()), tmp_path / "figures" / "curves.png", 10)
    image = pixels(tmp_path / "figures" / "curves.png")
    assert image.shape == (400, 1000, 3)
    for r, g, b in ((31, 119, 180), (214, 39, 40)):  # training is blue, validation red
        assert (abs(image - (r, g, b)).sum(axis=2) < 10).sum() > 50


def test_curves_over_epochs(monkeypatch):
    (loss, error), unit = curves(monkeypatch, list(two_epochs()), 10)
    assert unit == {"epoch"}
    assert loss == [[[0.5, 2.0], [1.0, 2.0], [1.5, 1.0], [2.0, 1.0]], [[1.0, 1.0], [2.0, 1.0]]]
    assert error[2] == [[1.0, 40.0], [2.0, 20.0]]


def test_an_epoch_that_was_cut_is_a_part_of_one(monkeypatch):
    """Step 3 of 10 is at 0.3 epochs, even if the log ends there, without validation."""
    (loss, error), _ = curves(monkeypatch, [TRAINING], 10)
    assert loss == [[[0.3, 1.0]], []]
    assert error == [[[0.3, 50.0]], [[0.3, 10.0]], [], []]


def test_a_curve_of_one_point_is_seen(monkeypatch):
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, file, dpi: drawn.append(figure))
    plot.learning_curves([TRAINING], None, 10)
    plot.learning_curves(list(two_epochs()), None, 10)
    one, more = (figure.axes[0].lines[0].get_marker() for figure in drawn)
    assert (one, more) == ("o", "None")
    for figure, highest in zip(drawn, (1, 2)):  # and no curve runs along the edge
        assert figure.axes[0].get_ylim() == (0, pytest.approx(1.05 * highest))


def test_changes_of_the_rate_are_marked(monkeypatch):
    """Those after the start; a change of the colour noise alone is not marked."""
    lines = [line | {} for line in two_epochs()]
    lines[0]["changes"] = [{"epoch": 0.0, "lr": {"weights": 0.1}, "why": "the start"}]
    lines[3]["changes"] = [
        {"epoch": 1.1, "colour_noise": 0.0, "why": "by hand"},
        {"epoch": 1.2, "lr": {"weights": 0.01}, "why": "by hand"},
    ]
    (loss, error), _ = curves(monkeypatch, lines, 10)
    assert [curve for curve in loss if len(curve) == 2][1:] == [[[1.2, 0.0], [1.2, 1.0]]]
    assert error[4:] == [[[1.2, 0.0], [1.2, 1.0]]]


def test_curves_over_steps(monkeypatch):
    (loss, _), unit = curves(monkeypatch, [TRAINING], None)
    assert (loss[0], unit) == ([[3.0, 1.0]], {"step"})


@pytest.mark.parametrize(("epochs", "ticks"), [(0.3, [0, 1]), (1, [0, 1]), (2, [0, 1, 2])])
def test_ticks_stand_at_whole_epochs(monkeypatch, epochs, ticks):
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, file, dpi: drawn.append(figure))
    lines = [TRAINING | {"step": int(10 * epochs * part)} for part in (0.5, 1)]
    plot.learning_curves(lines, None, 10)
    for axes in drawn[0].axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == ticks


def test_ticks_of_many_epochs_are_few_and_whole(monkeypatch):
    drawn = []
    monkeypatch.setattr(plot, "save", lambda figure, file, dpi: drawn.append(figure))
    plot.learning_curves([TRAINING | {"step": 900}], None, 10)
    for axes in drawn[0].axes:
        ticks = axes.get_xticks()
        assert 3 < len(ticks) < 12 and (ticks == ticks.round()).all()


def test_no_lines_draw_nothing(tmp_path):
    plot.learning_curves([], tmp_path / "curves.png", 10)
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("towers", [1, 2])
def test_first_layer_filters(tmp_path, towers):
    """A filter of pure red weights is red, one of negative red weights cyan."""
    weight = np.zeros((24, 3, 5, 4), np.float32)
    weight[0, 0], weight[23, 0] = 0.3, -7.0
    plot.first_layer_filters(weight, tmp_path / "filters.png", towers, [0.5] * towers)
    image = pixels(tmp_path / "filters.png")
    red = abs(image - (255, 127, 127)).sum(axis=2) < 12
    cyan = abs(image - (0, 127, 127)).sum(axis=2) < 12
    assert red.sum() > 100
    assert cyan.sum() > 100
    assert np.argwhere(red)[:, 0].max() <= np.argwhere(cyan)[:, 0].max()
    assert np.argwhere(red)[:, 1].max() < np.argwhere(cyan)[:, 1].min()


@pytest.mark.parametrize("shape", [(32, 5, 1), (96, 11, 2), (64, 11, 1), (7, 5, 1)])
def test_the_sheet_of_filters_has_no_empty_strip(tmp_path, shape):
    out, side, towers = shape
    weight = np.full((out, 3, side, side), -1, np.float32)  # black
    plot.first_layer_filters(weight, tmp_path / "filters.png", towers, [0.5] * towers)
    rows = (pixels(tmp_path / "filters.png").sum(axis=2) < 20).sum(axis=1)
    bottom = len(rows) - 1 - np.flatnonzero(rows > 300).max()
    assert bottom < 12  # of 100 pixels an inch: matplotlib leaves 4 at the edge


@pytest.mark.parametrize("count", [1, 5])
def test_predictions(tmp_path, count):
    green = np.zeros((3, 20, 30), np.uint8)
    green[1] = 200
    best = [("cat", 0.75), ("dog with a name that is far too long for a bar", 0.25)]
    plot.predictions(
        [green] * count, ["a.jpg"] * count, [best] * count, tmp_path / "predictions.xyz"
    )
    image = pixels(tmp_path / "predictions.xyz")  # PNG, whatever the file's name
    assert (abs(image - (0, 200, 0)).sum(axis=2) < 5).sum() > 1000 * count


def test_the_bar_of_the_right_class_is_red(tmp_path):
    """Red if it is among the best, and no other bar: at any place, of any length."""
    gray = np.full((3, 20, 20), 128, np.uint8)
    best = [[("cat", 0.5), ("dog", 0.25)], [("cat", 0.5), ("dog", 0.25)]]
    titles, red, blue = ["", ""], plot.BARS[True], plot.BARS[False]
    shares = {}
    for right in ([], ["cat", "cow"], ["dog", "cow"], ["dog", "dog"]):
        plot.predictions([gray] * 2, titles, best, tmp_path / "p.png", right)
        image = pixels(tmp_path / "p.png")
        found = [(abs(image - rgb(colour)).sum(axis=2) < 3).sum() for colour in (red, blue)]
        shares[tuple(right)] = found[0] / sum(found)
    assert shares[()] == 0
    # of bars of 0.5, 0.25, 0.5 and 0.25; the writing on them covers some of their pixels
    assert abs(shares["cat", "cow"] - 1 / 3) < 0.06
    assert abs(shares["dog", "cow"] - 1 / 6) < 0.06
    assert abs(shares["dog", "dog"] - 1 / 3) < 0.06


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_neighbours(tmp_path):
    """The images are in rows, the first set apart; names of other classes are red."""
    levels = [[10, 60, 110], [160, 210, 250]]
    rows = [[np.full((3, 8, 8), level, np.uint8) for level in row] for row in levels]
    classes = [["cat", "cat", "dog"], ["dog", "dog", "dog"]]
    plot.neighbours(rows, classes, tmp_path / "neighbours.png")
    image = pixels(tmp_path / "neighbours.png")
    places = {}
    for level in (level for row in levels for level in row):
        y, x = np.nonzero((image == level).all(axis=2))
        assert len(y) > 5000
        places[level] = (np.median(y), np.median(x))
    (first, *_), (second, *_) = ([places[level] for level in row] for row in levels)
    assert first[0] < second[0]
    for row in levels:
        x = [places[level][1] for level in row]
        assert x[1] - x[0] > x[2] - x[1] > 0
    red = np.argwhere(abs(image - rgb(plot.COLOURS["validation"])).sum(axis=2) < 30)
    assert len(red) > 5
    assert (abs(red[:, 1] - places[110][1]) < 40).all()
    assert (red[:, 0] < places[110][0]).all()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("n01440764 tench, Tinca tinca", "tench"),
        ("n01440764", "n01440764"),
        ("green", "green"),
        ("a name of a class that is too long for a bar", "a name of a class that is too l…"),
    ],
)
def test_short_names(name, shown):
    assert plot.short(name) == shown


# ---------------------------------------------------------------- where it cannot be written


def gray_neighbours(file):
    plot.neighbours([[np.zeros((3, 8, 8), np.uint8)]], [["cat"]], file)


def test_a_disk_that_fills_up_leaves_the_old_figure_and_names_it(tmp_path):
    """Really full at 1,000 bytes."""
    file = tmp_path / "neighbours.png"
    gray_neighbours(file)
    old = file.read_bytes()
    assert len(old) > 1000
    told = "too large: wanted disk space"
    with full_disk(1000), pytest.raises(OSError, match=told) as caught:
        gray_neighbours(file)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == old
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "file").touch()
    for file in (tmp_path / "a.png", tmp_path / "file" / "b.png"):
        with pytest.raises(OSError, match="wanted disk space") as caught:
            gray_neighbours(file)
        assert caught.value.filename == str(file)
