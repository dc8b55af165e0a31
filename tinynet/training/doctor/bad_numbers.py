"""Why did the numbers go bad? non_finite.py finds where they did; this adds what led there."""

from tinynet.console.sentences import listed
from tinynet.training.doctor.finding import Finding
from tinynet.training.doctor.updates import LARGE

GROWN = 10.0  # times an update's size relative to its weights, as last measured


def bad_numbers(before: dict[str, float], now: dict[str, float], lr: float) -> Finding:
    """`before`, `now`: each layer's update relative to its weights; `now` may be nan."""
    grown = [name for name in now if not now[name] < GROWN * before.get(name, LARGE / GROWN)]
    if grown:
        steps = [_step(name, now[name], before.get(name)) for name in grown]
        measured = f"the last step moved some weights more than usual: {listed(steps)}"
    else:
        measured = "the last step moved no layer's weights more than usual"
    return Finding(
        "bad_numbers",
        measured,
        "most often a rate that is too high: each step overshoots, and the next gradient is larger",
        f"resume from the last checkpoint, or start again, with --lr {lr / 10:g}",
        grown[0] if grown else None,
    )


def _step(name: str, ratio: float, before: float | None) -> str:
    earlier = "" if before is None else f" ({before:.1g} times when last measured)"
    return f"those of {name} by {ratio:.2g} times their size{earlier}"
