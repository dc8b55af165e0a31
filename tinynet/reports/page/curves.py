"""The log of a run as curves, with what was changed and what the doctor said, each at its step."""

from collections.abc import Sequence

from tinynet.reports.intervals import of_equal_weight, steps_per_epoch, validations

KEYS = ("step", "loss", "top1_error", "top5_error")


def curves(lines: Sequence[dict]) -> dict | None:
    """The curves of a log; None if it has no lines."""
    if not lines:
        return None
    each = steps_per_epoch(lines)
    return {
        "steps_per_epoch": each,
        "last": lines[-1]["step"],
        "training": _points(of_equal_weight([line for line in lines if "loss" in line])),
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


def _points(rows: Sequence[dict]) -> list[list[float]]:
    return [[round(row[key], 6) for key in KEYS] for row in rows]


def _change(change: dict, line: dict, each: int | None) -> dict:
    """A change, at its step; if the log does not tell, at that of the line it stands in."""
    step = 0 if change["epoch"] == 0 else round(change["epoch"] * each) if each else line["step"]
    kept = {key: change[key] for key in ("lr", "colour_noise", "why") if key in change}
    return {"step": step, **kept}
