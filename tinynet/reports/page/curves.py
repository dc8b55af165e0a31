"""The log of a run as curves, with what was changed and what the doctor said, each at its step."""

import statistics
from collections.abc import Sequence

from tinynet.reports.intervals import of_equal_weight, steps_per_epoch, validations

KEYS = ("step", "loss", "top1_error", "top5_error")
MOST = 1000  # points of a curve: a screen has no more columns


def curves(lines: Sequence[dict]) -> dict | None:
    """The curves of a log; None if it has no lines."""
    if not lines:
        return None
    each = steps_per_epoch(lines)
    return {
        "steps_per_epoch": each,
        "last": lines[-1]["step"],
        "training": fewer(_points(of_equal_weight([line for line in lines if "loss" in line]))),
        "validation": _points(validations(lines)),
        "changes": [
            _change(change, line, each) for line in lines for change in line.get("changes", ())
        ],
        "doctor": [
            {"step": line["step"], "text": text}
            for line in lines
            for text in line.get("doctor", ())
        ],
    }


def fewer(points: list[list[float]]) -> list[list[float]]:
    """The means of so many neighbours that at most MOST points are left."""
    each = -(-len(points) // MOST) or 1
    groups = (points[i : i + each] for i in range(0, len(points), each))
    return [[round(statistics.fmean(column), 6) for column in zip(*group)] for group in groups]


def _points(rows: Sequence[dict]) -> list[list[float]]:
    return [[round(row[key], 6) for key in KEYS] for row in rows]


def _change(change: dict, line: dict, each: int | None) -> dict:
    """A change, at its step; if the log does not tell, at that of the line it stands in."""
    step = 0 if change["epoch"] == 0 else round(change["epoch"] * each) if each else line["step"]
    kept = {key: change[key] for key in ("lr", "colour_noise", "why") if key in change}
    return {"step": step, **kept}
