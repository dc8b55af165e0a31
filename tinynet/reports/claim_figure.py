"""The figure of a claim: errors over the epochs of each kind of run, and the paired differences.

A dot is a pair of runs with the same seed, the bar is the 95 % interval of their mean, the cross is
what was claimed. Kinds differ in brightness and dashes, not in hue alone.
"""

import math
from pathlib import Path

import numpy as np

from tinynet.alexnet_profiles import KINDS
from tinynet.reports.canvas import save, with_defaults, without_settings
from tinynet.reports.claims import Compared, Log, compared

with without_settings():
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

DPI = 100
SIZE = (7.2, 2.7)  # inches
STYLES = (("#00508c", "-"), ("#d98e04", "--"), ("#7a7a7a", ":"), ("#3c9d5c", "-."))
CURVES = {
    "epochs": ("training", "training error, %"),
    "training": ("training", "training error, %"),
}
FACTORS = (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100)  # those that a logarithmic axis names
USUAL = ("top1", "validation error, %")


@with_defaults
def draw_claim(name: str, log: Log, file: Path) -> None:
    """Draw what a claim's runs say; ValueError if there are none."""
    found = [each for each in compared(name, log) if each.pairs is not None]
    if not found:
        raise ValueError(f"draw_claim: log has no runs of {name}")
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    _draw_curves(left.subplots(), found, log)
    rows = right.subplots(len(found), 1, squeeze=False)[:, 0]
    for axes, each in zip(rows, found):
        _draw_differences(axes, each)
    save(figure, file, DPI)


def _draw_curves(axes: Axes, found: list[Compared], log: Log) -> None:
    """The mean over the seeds of each kind, and the seeds in thin lines."""
    key, label = CURVES.get(found[0].comparison.figure, USUAL)
    kinds = dict.fromkeys(k for f in found for k in (f.comparison.with_it, f.comparison.without))
    for kind, (colour, dashes) in zip(kinds, STYLES):
        curves = [100 * np.array(run[key]) for run in log.runs(kind).values()]
        epochs = range(1, len(curves[0]) + 1)
        for curve in curves:
            axes.plot(epochs, curve, color=colour, linestyle=dashes, linewidth=0.5, alpha=0.5)
        mean = np.mean(curves, axis=0)
        axes.plot(
            epochs, mean, color=colour, linestyle=dashes, linewidth=1.6, label=KINDS[kind].label
        )
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_ylabel(label, fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, frameon=False)


def _draw_differences(axes: Axes, each: Compared) -> None:
    """The pairs of a comparison on a line; of a ratio, its axis is logarithmic."""
    pairs, comparison = each.pairs, each.comparison
    axes.axvline(0, color="0.6", linewidth=1)
    ends = pairs.estimate().interval
    if ends is not None:
        axes.plot(ends, (0, 0), color="#00508c", linewidth=3, alpha=0.35, solid_capstyle="butt")
    dots = pairs.differences
    axes.plot(dots, [0] * len(dots), "o", color="#00508c", markersize=4)
    if comparison.size is not None:
        claimed = comparison.side * comparison.size
        axes.plot([claimed], [0], "x", color="#b22222", markersize=7, markeredgewidth=2)
    axes.set_yticks([])
    axes.set_title(comparison.title, fontsize=8, loc="left")
    axes.tick_params(labelsize=7)
    if pairs.ratio:
        low, high = axes.get_xlim()
        factors = [f for f in FACTORS if low <= math.log(f) <= high]
        axes.set_xticks([math.log(f) for f in factors], [f"x {f:g}" for f in factors])
    else:
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}" if x else "0")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
