"""When the learning rate falls, and why.

The paper divided it by 10 whenever the validation error stopped improving, three times in all, by
hand (section 5). `Plateau` does that. `Drops` divides at fixed places, for runs whose length is
known beforehand. `Replay` repeats the changes made in another run, the authors' own or one that
left a log. `WarmUp` goes before the first two where batches are large.

A schedule turns the knobs (`Controls`) itself and returns its reasons, which go into the log with
the changes.
"""

from collections.abc import Sequence
from typing import Protocol

from tinynet.console.sentences import listed
from tinynet.optim import ReduceLROnPlateau
from tinynet.training.controls import Controls
from tinynet.training.errors import UserError
from tinynet.training.settings import Settings

FACTOR = 0.1
PATIENCE = 5  # epochs without a better validation error
MOST_DROPS = 3
STAIRS = 10  # of a warm-up: as many lines in the log

# The authors' configuration 145, the paper's network, whose rates they changed by hand (their notes
# in computerhistory/AlexNet-Source-Code, layer-params-145.cfg). It began with 0.01 for all weights
# and ended after 91 epochs; the rate of the biases stayed at 0.02.
LR_145 = 0.01
EPOCHS_145 = 91
CHANGES_145 = (
    {"epoch": 25.0, "lr": {"conv1": 1e-3, "weights": 1e-3}},
    {"epoch": 51.0, "lr": {"conv1": 1e-4, "weights": 1e-4}},
    {"epoch": 67.0, "lr": {"conv1": 1e-5}, "colour_noise": 0.0},
    {"epoch": 72.0, "lr": {"conv1": 0.0}},
    {"epoch": 79.0, "lr": {"weights": 1e-5}},
)


def changes_145(lr: float) -> list[dict]:
    """The changes of the authors' run 145, scaled for a run that begins with the rate `lr`."""
    factor = lr / LR_145
    return [
        {
            **change,
            "lr": {name: rate * factor for name, rate in change["lr"].items()},
            "why": "as in the authors' run 145",
        }
        for change in CHANGES_145
    ]


class Schedule(Protocol):
    """What every schedule offers."""

    multiple: float  # of the rate that the run was given: what a warm-up has raised it to

    def after_step(self, step: int) -> list[str]:
        """Call before the first step and after each: returns why something was changed, if so."""

    def after_epoch(self, val_top1_error: float) -> list[str]:
        """Call after each epoch: returns why something was changed, if so."""

    def describe(self, epochs: int) -> str:
        """What it will do in a run of this many epochs, in words."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...


class Plateau:
    """The rate falls when the validation error has not fallen for more than `PATIENCE` epochs."""

    multiple = 1.0

    def __init__(self, controls: Controls):
        self._plateau = ReduceLROnPlateau(controls, FACTOR, PATIENCE, max_drops=MOST_DROPS)

    def after_step(self, step: int) -> list[str]:
        return []

    def after_epoch(self, val_top1_error: float) -> list[str]:
        best = self._plateau.best
        if not self._plateau.step(val_top1_error):
            return []
        return [
            f"the validation error has not fallen below {best:.2%} for {PATIENCE + 1} epochs, "
            f"drop {self._plateau.drops} of {MOST_DROPS}"
        ]

    def describe(self, epochs: int) -> str:
        return (
            f"rates / 10 when the validation error has not fallen for {PATIENCE + 1} epochs, "
            f"at most {MOST_DROPS} times"
        )

    def state_dict(self) -> dict:
        return self._plateau.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self._plateau.load_state_dict(state)


class Drops:
    """The rate falls after each of the `fractions` (rising, 0 to 1) of `steps`, the run's length.

    If a run is made longer later, the drops already made are not repeated.
    """

    multiple = 1.0

    def __init__(self, controls: Controls, fractions: Sequence[float], steps: int):
        self._controls = controls
        self._drops = [(round(fraction * steps), fraction) for fraction in fractions]
        self._made = 0

    def after_step(self, step: int) -> list[str]:
        reasons = []
        for place, fraction in self._drops[self._made :]:
            if place <= step:
                self._controls.scale_lr(FACTOR)
                self._made += 1
                reasons.append(f"{fraction:.0%} of the run is done")
        return reasons

    def after_epoch(self, val_top1_error: float) -> list[str]:
        return []

    def describe(self, epochs: int) -> str:
        fractions = [f"{fraction:.0%}" for _, fraction in self._drops]
        if not fractions:
            return "rates stay as they are"
        return f"rates / 10 after {listed(fractions)} of the run"

    def state_dict(self) -> dict:
        return {"made": self._made}

    def load_state_dict(self, state: dict) -> None:
        self._made = state["made"]


class WarmUp:
    """The linear rule for large batches (Goyal et al. 2017, "Accurate, Large Minibatch SGD").

    A batch that is k times as large takes a rate that is k times as high; and since a network would
    not bear it at first, the rates rise to that in the first `steps` steps, on `STAIRS` stairs.
    From there on they are as the schedule `then` says.
    """

    def __init__(self, then: Schedule, controls: Controls, lr: float, factor: float, steps: int):
        self._then, self._controls = then, controls
        self._lr, self._factor, self._steps = lr, factor, steps
        self._stairs = 0

    @property
    def multiple(self) -> float:
        return 1 + (self._factor - 1) * self._stairs / STAIRS

    def after_step(self, step: int) -> list[str]:
        if self._stairs == STAIRS:
            return self._then.after_step(step)
        stairs = min(STAIRS, step * STAIRS // self._steps)
        if stairs == self._stairs:
            return []
        self._stairs = stairs
        self._controls.set_lr(self._lr * self.multiple)
        return [f"warm-up, {stairs} of {STAIRS}"]

    def after_epoch(self, val_top1_error: float) -> list[str]:
        return self._then.after_epoch(val_top1_error) if self._stairs == STAIRS else []

    def describe(self, epochs: int) -> str:
        return (
            f"rates x {self._factor:.4g} by the linear rule, after a warm-up of {self._steps:,} "
            f"steps; then {self._then.describe(epochs)}"
        )

    def state_dict(self) -> dict:
        return {**self._then.state_dict(), "stairs": self._stairs}

    def load_state_dict(self, state: dict) -> None:
        self._stairs = state["stairs"]
        self._then.load_state_dict(state)


class Replay:
    """The `changes` of another run (see controls.py), each after as many epochs as in it.

    If both runs have the same `steps_per_epoch`, that is after the very same step. A change made
    by hand holds until the next of these.
    """

    multiple = 1.0

    def __init__(self, controls: Controls, changes: Sequence[dict], steps_per_epoch: int):
        self._controls, self._steps_per_epoch = controls, steps_per_epoch
        self._changes, self._made = list(changes), 0
        for change in self._changes:
            controls.check(change)
        self._check_start(changes)

    def _check_start(self, changes: Sequence[dict]) -> None:
        """A log begins with the rates of all groups of its run; this run may have no others."""
        if changes and changes[0]["epoch"] == 0:
            missing = self._controls.rates.keys() - changes[0].get("lr", {}).keys()
            if missing:
                raise UserError(
                    f"the run to replay has no rate for {listed(sorted(missing))}, which this "
                    f"network has besides {listed(changes[0]['lr'])}: wanted a run of the same kind"
                )

    def after_step(self, step: int) -> list[str]:
        reasons = []
        while self._made < len(self._changes):
            change = self._changes[self._made]
            if step < round(change["epoch"] * self._steps_per_epoch):
                break
            self._controls.apply(change)
            self._made += 1
            reasons.append(change["why"])
        return reasons

    def after_epoch(self, val_top1_error: float) -> list[str]:
        return []

    def describe(self, epochs: int) -> str:
        places = [change["epoch"] for change in self._changes if change["epoch"] > 0]
        if not places:
            return "no change but the rates at the start"
        beyond = sum(place > epochs for place in places)
        return f"changes after epochs {listed([f'{place:.5g}' for place in places])}" + (
            f"; of these, {beyond} after the end of this run" if beyond else ""
        )

    def state_dict(self) -> dict:
        return {"changes": self._changes, "made": self._made}

    def load_state_dict(self, state: dict) -> None:
        self._changes, self._made = state["changes"], state["made"]


def schedule_for(settings: Settings, controls: Controls, steps_per_epoch: int) -> Schedule:
    """The schedule that the settings of a run name."""
    steps = settings.epochs * steps_per_epoch
    if settings.schedule == "plateau":
        schedule = Plateau(controls)
    elif settings.schedule == "drops":
        schedule = Drops(controls, settings.drops, steps)
    else:
        return Replay(controls, settings.changes, steps_per_epoch)
    if settings.warm_up is None:
        return schedule
    factor = settings.batch_size / settings.lr_batch
    warm_up = max(1, round(settings.warm_up * steps_per_epoch))
    return WarmUp(schedule, controls, settings.lr, factor, warm_up)
