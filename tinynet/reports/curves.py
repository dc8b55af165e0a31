"""Learning curves (the paper's figure 1) from a run's log, as a PNG file.

Training and validation differ in brightness, width and markers, not in hue alone, so that they can
be told apart in grey print and by eyes that confuse red and green.
"""

from collections.abc import Sequence
from pathlib import Path

from tinynet.reports.canvas import save, with_defaults, without_settings
from tinynet.reports.intervals import of_equal_weight, validations
from tinynet.training.controls import main_group

with without_settings():
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

DPI = 200
STYLES = {
    "training": {"color": "#d98e04", "linewidth": 1.2},
    "validation": {"color": "#00508c", "linewidth": 1.8},
}
MARKERS = 15  # at most on a curve: more would hide it
NOTE = (
    "A point of training is the mean over the steps around it, while the network still learned, "
    "with what dropout and random crops it has;\nvalidation, after each epoch, is without them: so "
    "it can lie below training."
)


@with_defaults
def learning_curves(lines: Sequence[dict], file: Path, steps_per_epoch: int | None) -> None:
    """Loss and errors over the epochs of a run, from the lines of its log.

    A dotted line marks a change of a learning rate and says the new one. Without `steps_per_epoch`
    the curves are drawn over the steps, and changes are not marked. A top-5 error that is never
    more than 0, as with five classes, is left out. Without lines there is no figure.
    """
    if not lines:
        return
    unit, name_of_x = (steps_per_epoch, "epoch") if steps_per_epoch else (1, "step")
    training = of_equal_weight([line for line in lines if "loss" in line])
    validation = validations(lines)
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    loss, error = figure.subplots(1, 2)
    errors = [("top1_error", "-", "top-1")]
    if any(row["top5_error"] for row in (*training, *validation)):
        errors.append(("top5_error", "--", "top-5"))
    for name, rows in (("training", training), ("validation", validation)):
        places = [row["step"] / unit for row in rows]
        marked = name == "validation" or len(rows) == 1
        marks = {"marker": "o", "markersize": 4, "markevery": -(-len(rows) // MARKERS) or 1}
        style = STYLES[name] | (marks if marked else {})
        loss.plot(places, [row["loss"] for row in rows], label=name, **style)
        for key, dashes, label in errors:
            share = [100 * row[key] for row in rows]
            error.plot(places, share, dashes, label=f"{name}, {label}", **style)
    highest = max(max(curve.get_ydata(), default=0) for curve in loss.lines) or 1
    loss.set(ylabel="loss (nats)", ylim=(0, 1.05 * highest))
    error.set(ylabel="error (%)", ylim=(0, 100))
    for axes in (loss, error):
        if steps_per_epoch:
            _mark_changes(axes, lines, named=axes is loss)
        end = max(1, 1.03 * lines[-1]["step"] / unit)  # one epoch: only whole ones have ticks
        axes.set(xlabel=name_of_x, xlim=(0, end))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.supxlabel(NOTE, fontsize=8, color="0.3")
    save(figure, file, DPI)


def _mark_changes(axes: Axes, lines: Sequence[dict], named: bool) -> None:
    """A dotted line where a learning rate changed after the start, with the new one if `named`."""
    changes = [change for line in lines for change in line.get("changes", ())]
    for change in changes:
        if change["epoch"] > 0 and "lr" in change:
            axes.axvline(change["epoch"], color="0.4", linestyle=":", linewidth=1)
            if named:
                rates = change["lr"]
                group = main_group(rates)
                whose = f" of {group}" if len(rates) == 1 else ""
                axes.annotate(
                    f"learning rate{whose} {rates[group]:g}",
                    (change["epoch"], 0.98),
                    (-3, 0),
                    xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                    rotation=90,
                    ha="right",
                    va="top",
                    fontsize=7,
                    color="0.3",
                )
