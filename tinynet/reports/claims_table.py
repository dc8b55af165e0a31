"""What a claim's runs say, as a block of text; and the same numbers as cells of a page's table."""

import textwrap
from collections.abc import Sequence

from tinynet.alexnet_profiles import CLAIMS
from tinynet.console.sentences import counted
from tinynet.console.table import aligned
from tinynet.reports.ablation import ENOUGH, first_epoch
from tinynet.reports.ablation_table import difference, interval, spread
from tinynet.reports.claims import Compared, Log, compared

WIDTH = 100
HEADER = ("", "with it", "without it", "difference", "95 % interval", "2012", "verdict")


def block(name: str, log: Log) -> str:
    """The claim, its numbers and its verdicts."""
    claim = CLAIMS[name]
    head = textwrap.wrap(f"{name}: {claim.says} ({claim.source}).", WIDTH)
    rows = [HEADER, *(cells(found) for found in compared(name, log))]
    table = aligned([(*row[:-1], "") for row in rows])
    lines = [*head, *table]
    for row, found in zip(rows[1:], compared(name, log)):
        seeds = f" ({counted(len(found.pairs.with_it), 'seed')})" if found.pairs else ""
        lines += textwrap.wrap(f"{row[0]}: {row[-1]}{seeds}", WIDTH, initial_indent="    ")
    for line in tuned(log):
        lines += textwrap.wrap(line, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def cells(found: Compared) -> tuple[str, ...]:
    """The row of a comparison, one cell for each word of HEADER."""
    comparison, pairs = found.comparison, found.pairs
    if pairs is None:
        return (comparison.title, "-", "-", "-", "-", comparison.in_2012, "not run yet")
    word = str(found.verdict() or "nothing is claimed")
    more = ">= " if found.at_least else ""
    sides = (spread(pairs.with_it).strip(), spread(pairs.without).strip())
    numbers = (f"{more}{difference(pairs)}", f"{more}{interval(pairs)}")
    return (comparison.title, *sides, *numbers, comparison.in_2012, word)


def tuned(log: Log) -> list[str]:
    """How each rate did that was tried, a line for each kind."""
    return [f"rates tried for {kind}: {_tried(kind, log)}" for kind in log.tuning]


def _tried(kind: str, log: Log) -> str:
    of_rates = log.tuning[kind]
    told = ", ".join(f"{rate}: {_when(run['training'])}" for rate, run in of_rates.items())
    taken, rates = log.kinds.get(kind, {}).get("settings", {}).get("lr"), [*map(float, of_rates)]
    if taken not in (min(rates), max(rates)):
        return told
    return f"{told}; the one taken is at the end of these, and one beyond it may be better"


def _when(training: Sequence[float]) -> str:
    epoch = first_epoch([100 * error for error in training], ENOUGH)
    if epoch <= len(training):
        return f"{ENOUGH:g} % after {counted(epoch, 'epoch')}"
    return f"{100 * training[-1]:.1f} % at the end"
