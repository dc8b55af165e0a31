"""What the lines of a run's log stand for: means of equal weight, and the length of an epoch."""

from collections.abc import Sequence
from itertools import pairwise


def of_equal_weight(lines: Sequence[dict]) -> list[dict]:
    """The log's lines for training, merged until each averages as many steps as the longest does.

    The log cuts its intervals at the ends of epochs and at checkpoints: a mean over two steps,
    beside means over twenty, would be a spike that means nothing. `step` becomes the middle of the
    interval; a rest of less than half an interval at the end is left out.
    """
    ends = [0, *(line["step"] for line in lines)]
    parts = [(end - begin, line) for (begin, end), line in zip(pairwise(ends), lines)]
    longest = max((steps for steps, _ in parts), default=0)
    merged, open_, begin = [], [], 0
    for number, (steps, line) in enumerate(parts, 1):
        open_.append((steps, line))
        weight = sum(steps for steps, _ in open_)
        is_last = number == len(parts)
        if weight >= longest or (is_last and weight >= longest / 2):
            means = {
                key: sum(steps * part[key] for steps, part in open_) / weight
                for key in ("loss", "top1_error", "top5_error")
            }
            merged.append({"step": (begin + line["step"]) / 2, **means})
            open_, begin = [], line["step"]
    return merged


def validations(lines: Sequence[dict]) -> list[dict]:
    """The log's lines for validation, with the names that those for training have."""
    return [
        {key.removeprefix("val_"): value for key, value in line.items()}
        for line in lines
        if "val_top1_error" in line
    ]


def steps_per_epoch(lines: Sequence[dict]) -> int | None:
    """The steps of an epoch, by the log; None before the second, as the first may be cut short.

    So may another: a run that was stopped within an epoch, and then resumed, validated there.
    """
    last = max((line["epoch"] for line in lines), default=0)
    found = (
        line["step"] // line["epoch"]
        for line in lines
        if "val_top1_error" in line and line["epoch"] < last
    )
    return max(found, default=None)
