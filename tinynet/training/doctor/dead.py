"""Units that are 0 for every image: they say nothing, and no gradient passes through them.

A ReLU whose input is negative for all images stays there: its weights no longer get a gradient.
Some such units are normal (measured over 32 images: up to 8 % of a convolution's maps, 40 % of the
units of a fully connected layer at the start, 20 % later); most of a layer is not.
"""

from tinynet.console.sentences import listed, percent
from tinynet.training.doctor.finding import Finding, with_flags
from tinynet.training.doctor.look import Look

MOST = 0.8  # of a layer's units


def dead_units(look: Look, why: tuple[str, str]) -> Finding | None:
    """The finding if most of a layer is dead; `why`: the cause and remedy, of those below."""
    found = {name: share for name, share in look.silent.items() if share >= MOST}
    if not found:
        return None
    shares = listed([f"{percent(share)} of {name}" for name, share in found.items()])
    cause, remedy = why
    return Finding(
        "dead_units",
        f"units that are 0 for each of {look.images} images: {shares}",
        cause,
        remedy,
        next(iter(found)),
        len(found),
    )


def why_dead_at_start(better_start: str) -> tuple[str, str]:
    """Cause and remedy before the first step; `better_start`: see `Doctor`."""
    return (
        "initial weights or biases that make the inputs of these ReLUs negative",
        with_flags("biases of 0 or above, and weights with mean 0", better_start),
    )


def why_dead(lr: float) -> tuple[str, str]:
    """Cause and remedy for units that died in training."""
    return (
        "steps that were too large pushed them below 0 for good: they no longer get a gradient",
        f"they do not recover: start again, or from an early checkpoint, with --lr {lr / 10:g}",
    )
