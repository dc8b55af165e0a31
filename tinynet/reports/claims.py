"""What the runs of a claim say: its log, and each of its comparisons with a verdict.

A log is all that is kept of the runs, small enough to lie beside the page that is made of it:

    versions    of the code
    kinds       of each kind of run: its settings, and by seed what was found (commands/measure.py)
    tuning      of kinds whose rate was chosen: by rate, what was found
    ensembles   the error of some networks together, and of each alone
"""

from dataclasses import dataclass, field

import numpy as np

from tinynet.alexnet_profiles import CLAIMS, Comparison
from tinynet.reports.ablation import ENOUGH, Pairs, epochs_to_an_error, first_epoch, outcome
from tinynet.reports.verdict import Verdict, verdict

SEEDS = 3  # of each kind of run, if nobody asks for more
HALVINGS = 1000  # random ones, of a layer's filters


@dataclass
class Log:
    """What is kept of a claim's runs."""

    versions: list[str] = field(default_factory=list)
    kinds: dict[str, dict] = field(default_factory=dict)
    tuning: dict[str, dict] = field(default_factory=dict)
    ensembles: list[dict] = field(default_factory=list)

    def runs(self, kind: str) -> dict[str, dict]:
        """What was found in the runs of a kind, by seed."""
        return self.kinds.get(kind, {}).get("runs", {})


@dataclass(frozen=True)
class Compared:
    """A comparison of a claim, with the pairs that there are of it; none yet is None."""

    comparison: Comparison
    pairs: Pairs | None
    at_least: bool = False  # some run never came so far: it counts as one epoch more than it had

    def verdict(self) -> Verdict | None:
        """None where nothing is claimed, or nothing was run."""
        if self.pairs is None or self.comparison.side == 0:
            return None
        return verdict(self.pairs.estimate(), self.comparison.side, self.comparison.size)


def compared(name: str, log: Log) -> list[Compared]:
    """The comparisons of the claim of this name."""
    return [_compared(comparison, log) for comparison in CLAIMS[name].comparisons]


def was_run(name: str, log: Log) -> bool:
    """Whether there is a pair of runs for any of the claim's comparisons."""
    return any(found.pairs is not None for found in compared(name, log))


def _compared(comparison: Comparison, log: Log) -> Compared:
    if comparison.figure == "ensemble":
        groups = [(100 * g["top1"], 100 * float(np.mean(g["alone"]))) for g in log.ensembles]
        return Compared(comparison, Pairs(*zip(*groups)) if groups else None)
    sides = (log.runs(comparison.with_it), log.runs(comparison.without))
    seeds = [seed for seed in sides[0] if seed in sides[1]]
    if not seeds:
        return Compared(comparison, None)
    runs = [[side[seed] for seed in seeds] for side in sides]
    if comparison.figure == "epochs" and log.tuning:
        return _to_an_error(comparison, *runs)
    return Compared(comparison, _pairs(comparison.figure, *runs))


def _to_an_error(comparison: Comparison, with_it: list[dict], without: list[dict]) -> Compared:
    """The epochs to the training error of figure 1."""
    curves = [[outcome(run).training for run in runs] for runs in (with_it, without)]
    pairs = Pairs(*(tuple(first_epoch(c, ENOUGH) for c in of) for of in curves), ratio=True)
    late = any(min(curve) > ENOUGH for of in curves for curve in of)
    return Compared(comparison, pairs, late)


def _pairs(figure: str, with_it: list[dict], without: list[dict]) -> Pairs:
    if figure == "views":
        ten = tuple(100 * run["top1_of_10_views"] for run in with_it)
        return Pairs(ten, tuple(100 * run["top1"][-1] for run in without))
    if figure == "towers":
        return Pairs(*zip(*(specialization(np.array(run["colours"])) for run in with_it)))
    outcomes = [[outcome(run) for run in runs] for runs in (with_it, without)]
    curve = {"epochs": "training", "converge": "validation"}.get(figure)
    if curve:
        return epochs_to_an_error(*outcomes, curve)[1]
    name = {"top-1": "top1", "training": "fitted", "gap": "gap"}[figure]
    return Pairs(*(tuple(getattr(run, name) for run in runs) for runs in outcomes))


def specialization(scores: np.ndarray) -> tuple[float, float]:
    """How far random halves of the filters differ in colour, on average, and how far the towers do.

    `scores`: of each filter, those of tower a first. In hundredths of the score, from 0 to 100. In
    this order the towers are "without" and chance is "with": the difference is above 0 if towers
    differ more than chance would have it.
    """
    half, rng = len(scores) // 2, np.random.default_rng(0)

    def apart(order: np.ndarray) -> float:
        return 100 * abs(float(order[:half].mean() - order[half:].mean()))

    by_chance = [apart(rng.permutation(scores)) for _ in range(HALVINGS)]
    return float(np.mean(by_chance)), apart(scores)
