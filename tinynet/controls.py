"""What may be changed while a network trains: the learning rates, by group, and the colour noise.

A change is data, a line of the run's log and of the authors' schedule alike:

    {"epoch": 25.0, "lr": {"conv1": 0.001, "weights": 0.001}, "why": "..."}

`epoch` says after how many epochs it came, a fraction in the middle of one; `lr` has the new rate
of each group that got one; `colour_noise`, where that was changed, its new value.
"""

import math
from collections.abc import Iterable
from numbers import Real

from tinynet.errors import UserError
from tinynet.inputs import Inputs
from tinynet.optim import SGD
from tinynet.sentences import listed


class Controls:
    """The knobs of a run: those of its optimizer, as its profile begins it, and of its inputs."""

    def __init__(self, optimizer: SGD, inputs: Inputs):
        self._optimizer, self._inputs = optimizer, inputs
        self._groups = {g.get("name", str(i)): g for i, g in enumerate(optimizer.groups)}
        main = self.lr or 1.0  # 0 where a run is replayed that began so
        self._ratios = {name: rate / main for name, rate in self.rates.items()}

    @property
    def rates(self) -> dict[str, float]:
        return {name: group["lr"] for name, group in self._groups.items()}

    @property
    def lr(self) -> float:
        """The rate that stands for all."""
        return self.rates[main_group(self._groups)]

    def values(self) -> dict:
        """How all knobs stand: {"lr": {group: rate}, "colour_noise": of the inputs}."""
        return {"lr": self.rates, "colour_noise": self._inputs.colour_noise}

    def apply(self, change: dict) -> None:
        """Set what `change` sets. UserError where it names a group that is not there."""
        self.check(change)
        for name, rate in change.get("lr", {}).items():
            self._groups[name]["lr"] = float(rate)
        if "colour_noise" in change:
            self._inputs.colour_noise = float(change["colour_noise"])

    def check(self, change: dict) -> None:
        """UserError where `change` cannot be applied here."""
        unknown = change.get("lr", {}).keys() - self._groups.keys()
        if unknown:
            raise UserError(
                f"a change to replay sets the rate of {listed(sorted(unknown))}, but this "
                f"network's groups are {listed(self._groups)}: give --replay a run of the same "
                "network"
            )

    def scale_lr(self, factor: float) -> None:
        """Multiply every group's rate."""
        self._optimizer.scale_lr(factor)

    def set_lr(self, lr: float) -> None:
        """Set all rates as the profile begins with them where that of the main group is `lr`."""
        for name, ratio in self._ratios.items():
            self._groups[name]["lr"] = lr * ratio


def main_group(names: Iterable[str]) -> str:
    """The group whose rate stands for all: "weights", or else the first."""
    return "weights" if "weights" in names else next(iter(names))


def changed(before: dict, after: dict) -> dict:
    """The part of the values `after` that was not so `before`: a change, without place and why."""
    rates = {n: rate for n, rate in after["lr"].items() if rate != before["lr"].get(n)}
    change = {"lr": rates} if rates else {}
    if after["colour_noise"] != before["colour_noise"]:
        change["colour_noise"] = after["colour_noise"]
    return change


def in_words(change: dict, before: dict) -> str:
    """The change as a phrase: learning rate of conv1 and the other weights set to 0.1 from 1."""
    spoken = {"weights": "the other weights"} if "conv1" in before["lr"] else {}
    groups: dict[tuple[float, float], list[str]] = {}
    for name, rate in change.get("lr", {}).items():
        groups.setdefault((rate, before["lr"][name]), []).append(spoken.get(name, name))
    everywhere = len(groups) == 1 and change["lr"].keys() == before["lr"].keys()
    parts = [
        f"learning rate{'' if everywhere else ' of ' + listed(names)} set to {new:g} from {old:g}"
        for (new, old), names in groups.items()
    ]
    if "colour_noise" in change:
        parts.append(
            f"colour noise set to {change['colour_noise']:g} from {before['colour_noise']:g}"
        )
    return ", ".join(parts)


def is_change(data) -> bool:
    """Whether `data`, read from a file, is a change as described above."""
    if not isinstance(data, dict) or data.keys() - {"epoch", "lr", "colour_noise", "why"}:
        return False
    rates = data.get("lr", {})
    if not isinstance(rates, dict) or not isinstance(data.get("why"), str):
        return False
    return all(map(_at_least_0, [data.get("epoch"), data.get("colour_noise", 0), *rates.values()]))


def _at_least_0(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < math.inf
