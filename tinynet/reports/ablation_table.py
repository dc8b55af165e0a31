"""The table of an ablation: a block for each part, beside what the authors found."""

import math
import statistics
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinynet.alexnet_profiles import SWITCHES
from tinynet.console.sentences import counted
from tinynet.reports.ablation import Outcome, Pairs, epochs_to_an_error
from tinynet.reports.verdict import verdict

COLUMNS = (11, 10, 15, 15, 16, 18, 8, 7)
HEADER = ("", "", "with it", "without it", "difference", "95 % interval", "paper", "2012")
WIDTH = 100
HARDLY_LEARNED = 0.9  # times the error of guessing
LEGEND = """\
top-1, top-5: validation error after the last epoch, in percent; (standard deviation over the seeds)
training: top-1 error of the same network on training images, seen as validation images are
gap: top-1 minus training, in points: what is learned of the training images alone, overfitting
epochs: until the training error first is as low as both get it; converge: until the validation
error is. Their difference is a factor
difference: without it minus with it, the same seed each time, ± its standard error; where the mean
of ever so many seeds would lie, by Student's t
paper, 2012: the difference in points on ImageNet, mean of 10 views; configurations have their
numbers from computerhistory/AlexNet-Source-Code, where 145 is the paper's net
reproduced: the interval lies on the claimed side of 0. Not reproduced: it lies on the other, or
holds 0 but not the size that was claimed. Of twenty parts that do nothing, one passes 95 %.
Short runs compare how soon networks learn, not how far they get."""


@dataclass(frozen=True)
class Result:
    """What came of one part, by figure; `note` says more about them."""

    part: str
    figures: dict[str, Pairs]
    note: str = ""

    def text(self) -> str:
        """The block of the table."""
        switch = SWITCHES[self.part]
        said = dict(zip(("top-1", "top-5"), zip(switch.paper, switch.config)))
        lines = [
            _line("" if i else self.part, name, pairs, *said.get(name, ("", "")))
            for i, (name, pairs) in enumerate(self.figures.items())
        ]
        seeds = counted(len(self.figures["top-1"].with_it), "seed")
        verdicts = [f"{name}: {word}" for name, word in self.verdicts().items()]
        notes = (f"{seeds}; {'; '.join(verdicts) or 'nobody claims anything'}", self.note)
        return "\n".join([*lines, *map(_indented, filter(None, (*notes, switch.source)))])

    def verdicts(self) -> dict[str, str]:
        """Of each figure of which something is claimed, whether that is reproduced."""
        return {
            claim.figure: str(
                verdict(self.figures[claim.figure].estimate(), claim.side, claim.size)
            )
            for claim in SWITCHES[self.part].claims
        }

    def as_json(self) -> dict:
        """The same as data, with the figures of every seed."""
        switch, verdicts = SWITCHES[self.part], self.verdicts()
        return {
            "part": self.part,
            "figures": {
                name: {**as_json(pairs), "verdict": verdicts.get(name)}
                for name, pairs in self.figures.items()
            },
            **({"note": self.note} if self.note else {}),
            "paper": switch.paper,
            "2012": switch.config,
            "source": switch.source,
        }


def as_json(pairs: Pairs) -> dict:
    """The figures of all seeds, and what they come to; of a ratio, as a factor."""
    found = pairs.estimate()
    back = math.exp if pairs.ratio else float
    return {
        "with": pairs.with_it,
        "without": pairs.without,
        "factor" if pairs.ratio else "difference": back(found.mean),
        "standard_error": found.error,
        "interval": found.interval and [back(end) for end in found.interval],
    }


def result_of(
    part: str, with_it: Sequence[Outcome], without: Sequence[Outcome], classes: int
) -> Result:
    """Compare the runs with a part and those without it, both in the order of their seeds."""

    def pairs(figure: str) -> Pairs:
        return Pairs(*(tuple(getattr(run, figure) for run in runs) for runs in (with_it, without)))

    figures = {"top-1": pairs("top1")}
    if classes > 5:
        figures["top-5"] = pairs("top5")
    figures |= {"training": pairs("fitted"), "gap": pairs("gap")}
    claimed, notes = {claim.figure for claim in SWITCHES[part].claims}, []
    for figure, curve in (("epochs", "training"), ("converge", "validation")):
        if figure in claimed:
            errors, figures[figure] = epochs_to_an_error(with_it, without, curve)
            lowest = statistics.fmean(errors)
            notes.append(f"{figure}: until the {curve} error is {lowest:.1f} %")
    return Result(part, figures, "; ".join(notes))


def table(title: str, results: Sequence[Result], classes: int) -> str:
    """The whole table, with a legend."""
    lines = [title, *_doubt(results[0].figures["top-1"].with_it, classes)]
    blocks = [_columns(*HEADER), *(result.text() for result in results)]
    return "\n".join([*lines, "", *blocks, "", LEGEND])


def _doubt(errors: Sequence[float], classes: int) -> Iterator[str]:
    """A warning if the network, with all its parts, is hardly better than guessing."""
    error, guessing = statistics.fmean(errors), 100 - 100 / classes
    if error > HARDLY_LEARNED * guessing:
        yield textwrap.fill(
            f"Even with all its parts it has hardly learned: {error:.1f} % error, where guessing "
            f"has {guessing:.1f} %. What this says of a part is worth little: train it longer, or "
            "otherwise",
            WIDTH,
        )


def _line(part: str, name: str, pairs: Pairs, paper: str, config: str) -> str:
    cells = (part, name, spread(pairs.with_it), spread(pairs.without))
    return _columns(*cells, difference(pairs), interval(pairs), paper or "-", config or "-")


def difference(pairs: Pairs) -> str:
    """The mean difference ± its standard error, "+2.50 ± 0.50"; of a ratio a factor, "x 1.50"."""
    found = pairs.estimate()
    if pairs.ratio:
        return f"x {math.exp(found.mean):.2f}"
    return f"{found.mean:+.2f}" + ("" if found.error is None else f" ± {found.error:.2f}")


def interval(pairs: Pairs) -> str:
    """Where the mean would lie, "-3.85 to +8.85"; of a ratio, "x 0.8 to x 2"."""
    ends = pairs.estimate().interval
    if ends is None:
        return "-"
    if pairs.ratio:
        return " to ".join(f"x {math.exp(min(end, 20)):.2g}" for end in ends)
    return " to ".join(f"{end:+.2f}" for end in ends)


def _columns(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, COLUMNS)).rstrip()


def spread(values: Sequence[float]) -> str:
    """The mean of the seeds, and (their standard deviation)."""
    deviation = f" ({statistics.stdev(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.fmean(values):5.2f}{deviation}"


def _indented(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
