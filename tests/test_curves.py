"""Learning curves from a log: what is drawn, where, and that it can be told apart."""

import numpy as np
import pytest
from brightness import contrast, luminance
from matplotlib.text import Text
from PIL import Image

from tinynet.reports import curves as module
from tinynet.reports.intervals import of_equal_weight


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
    monkeypatch.setattr(module, "save", lambda figure, file, dpi: drawn.append(figure))
    module.learning_curves(lines, None, steps_per_epoch)
    axes = drawn[0].axes
    data = [[curve.get_xydata().tolist() for curve in one.lines] for one in axes]
    return data, {one.get_xlabel() for one in axes}


def test_learning_curves(tmp_path):
    module.learning_curves(list(two_epochs()), tmp_path / "figures" / "curves.png", 10)
    image = pixels(tmp_path / "figures" / "curves.png")
    assert image.shape == (880, 2000, 3)
    for style in module.STYLES.values():
        r, g, b = (int(style["color"][i : i + 2], 16) for i in (1, 3, 5))
        assert (abs(image - (r, g, b)).sum(axis=2) < 10).sum() > 50


def test_curves_over_epochs(monkeypatch):
    (loss, error), unit = curves(monkeypatch, list(two_epochs()), 10)
    assert unit == {"epoch"}
    # a point of training stands in the middle of the steps that it averages
    assert loss == [[[0.25, 2.0], [0.75, 2.0], [1.25, 1.0], [1.75, 1.0]], [[1.0, 1.0], [2.0, 1.0]]]
    assert error[2] == [[1.0, 40.0], [2.0, 20.0]]


def test_an_epoch_that_was_cut_is_a_part_of_one(monkeypatch):
    """Steps 1 to 3 of 10 are around 0.15 epochs, even if the log ends there, without validation."""
    (loss, error), _ = curves(monkeypatch, [TRAINING], 10)
    assert loss == [[[0.15, 1.0]], []]
    assert error == [[[0.15, 50.0]], [[0.15, pytest.approx(10)]], [], []]


def test_a_curve_of_one_point_is_seen(monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "save", lambda figure, file, dpi: drawn.append(figure))
    module.learning_curves([TRAINING], None, 10)
    module.learning_curves(list(two_epochs()), None, 10)
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
    assert (loss[0], unit) == ([[1.5, 1.0]], {"step"})


@pytest.mark.parametrize(("epochs", "ticks"), [(0.3, [0, 1]), (1, [0, 1]), (2, [0, 1, 2])])
def test_ticks_stand_at_whole_epochs(monkeypatch, epochs, ticks):
    drawn = []
    monkeypatch.setattr(module, "save", lambda figure, file, dpi: drawn.append(figure))
    lines = [TRAINING | {"step": int(10 * epochs * part)} for part in (0.5, 1)]
    module.learning_curves(lines, None, 10)
    for axes in drawn[0].axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == ticks


def test_ticks_of_many_epochs_are_few_and_whole(monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "save", lambda figure, file, dpi: drawn.append(figure))
    module.learning_curves([TRAINING | {"step": 900}], None, 10)
    for axes in drawn[0].axes:
        ticks = axes.get_xticks()
        assert 3 < len(ticks) < 12 and (ticks == ticks.round()).all()


def test_no_lines_draw_nothing(tmp_path):
    module.learning_curves([], tmp_path / "curves.png", 10)
    assert not (tmp_path / "curves.png").exists()


# ---------------------------------------------------------------- in print


def test_training_and_validation_can_be_told_apart_in_grey():
    """They were 0.17 and 0.16 bright: one grey."""
    training, validation = (luminance(style["color"]) for style in module.STYLES.values())
    assert contrast(training, validation) > 2.5
    assert contrast(training, 1) > 2.3 and contrast(validation, 1) > 4.5  # on white paper


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(module, "save", lambda figure, file, dpi: figures.append(figure))
    return figures


def test_long_runs_keep_their_markers_and_are_not_covered_by_them(drawn):
    lines = [
        {"epoch": e, "step": 10 * e, "val_loss": 1, "val_top1_error": 0.5, "val_top5_error": 0.1}
        for e in range(1, 91)
    ]
    module.learning_curves([TRAINING, *lines], None, 10)
    for axes in drawn[0].axes:
        for curve in axes.lines:
            if "validation" in curve.get_label():
                shown = len(range(0, 90, curve.get_markevery()))
                assert curve.get_marker() == "o" and 8 < shown <= module.MARKERS


def test_a_change_of_the_rate_says_the_new_one(drawn):
    lines = [line | {} for line in two_epochs()]
    rates = {"conv1": 0.002, "weights": 0.001}
    lines[3]["changes"] = [{"epoch": 1.0, "lr": rates, "why": "75%"}]
    lines[4]["changes"] = [{"epoch": 1.5, "lr": {"conv1": 0.0002}, "why": "by hand"}]
    module.learning_curves(lines, None, 10)
    said = {text.get_text() for text in drawn[0].findobj(Text)}
    assert {"learning rate 0.001", "learning rate of conv1 0.0002"} <= said
    assert any("so it can lie below training" in text for text in said)


@pytest.mark.parametrize(("top5_error", "named"), [(0.0, False), (0.1, True)])
def test_a_top_5_error_that_is_always_0_is_not_spoken_of(drawn, top5_error, named):
    """As it is with at most five classes."""
    lines = [TRAINING | {"top5_error": top5_error}]
    lines.append({"step": 3, "val_loss": 1, "val_top1_error": 0.5, "val_top5_error": 0.0})
    module.learning_curves(lines, None, 10)
    labels = [curve.get_label() for curve in drawn[0].axes[1].lines]
    assert any("top-5" in label for label in labels) == named
    assert len(labels) == (4 if named else 2)


# ---------------------------------------------------------------- intervals of equal weight


def line(step, loss):
    return {"step": step, "loss": loss, "top1_error": loss / 10, "top5_error": 0.0}


def test_intervals_that_an_epoch_cuts_are_put_together_again():
    """Every 20 steps, and after an epoch of 33: 20, 13, 7, 20 steps."""
    found = of_equal_weight([line(20, 1.0), line(33, 2.0), line(40, 6.0), line(60, 3.0)])
    assert [point["step"] for point in found] == [10, 30, 50]
    assert [point["loss"] for point in found] == [1, (13 * 2 + 7 * 6) / 20, 3]
    assert found[1]["top1_error"] == pytest.approx((13 * 0.2 + 7 * 0.6) / 20)


def test_the_spike_of_a_mean_over_one_step_is_gone():
    lines = [line(20 * k, 1.0) for k in range(1, 6)] + [line(101, 9.0), line(120, 1.0)]
    found = of_equal_weight(lines)
    assert max(point["loss"] for point in found) == pytest.approx((1 * 9 + 19 * 1) / 20)


def test_epochs_shorter_than_an_interval():
    """Of 15 steps, with lines every 20: 15, 5, 10, 10, 5, 15."""
    found = of_equal_weight([line(s, s) for s in (15, 20, 30, 40, 45, 60)])
    assert [point["step"] for point in found] == [7.5, 22.5, 37.5, 52.5]


@pytest.mark.parametrize(("last", "points"), [(45, 2), (50, 3), (60, 3)])
def test_a_short_rest_at_the_end_is_left_out(last, points):
    assert len(of_equal_weight([line(20, 1), line(40, 1), line(last, 9)])) == points


def test_without_lines_there_are_no_points():
    assert of_equal_weight([]) == []
