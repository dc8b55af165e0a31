"""Pictures of what a network has learned, as PNG files.

The paper's first-layer filters (figure 3), predictions and nearest neighbours (figure 4); and the
confusion matrix. Nothing is told by colour alone: what is right has a mark, what is not another.

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
    from matplotlib.axes import Axes
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

DPI = 100

RIGHT, OTHER, UNKNOWN = "#b5dcf5", "#d9822b", "#c4c4c4"  # bars of the true class, of another; none
TRUE, FALSE = "\N{CHECK MARK} ", "\N{NOT EQUAL TO} "  # before a class's name
LEAST = 0.0005  # a probability below would be shown as 0.0 %
NUMBERS = 20  # classes of a confusion matrix in whose cells there is room for numbers


@with_defaults
def first_layer_filters(
    weight: np.ndarray, file: Path, towers: int, scores: Sequence[float]
) -> None:
    """The first layer's filters (out, 3, kh, kw) as colour pictures, by towers (figure 3).

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
        axes.set_title(f"{tower}{number} of the first layer, {kh}x{kw}; colour score {score:.2f}")
    save(figure, file, DPI)


@with_defaults
def predictions(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    best: Sequence[Sequence[tuple[str, float]]],
    file: Path,
    right: Sequence[str] = (),
    title: str = "",
) -> None:
    """Each image (3, h, w) uint8 over bars of its likeliest classes (figure 4, left).

    best: each image's (class name, probability) pairs, likeliest first. right: each image's true
    class, if known: its title says so, and its bar has another colour and a check mark. `title`
    stands above all.
    """
    across = min(4, len(images))
    down = -(-len(images) // across)
    above = 0.4 * bool(title) + 0.3 * bool(right)  # inches
    figure = Figure(figsize=(3.2 * across, 4.2 * down + above), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[2, 1] * down)
    for axes in grid.flat:
        axes.set_axis_off()
    shown = [[one for one in classes if one[1] >= LEAST] or classes[:1] for classes in best]
    rows = max(map(len, shown))  # the bars are as high under all images
    known = right or [None] * len(images)
    for i, (image, name, classes, its_own) in enumerate(zip(images, titles, shown, known)):
        row, column = divmod(i, across)
        picture, bars = grid[2 * row][column], grid[2 * row + 1][column]
        picture.imshow(image.transpose(1, 2, 0))
        picture.set_title(f"truth: {name}" if right else name, fontsize=9)
        _bars(bars, classes, its_own)
        bars.set(xlim=(0, 1), ylim=(rows - 0.4, -0.6))
    if right:
        figure.legend(
            handles=[
                Patch(color=RIGHT, label=f"{TRUE}the true class"),
                Patch(color=OTHER, label="another class"),
            ],
            loc="outside lower center",
            ncols=2,
            frameon=False,
            fontsize=9,
        )
    save(figure, file, DPI)


def _bars(axes: Axes, classes: Sequence[tuple[str, float]], right: str | None) -> None:
    """Bars of probabilities with names in them; `right`: the true class, None if not known."""
    for place, (name, p) in enumerate(classes):
        colour = UNKNOWN if right is None else RIGHT if name == right else OTHER
        axes.barh(place, p, color=colour)
        mark = TRUE if name == right else ""
        axes.text(0.02, place, f"{mark}{short(name)}  {100 * p:.1f} %", va="center", fontsize=8)


@with_defaults
def neighbours(
    rows: Sequence[Sequence[np.ndarray]], classes: Sequence[Sequence[str]], file: Path
) -> None:
    """One image per row, with its nearest neighbours beside it (figure 4, right).

    rows: each row's images (3, h, w) uint8, neighbours after the image itself; classes: theirs. The
    name of a neighbour of another class is bold, after a sign of inequality.
    """
    across = max(map(len, rows))
    height = 2.0 * len(rows) + 0.3  # inches; 0.6 are for what stands over the first row
    figure = Figure(figsize=(1.7 * across, height))
    places = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 1 - 0.6 / height, "wspace": 0.06}
    widths = [1, 0.15, *[1] * (across - 1)]  # a gap after the first
    grid = figure.subplots(
        len(rows), across + 1, squeeze=False, width_ratios=widths, gridspec_kw=places
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for cells, images, names in zip(np.delete(grid, 1, axis=1), rows, classes):
        for axes, image, name in zip(cells, images, names):
            axes.imshow(image.transpose(1, 2, 0))
            same = name == names[0]
            text = short(name, 20) if same else f"{FALSE}{short(name, 18)}"
            axes.set_title(text, fontsize=8, fontweight="normal" if same else "bold")
    top = 1 - 0.12 / height
    figure.text(0.01, top, "validation image", fontsize=9, va="top")
    if across > 1:
        said = f"the training images nearest to it; {FALSE}and bold: of another class"
        figure.text(grid[0][2].get_position().x0, top, said, fontsize=9, va="top")
    save(figure, file, DPI)


@with_defaults
def confusion(
    counts: np.ndarray, classes: Sequence[str], file: Path, title: str, totals: np.ndarray
) -> None:
    """What images of each class are taken for: `counts` (true class, class said), as a table.

    totals (classes,): all images of each class, those taken for classes not shown too.
    Each row is shaded by its shares, the more the darker; where there is room for them the numbers
    stand in the cells. Those that are right have a frame.
    """
    n = len(classes)
    shares = counts / np.maximum(totals, 1)[:, None]
    side = max(4.0, min(0.5 * n, 12) + 2)
    figure = Figure(figsize=(side, side + 0.4), layout="constrained")
    axes = figure.subplots()
    # The square root of a share is shaded, or a few mistakes would be as white as none.
    axes.imshow(shares, cmap="Greys", norm=PowerNorm(0.5, 0, 1))
    for k in range(n):
        axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, edgecolor="#d9822b"))
    names = [short(name, 20) for name in classes]
    size = 9 if n <= NUMBERS else 6
    axes.set_xticks(range(n), names, rotation=90, fontsize=size)
    axes.set_yticks(range(n), names, fontsize=size)
    axes.set(xlabel="taken for (in a frame: rightly)", ylabel="truth")
    axes.set_title(title, fontsize=10)
    if n <= NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.3 else "black"
                axes.text(
                    column, row, f"{count:,}", ha="center", va="center", fontsize=8, color=colour
                )
    save(figure, file, DPI)


def short(name: str, most: int = 32) -> str:
    """A class in a word or two: "n01440764 tench, Tinca tinca" is "tench"."""
    words = printable(re.sub(r"^n\d{8} ", "", name).split(",")[0])
    return words if len(words) <= most else words[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
