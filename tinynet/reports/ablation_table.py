"""The table of an ablation: a block for each part, beside what the authors found."""

import statistics
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinynet.alexnet_profiles import SWITCHES
from tinynet.reports.ablation import Outcome, Pairs, epochs_to_an_error

COLUMNS = (11, 9, 16, 16, 18, 8, 7)
HEADER = ("", "", "with it", "without it", "difference", "paper", "2012")
WIDTH = 100
HARDLY_LEARNED = 0.9  # times the error of guessing
LEGEND = """\
top-1, top-5: validation error after the last epoch, in percent; (standard deviation over the seeds)
training: top-1 error of the same network on training images, seen as validation images are
gap: top-1 minus training, in points: what is learned of the training images alone, overfitting
difference: without it minus with it, the same seed each time, ± its standard error
paper, 2012: the difference in points on ImageNet, mean of 10 views; configurations have their
numbers from computerhistory/AlexNet-Source-Code, where 145 is the paper's net
t: the difference over its standard error. Of twenty parts that do nothing, one passes 95 %.
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
        claims = dict(zip(("top-1", "top-5"), zip(switch.paper, switch.config)))
        lines = [
            _line("" if i else self.part, name, pairs, *claims.get(name, ("", "")))
            for i, (name, pairs) in enumerate(self.figures.items())
        ]
        verdicts = [f"{name}: {pairs.verdict()}" for name, pairs in self.figures.items()]
        notes = (*verdicts, *filter(None, [self.note]), switch.source)
        return "\n".join([*lines, *map(_indented, notes)])

    def as_json(self) -> dict:
        """The same as data, with the figures of every seed."""
        switch = SWITCHES[self.part]
        return {
            "part": self.part,
            "figures": {name: pairs.as_json() for name, pairs in self.figures.items()},
            **({"note": self.note} if self.note else {}),
            "paper": switch.paper,
            "2012": switch.config,
            "source": switch.source,
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
    if not SWITCHES[part].about_speed:
        return Result(part, figures)
    errors, epochs = epochs_to_an_error(with_it, without)
    times = statistics.fmean(epochs.without) / statistics.fmean(epochs.with_it)
    note = (
        f"epochs: until the training error first is as low as both get it, "
        f"{statistics.fmean(errors):.1f} %; without it {times:.1f} times as many"
    )
    return Result(part, {**figures, "epochs": epochs}, note)


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
    error = "" if pairs.standard_error is None else f" ± {pairs.standard_error:.2f}"
    difference = f"{pairs.mean:+.2f}{error}"
    cells = (part, name, _spread(pairs.with_it), _spread(pairs.without), difference)
    return _columns(*cells, paper or "-", config or "-")


def _columns(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, COLUMNS)).rstrip()


def _spread(values: Sequence[float]) -> str:
    spread = f" ({statistics.stdev(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.fmean(values):5.2f}{spread}"


def _indented(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
