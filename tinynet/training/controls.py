"""What may be changed while a network trains: the learning rates, by group, and the colour noise.

A change is plain data, in the same form in a run's log and in the authors' schedule:

    {"epoch": 25.0, "lr": {"conv1": 0.001, "weights": 0.001}, "why": "..."}

`epoch` says after how many epochs it came, with a fraction in the middle of one; `lr` has the new
rate of each group that got one; `colour_noise` is there if it changed, with its new value.
"""

from collections.abc import Iterable

from tinynet.console.sentences import listed
from tinynet.optim import SGD
from tinynet.training.errors import UserError
from tinynet.training.inputs import Inputs

BY_HAND = "changed by hand"  # why, in the log, when a resumed run was given another rate


class Controls:
    """The knobs of a run: those of its optimizer, fresh from its profile, and of its inputs."""

    def __init__(self, optimizer: SGD, inputs: Inputs):
        self._optimizer, self._inputs = optimizer, inputs
        self._groups = {g.get("name", str(i)): g for i, g in enumerate(optimizer.groups)}
        main = self.lr or 1.0  # 0 when replaying a run that began with 0
        self._ratios = {name: rate / main for name, rate in self.rates.items()}

    @property
    def rates(self) -> dict[str, float]:
        return {name: group["lr"] for name, group in self._groups.items()}

    @property
    def lr(self) -> float:
        """The rate that stands for all: the main group's."""
        return self.rates[main_group(self._groups)]

    def values(self) -> dict:
        """The present values of all knobs: {"lr": {group: rate}, "colour_noise": of the inputs}."""
        return {"lr": self.rates, "colour_noise": self._inputs.colour_noise}

    def apply(self, change: dict) -> None:
        """Make the change. UserError if it names a group that does not exist."""
        self.check(change)
        for name, rate in change.get("lr", {}).items():
            self._groups[name]["lr"] = float(rate)
        if "colour_noise" in change:
            self._inputs.colour_noise = float(change["colour_noise"])

    def check(self, change: dict) -> None:
        """UserError if `change` cannot be applied here."""
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
        """Set the main group's rate to `lr`, and the others in proportion, as in the profile."""
        for name, ratio in self._ratios.items():
            self._groups[name]["lr"] = lr * ratio


def main_group(names: Iterable[str]) -> str:
    """The group whose rate stands for all: "weights", or else the first."""
    return "weights" if "weights" in names else next(iter(names))


def changed(before: dict, after: dict) -> dict:
    """The values `after` that differ from `before`: a change, still without `epoch` and `why`."""
    rates = {n: rate for n, rate in after["lr"].items() if rate != before["lr"].get(n)}
    change = {"lr": rates} if rates else {}
    if after["colour_noise"] != before["colour_noise"]:
        change["colour_noise"] = after["colour_noise"]
    return change


def in_words(change: dict, before: dict) -> str:
    """A phrase such as "learning rate of conv1 and the other weights set to 0.1 from 1"."""
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
