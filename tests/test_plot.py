"""The pictures: drawn from weights, predictions and mistakes; they can be read without colours."""

import numpy as np
import pytest
from brightness import contrast, luminance
from full_disk import full_disk
from matplotlib.text import Text
from PIL import Image

from tinynet.reports import plot


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


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


def test_the_bar_of_the_right_class_has_a_colour_of_its_own(tmp_path):
    """If it is among the best, and no other bar: at any place, of any length."""
    gray = np.full((3, 20, 20), 128, np.uint8)
    best = [[("cat", 0.5), ("dog", 0.25)], [("cat", 0.5), ("dog", 0.25)]]
    titles, colours = ["", ""], (plot.RIGHT, plot.OTHER, plot.UNKNOWN)
    found = {}
    for right in ([], ["cat", "cow"], ["dog", "cow"], ["dog", "dog"]):
        plot.predictions([gray] * 2, titles, best, tmp_path / "p.png", right)
        image = pixels(tmp_path / "p.png")[:-40]  # without the legend
        found[tuple(right)] = [(abs(image - rgb(c)).sum(axis=2) < 3).sum() for c in colours]
    right, other, unknown = found[()]
    assert right == other == 0 and unknown > 1000
    shares = {key: right / (right + other) for key, (right, other, _) in found.items() if key}
    # of bars of 0.5, 0.25, 0.5 and 0.25; the writing on them covers some of their pixels
    assert abs(shares["cat", "cow"] - 1 / 3) < 0.06
    assert abs(shares["dog", "cow"] - 1 / 6) < 0.06
    assert abs(shares["dog", "dog"] - 1 / 3) < 0.06


@pytest.fixture
def texts(monkeypatch):
    """All that is written in the figures that are drawn from here on."""
    written = []

    def keep(figure, file, dpi):
        written.extend(text.get_text() for text in figure.findobj(Text) if text.get_text())

    monkeypatch.setattr(plot, "save", keep)
    return written


def test_predictions_say_what_is_true_and_what_the_colours_mean(texts):
    gray = np.full((3, 20, 20), 128, np.uint8)
    best = [[("n01440764 tench, Tinca", 0.97), ("dog", 0.03), ("cow", 0.0004)]]
    plot.predictions([gray], ["dog"], best, None, ["dog"], "one of 3 mistakes")
    assert {"truth: dog", "tench  97.0 %", "✓ dog  3.0 %", "one of 3 mistakes"} <= {*texts}
    assert {"✓ the true class", "another class"} <= {*texts}
    assert not any("cow" in text for text in texts)  # it would be 0.0 %


def test_without_a_truth_there_is_nothing_to_explain(texts):
    gray = np.full((3, 20, 20), 128, np.uint8)
    plot.predictions([gray], ["a.jpg"], [[("cat", 0.0004), ("dog", 0.0003)]], None)
    assert {"a.jpg", "cat  0.0 %"} <= {*texts}  # the likeliest is always shown
    assert not any("truth" in text or "class" in text or "dog" in text for text in texts)


def test_colours_can_be_told_apart_in_grey():
    """They differ in brightness, which is what grey print keeps; names can be read on both."""
    right, other = luminance(plot.RIGHT), luminance(plot.OTHER)
    assert contrast(right, other) > 1.8
    assert contrast(right, 0) > 4.5 and contrast(other, 0) > 4.5


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_neighbours(tmp_path):
    """The images are in rows, the first set apart."""
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


def test_neighbours_of_another_class_are_marked_without_colours(texts):
    rows = [[np.zeros((3, 8, 8), np.uint8)] * 3]
    plot.neighbours(rows, [["cat", "cat", "dog"]], None)
    assert texts.count("cat") == 2 and "≠ dog" in texts
    assert "validation image" in texts
    assert any("nearest" in text and "≠" in text for text in texts)


def test_the_confusion_matrix_has_truth_in_rows(texts, monkeypatch):
    counts = np.array([[9, 1, 0], [0, 0, 0], [2, 3, 1005]])
    classes, totals = ["cat", "n01440764 tench, Tinca", "dog"], counts.sum(axis=1)
    plot.confusion(counts, classes, None, "4 mistakes", totals)
    numbers = [text for text in texts if text.replace(",", "").isdigit()]
    assert sorted(numbers) == sorted(["9", "1", "2", "3", "1,005"])  # none where there are none
    assert texts.count("tench") >= 2 and "truth" in texts and "4 mistakes" in texts


def test_rows_of_the_confusion_matrix_are_shaded_by_their_shares(tmp_path):
    """The cell of three quarters of its row is darker than that of one, whatever the counts."""
    counts = np.array([[300, 100], [1, 3]])
    plot.confusion(counts, ["cat", "dog"], tmp_path / "c.png", "", counts.sum(axis=1))
    gray = pixels(tmp_path / "c.png").mean(axis=2)
    levels, sizes = np.unique(gray.round(), return_counts=True)
    cells = levels[np.argsort(-sizes)][:3]  # white, and the two shades
    assert sorted(cells)[2] == 255 and sorted(cells)[0] < 80 < sorted(cells)[1] < 180


def test_images_taken_for_classes_that_are_not_shown_count_in_the_shares(tmp_path):
    """5 of 50 right is no dark diagonal, though nothing else of the row is shown."""
    for name, totals in (("all", [5, 5]), ("tenth", [50, 50])):
        plot.confusion(np.diag([5, 5]), ["a", "b"], tmp_path / name, "", np.array(totals))
    dark = [(pixels(tmp_path / name).mean(axis=2) < 60).mean() for name in ("all", "tenth")]
    assert dark[0] > 10 * dark[1]


@pytest.mark.parametrize("classes", [1, 30])
def test_a_confusion_matrix_of_any_size(tmp_path, classes):
    counts = np.eye(classes, dtype=int)
    plot.confusion(counts, ["a"] * classes, tmp_path / "c.png", "none", counts.sum(axis=1))
    assert pixels(tmp_path / "c.png").shape[0] < 1700


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
