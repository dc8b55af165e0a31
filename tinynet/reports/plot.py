"""The paper's figures for a run, as PNG files.

Learning curves (figure 1), first-layer filters (figure 3), predictions and nearest neighbours
(figure 4).

Each figure is drawn on a canvas of its own, so nothing here needs a screen.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinynet.console.printable import printable
from tinynet.console.sentences import counted
from tinynet.reports.canvas import save, with_defaults, without_settings

with without_settings():
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

DPI = 100

COLOURS = {"training": "#1f77b4", "validation": "#d62728"}
BARS = {True: "#f0a59d", False: "#a9c9e4"}  # of the right class, as in the paper, and of others


@with_defaults
def learning_curves(lines: Sequence[dict], file: Path, steps_per_epoch: int | None) -> None:
    """Loss and errors over the epochs of a run, from the lines of its log (the paper's figure 1).

    A dashed line marks a change of a learning rate. Without `steps_per_epoch` the curves are drawn
    over the steps, and changes are not marked. Without lines there is no figure.
    """
    if not lines:
        return
    unit, name_of_x = (steps_per_epoch, "epoch") if steps_per_epoch else (1, "step")
    training = [line for line in lines if "loss" in line]
    validation = [line for line in lines if "val_top1_error" in line]
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, error = figure.subplots(1, 2)
    for name, rows, prefix in (("training", training, ""), ("validation", validation, "val_")):
        places = [row["step"] / unit for row in rows]
        marked = len(rows) == 1 or (name == "validation" and len(rows) < 50)
        style = {"color": COLOURS[name], "marker": "o" if marked else None, "markersize": 3}
        loss.plot(places, [row[prefix + "loss"] for row in rows], label=name, **style)
        for key, dashes, label in (("top1_error", "-", "top-1"), ("top5_error", ":", "top-5")):
            errors = [100 * row[prefix + key] for row in rows]
            error.plot(places, errors, dashes, label=f"{name}, {label}", **style)
    highest = max(max(curve.get_ydata(), default=0) for curve in loss.lines) or 1
    loss.set(ylabel="loss (nats)", ylim=(0, 1.05 * highest))
    error.set(ylabel="error (%)", ylim=(0, 100))
    changes = [change for line in lines for change in line.get("changes", ())]
    for axes in (loss, error):
        for change in changes:
            if change["epoch"] > 0 and "lr" in change and steps_per_epoch:
                axes.axvline(change["epoch"], color="gray", linestyle="--", linewidth=0.8)
        end = max(1, axes.get_xlim()[1])  # at least one epoch, since only whole ones have ticks
        axes.set(xlabel=name_of_x, xlim=(0, end))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    save(figure, file, DPI)


@with_defaults
def first_layer_filters(
    weight: np.ndarray, file: Path, towers: int, scores: Sequence[float]
) -> None:
    """The filters (out, 3, kh, kw) of conv1 as colour pictures, tower by tower (figure 3).

    Each filter is scaled to the full range of colours on its own; 0 is middle gray. `scores`: the
    colour score of each tower, shown above it.
    """
    out, _, kh, kw = weight.shape
    down = -(-out // towers // 16)  # rows per tower, of at most 16 filters each
    across = -(-out // towers // down)
    height, width = down * (kh + 1) - 1, across * (kw + 1) - 1  # with a pixel between filters
    title = 0.3  # inches, with the space around it
    figure = Figure(figsize=(8, towers * (8 * height / width + title)), layout="constrained")
    grid = figure.subplots(towers, 1, squeeze=False)
    for axes, filters, name, score in zip(grid.flat, np.split(weight, towers), "ab", scores):
        sheet = np.ones((height, width, 3), np.float32)
        for i, filter_ in enumerate(filters):
            row, column = divmod(i, across)
            place = slice(row * (kh + 1), None), slice(column * (kw + 1), None)
            largest = np.abs(filter_).max() or 1.0
            picture = 0.5 + 0.5 * filter_.transpose(1, 2, 0) / largest
            sheet[place][:kh, :kw] = picture
        axes.imshow(sheet, interpolation="nearest")
        axes.set_axis_off()
        tower = f"tower {name}: " if towers == 2 else ""
        number = counted(len(filters), "filter")
        axes.set_title(f"{tower}{number} of conv1, {kh}x{kw}; colour score {score:.2f}")
    save(figure, file, DPI)


@with_defaults
def predictions(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    best: Sequence[Sequence[tuple[str, float]]],
    file: Path,
    right: Sequence[str] = (),
) -> None:
    """Each image (3, h, w) uint8 over bars of its likeliest classes (figure 4, left).

    best: each image's (class name, probability) pairs, likeliest first. right: each image's true
    class, if known; its bar is red.
    """
    across = min(4, len(images))
    down = -(-len(images) // across)
    figure = Figure(figsize=(3.2 * across, 4.2 * down), layout="constrained")
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[2, 1] * down)
    for axes in grid.flat:
        axes.set_axis_off()
    known = right or [None] * len(images)
    for i, (image, title, classes, its_own) in enumerate(zip(images, titles, best, known)):
        row, column = divmod(i, across)
        picture, bars = grid[2 * row][column], grid[2 * row + 1][column]
        picture.imshow(image.transpose(1, 2, 0))
        picture.set_title(title, fontsize=9)
        places = range(len(classes))
        colours = [BARS[name == its_own] for name, _ in classes]
        bars.barh(places, [p for _, p in classes], color=colours)
        for place, (name, p) in enumerate(classes):
            bars.text(0.02, place, f"{short(name)}  {100 * p:.1f} %", va="center", fontsize=8)
        bars.set(xlim=(0, 1), ylim=(len(classes) - 0.4, -0.6))
    save(figure, file, DPI)


@with_defaults
def neighbours(
    rows: Sequence[Sequence[np.ndarray]], classes: Sequence[Sequence[str]], file: Path
) -> None:
    """One image per row, with its nearest neighbours beside it (figure 4, right).

    rows: each row's images (3, h, w) uint8, neighbours after the image itself; classes: theirs. The
    name of a neighbour of another class is red.
    """
    across = max(map(len, rows))
    height = 2.0 * len(rows)  # inches, of which 0.3 are for the names over the first row
    figure = Figure(figsize=(1.7 * across, height))
    places = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 1 - 0.3 / height, "wspace": 0.06}
    widths = [1, 0.15, *[1] * (across - 1)]  # a gap after the first
    grid = figure.subplots(
        len(rows), across + 1, squeeze=False, width_ratios=widths, gridspec_kw=places
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for cells, images, names in zip(np.delete(grid, 1, axis=1), rows, classes):
        for axes, image, name in zip(cells, images, names):
            axes.imshow(image.transpose(1, 2, 0))
            colour = "black" if name == names[0] else COLOURS["validation"]
            axes.set_title(short(name, 20), fontsize=8, color=colour)
    save(figure, file, DPI)


def short(name: str, most: int = 32) -> str:
    """A class in a word or two: "n01440764 tench, Tinca tinca" is "tench"."""
    words = printable(re.sub(r"^n\d{8} ", "", name).split(",")[0])
    return words if len(words) <= most else words[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
