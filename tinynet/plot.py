"""The paper's figures for a run, as PNG files: learning curves, first-layer filters, predictions.

Each figure is drawn on a canvas of its own, so nothing here needs a screen.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

COLOURS = {"training": "#1f77b4", "validation": "#d62728"}


def learning_curves(log: Path, file: Path, steps_per_epoch: int) -> None:
    """Loss and errors over the epochs of a run (the paper's figure 1), from its log.jsonl.

    Of a log without lines nothing is drawn.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    if not lines:
        return
    training = [line for line in lines if "loss" in line]
    validation = [line for line in lines if "val_top1_error" in line]
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, error = figure.subplots(1, 2)
    epochs = [line["step"] / steps_per_epoch for line in training]
    loss.plot(epochs, [line["loss"] for line in training], color=COLOURS["training"])
    loss.set(xlabel="epoch", ylabel="training loss (nats)", ylim=(0, None))
    for name, rows, prefix in (("training", training, ""), ("validation", validation, "val_")):
        for key, style, label in (("top1_error", "-", "top-1"), ("top5_error", ":", "top-5")):
            error.plot(
                [row["step"] / steps_per_epoch for row in rows],
                [100 * row[prefix + key] for row in rows],
                style,
                color=COLOURS[name],
                label=f"{name}, {label}",
                marker="o" if name == "validation" and len(rows) < 50 else None,
                markersize=3,
            )
    error.set(xlabel="epoch", ylabel="error (%)", ylim=(0, 100))
    error.legend(frameon=False)
    for axes in (loss, error):
        axes.grid(alpha=0.3)
        axes.set_xlim(0, None)
    _save(figure, file)


def first_layer_filters(weight: np.ndarray, file: Path, towers: int = 2) -> None:
    """The filters (out, 3, kh, kw) of conv1 as colour pictures, towers apart (figure 3).

    Each filter is stretched over the full range of colours by itself; 0 is middle gray.
    """
    out, _, kh, kw = weight.shape
    across = min(16, out // towers)
    down = -(-(out // towers) // across)
    gap = 1
    sheet = np.ones(
        (towers * down * (kh + gap) + (towers - 1) * 2 * gap, across * (kw + gap), 3), np.float32
    )
    for i, filter_ in enumerate(weight):
        tower, place = divmod(i, out // towers)
        top = (tower * down + place // across) * (kh + gap) + tower * 2 * gap
        left = place % across * (kw + gap)
        largest = np.abs(filter_).max() or 1.0
        sheet[top : top + kh, left : left + kw] = 0.5 + 0.5 * filter_.transpose(1, 2, 0) / largest
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(8, 8 * height / width + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(sheet, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"conv1: {out} filters, {kh}x{kw}" + (", tower a above b" * (towers == 2)))
    _save(figure, file)


def predictions(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    best: Sequence[Sequence[tuple[str, float]]],
    file: Path,
) -> None:
    """Each image (3, h, w) uint8 over bars of its likeliest classes (figure 4, left).

    best: for each image its (class name, probability) pairs, likeliest first.
    """
    across = min(4, len(images))
    down = -(-len(images) // across)
    figure = Figure(figsize=(3.2 * across, 4.2 * down), layout="constrained")
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[2, 1] * down)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, (image, title, classes) in enumerate(zip(images, titles, best)):
        row, column = divmod(i, across)
        picture, bars = grid[2 * row][column], grid[2 * row + 1][column]
        picture.imshow(image.transpose(1, 2, 0))
        picture.set_title(title, fontsize=9)
        places = range(len(classes))
        bars.barh(places, [p for _, p in classes], color="#f4a8a0")
        for place, (name, p) in enumerate(classes):
            bars.text(0.02, place, f"{name[:32]}  {100 * p:.1f} %", va="center", fontsize=8)
        bars.set(xlim=(0, 1), ylim=(len(classes) - 0.4, -0.6))
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=100, format="png")  # whatever the name of the file
