"""docs/claims.md: every claim with its numbers and its verdict, from the logs beside the page.

What no log tells, such as what cannot be learned at this size, is text here. What was not run is
shown with the command that runs it.
"""

from collections.abc import Iterator
from itertools import chain

from tinynet.alexnet_profiles import CLAIMS, KINDS
from tinynet.alexnet_profiles.claims import PARTS
from tinynet.console.progress import minutes
from tinynet.console.sentences import counted, listed
from tinynet.reports.claims import SEEDS, Log, compared, was_run
from tinynet.reports.claims_table import HEADER, cells, tuned

COMMAND = "python examples/alexnet.py claims"

HEAD = """\
# The paper's claims, tried

Krizhevsky, Sutskever and Hinton (2012) say what the parts of AlexNet are good for, and released the
logs of some of the runs behind it. Here each claim is held against runs that two cores finish: with
the part and without it, with the same seed each time. `{command} NAME`
runs one with {seeds} seeds, goes on where it was stopped, and prints what stands here; `--seeds 10`
adds to it (where more than {seeds} were run, the command below says so: without, they would not
count). Claims share runs: `modern` as it is counts for most of them. The times are of one run after
the other, on a core of a busy machine.

| claim | difference without it | 95 % interval | 2012 | verdict |
| --- | --- | --- | --- | --- |
"""

HOW = """
| command | runs | time | figure |
| --- | --- | --- | --- |
"""

VERDICTS = """
**How to read it.** A difference is *without minus with*, the mean over the seeds, of pairs of runs
with the same seed; errors in points, epochs as a factor. The interval is where the mean of ever
so many seeds would lie, by Student's t at 95 %. *Reproduced*: the interval lies on the claimed side
of 0. *Not reproduced*: it lies on the other side, or it holds 0 but not the size that was claimed.
*Not decided at this size*: neither; the number of seeds is what would decide it if mean and spread
stayed as they are. Fewer than three seeds decide nothing. Of twenty claims about nothing, one would
seem to be something. "2012" is the paper's number, then that of the authors' log: points of top-1
error on ImageNet. [verdict.py](../tinynet/reports/verdict.py) has the rules,
[ablation.py](../tinynet/reports/ablation.py) the figures. `>=`: some run never came so far, and
counts as if it had in one epoch more than it was given. In the pictures a dot is a pair, the bar
the interval, the cross what was claimed.
"""

LIMITS = """
## What cannot be learned at this size

- **How large an effect is on ImageNet.** {few} images of ten classes, seen {epochs} times by a
  network an eighth as wide, tell which of two networks learns sooner, or fits better, and not what
  a part is worth after 90 epochs of 1.2 million photographs. A size as in 2012 is luck.
- **Anything below a point.** {validation} validation images put the error of one run within 3
  points; pairs with the same seed share images and first weights, and that takes off a part of it.
  The 0.4 points of overlapping pools would take hundreds of seeds.
- **How soon ReLU learns all of CIFAR-10.** To get 75 % of {tiny} images right is to learn them by
  heart, which a narrow network does with either activation; the paper's figure is of 50,000.
- **What only shows late.** Networks are stopped while they still learn. A regularizer (dropout,
  weight decay, crops) costs speed first and pays at the end: here mostly its price is seen.
- **What towers are for.** They made a network fit into two GPUs of 3 GB. That they specialize is a
  claim about 96 filters of 11 x 11 after days; here 12 of them have moved little from noise.
- **Anything about other images.** All runs see the same images; another part of CIFAR-10 would
  move all differences together, and no interval here knows of that.
"""


def page(logs: dict[str, Log]) -> str:
    """The whole page, in Markdown, from the logs by claim; a claim without one was not run."""
    text = HEAD.format(command=COMMAND, seeds=SEEDS)
    text += "".join(chain.from_iterable(_rows(name, logs.get(name, Log())) for name in CLAIMS))
    text += HOW + "".join(_how(name, logs.get(name, Log())) for name in CLAIMS) + VERDICTS
    for name in CLAIMS:
        text += f"\n## {name}\n\n" + "\n".join(_section(name, logs.get(name))) + "\n"
    few, validation, _ = PARTS[KINDS["base"].data]
    tiny, *_ = PARTS[KINDS["relu"].data]
    numbers = {"tiny": tiny, "few": f"{few:,}", "validation": f"{validation:,}"}
    return text + LIMITS.format(**numbers, epochs=KINDS["base"].settings["epochs"])


def _rows(name: str, log: Log) -> Iterator[str]:
    """A claim's verdicts."""
    for found in compared(name, log):
        title, _, _, difference, interval, in_2012, verdict = cells(found)
        seeds = "" if found.pairs is None else f" ({counted(len(found.pairs.with_it), 'seed')})"
        yield f"| [{title}](#{name}) | {difference} | {interval} | {in_2012} | {verdict}{seeds} |\n"


def _how(name: str, log: Log) -> str:
    """How a claim's runs are made, and how long they took."""
    runs, time, figure = "-", "-", "-"
    if was_run(name, log):
        count = sum(len(kind["runs"]) for kind in log.kinds.values()) + len(_tried(log))
        runs, time, figure = str(count), minutes(_seconds(log)), f"[figure](claims/{name}.png)"
    return f"| `{_command(name, log)}` | {runs} | {time} | {figure} |\n"


def _command(name: str, log: Log) -> str:
    """What prints what stands on the page: it counts only the seeds that it is asked for."""
    pairs = [found.pairs for found in compared(name, log) if found.pairs is not None]
    seeds = max((len(each.with_it) for each in pairs), default=SEEDS)
    return f"{COMMAND} {name}" + (f" --seeds {seeds}" if seeds != SEEDS else "")


def _seconds(log: Log) -> float:
    """How long the runs of a claim took together, those that chose a rate too."""
    of_kinds = [run for kind in log.kinds.values() for run in kind["runs"].values()]
    return sum(run["seconds"] for run in [*of_kinds, *_tried(log)])


def _tried(log: Log) -> list[dict]:
    return [run for of_rates in log.tuning.values() for run in of_rates.values()]


def _section(name: str, log: Log | None) -> Iterator[str]:
    claim = CLAIMS[name]
    yield f"{claim.says} ({claim.source}).{' ' + claim.remark if claim.remark else ''}\n"
    yield f"`{_command(name, log or Log())}`"
    if log is None or not was_run(name, log):
        yield "\n*Not run yet.*"
        return
    yield f"\n{_of_what(log)}\n"
    yield f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}"
    for found in compared(name, log):
        yield f"| {' | '.join(cells(found))} |"
    for line in tuned(log):
        yield f"\n{line.capitalize()}."
    if len(log.versions) > 1:
        yield f"\nThe runs are of {len(log.versions)} versions of the code."
    yield f"\n![{name}: errors over the epochs, and the difference of each pair](claims/{name}.png)"


def _of_what(log: Log) -> str:
    """What was trained, how often, and how long that took."""
    runs = [run for kind in log.kinds.values() for run in kind["runs"].values()]
    told = []
    for settings, kinds in _alike(log).items():
        told.append(f"{listed(kinds)}: {settings}")
    tried = len(_tried(log))
    more = f" and {counted(tried, 'run')} to choose rates" if tried else ""
    return f"{'; '.join(told)}. {counted(len(runs), 'run')}{more}: {minutes(_seconds(log))}."


def _alike(log: Log) -> dict[str, list[str]]:
    """The kinds by their settings in words: those that differ in the network alone are together."""
    found: dict[str, list[str]] = {}
    for name, kind in log.kinds.items():
        its, known = kind["settings"], KINDS[name]
        words = (
            f"{PARTS[known.data][0]:,} images of CIFAR-10, {its['image_size']} pixels, width "
            f"{its['width']:g}, {its['epochs']} epochs, batches of {its['batch_size']}, rate "
            f"{its['lr']:g}, {counted(len(kind['runs']), 'seed')}"
        )
        found.setdefault(words, []).append(known.label)
    return found
