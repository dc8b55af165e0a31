"""When the learning rate falls, in words that go to the log.

The paper divided it by 10 whenever the validation error stopped improving, three times in all, by
hand (section 5). `Plateau` does that. `Drops` divides at fixed places, for runs whose length is
known beforehand.
"""

from tinynet.optim import SGD, ReduceLROnPlateau

FACTOR = 0.1
PATIENCE = 5  # epochs without a better validation error
MOST_DROPS = 3


class Plateau:
    """The rate falls when the validation error has not for more than `PATIENCE` epochs."""

    def __init__(self, optimizer: SGD):
        self._plateau = ReduceLROnPlateau(optimizer, FACTOR, PATIENCE, max_drops=MOST_DROPS)

    def after_step(self, step: int) -> str | None:
        """To be called after each step: what was done to the rate, if anything."""
        return None

    def after_epoch(self, val_top1_error: float) -> str | None:
        """To be called after each epoch: what was done to the rate, if anything."""
        best = self._plateau.best
        if not self._plateau.step(val_top1_error):
            return None
        return (
            f"the validation error has not fallen below {best:.2%} for {PATIENCE + 1} epochs: "
            f"learning rate divided by 10, drop {self._plateau.drops} of {MOST_DROPS}"
        )

    def state_dict(self) -> dict:
        return self._plateau.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self._plateau.load_state_dict(state)


class Drops:
    """The rate falls after the `fractions` (rising, of 0 to 1) of `steps`, the whole run's length.

    What was done is done: in a run that is made longer later, no drop comes a second time.
    """

    def __init__(self, optimizer: SGD, fractions: list[float], steps: int):
        self._optimizer = optimizer
        self._drops = [(round(fraction * steps), fraction) for fraction in fractions]
        self._made = 0

    def after_step(self, step: int) -> str | None:
        if self._made == len(self._drops) or step < self._drops[self._made][0]:
            return None
        fraction = self._drops[self._made][1]
        self._optimizer.scale_lr(FACTOR)
        self._made += 1
        return f"{fraction:.0%} of the run is done: learning rate divided by 10"

    def after_epoch(self, val_top1_error: float) -> str | None:
        return None

    def state_dict(self) -> dict:
        return {"made": self._made}

    def load_state_dict(self, state: dict) -> None:
        self._made = state["made"]
