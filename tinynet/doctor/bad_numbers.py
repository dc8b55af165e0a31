"""Why did the numbers go bad? non_finite.py finds where they did; this adds what led there."""

import math

from tinynet.doctor.finding import Finding
from tinynet.doctor.updates import LARGE
from tinynet.sentences import listed

GROWN = 10.0  # times an update's size relative to its weights, as last measured


def bad_numbers(before: dict[str, float], now: dict[str, float], lr: float) -> Finding:
    """`before`, `now`: each layer's update relative to its weights; `now` may be nan."""
    grown = [name for name in now if not now[name] < GROWN * before.get(name, LARGE / GROWN)]
    if grown:
        steps = [f"{name} by {_size(now[name])}{_earlier(before.get(name))}" for name in grown]
        measured = f"the last step moved the weights of {listed(steps)} of their size"
    else:
        measured = "the last step moved no layer's weights more than is usual"
    return Finding(
        "bad_numbers",
        measured,
        "most often a rate that is too high: each step overshoots, and the next gradient is larger",
        f"go on from the last checkpoint, or begin anew, with --lr {lr / 10:g}",
        grown[0] if grown else None,
    )


def _size(ratio: float) -> str:
    return f"{ratio:.2g} times" if math.isfinite(ratio) else "countless times"


def _earlier(ratio: float | None) -> str:
    return "" if ratio is None else f" ({ratio:.1g} times when it was last measured)"
