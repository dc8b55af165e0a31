"""`claims`: the paper's claims, each held against runs of two kinds, seed by seed.

    FOLDER/data/small-1500-.../  a part of CIFAR-10
    FOLDER/base/seed0            a run of a kind, as `train` makes it; claims share kinds
    FOLDER/relu@0.01/seed99      one of those that choose a rate
    FOLDER/dropout.json          what is kept of a claim's runs: docs/claims/ holds such files

What is done is not done again, and a command that was stopped goes on.
"""

import argparse
import json
from argparse import Namespace
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tinynet.alexnet_profiles import CLAIMS, KINDS, PROFILES
from tinynet.alexnet_profiles.claims import GROUP, PARTS, SMALL, TUNING_SEED
from tinynet.commands import flags
from tinynet.commands.example import Example, command, named_devices
from tinynet.commands.job import Job, read_record
from tinynet.commands.jobs import Jobs, add_flags, records, told_of
from tinynet.commands.measure import DECIMALS, PROBABILITIES
from tinynet.console.printable import complain, printable, quoted
from tinynet.console.sentences import counted
from tinynet.data import kind_of_data, open_dataset
from tinynet.data.preparing.cifar10_part import SIDE, has_part, write_part
from tinynet.files.json_file import read_json
from tinynet.files.whole_file import whole_file
from tinynet.reports.ablation import ENOUGH, first_epoch
from tinynet.reports.claims import SEEDS, Log, was_run
from tinynet.reports.claims_page import page
from tinynet.reports.claims_table import block
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder

FOLDER = Path("runs") / "claims"
MOST = 2**24  # bytes of a log
VIEWED = {c.with_it for it in CLAIMS.values() for c in it.comparisons if c.figure == "views"}


def add_parser(commands, example: Example) -> None:
    if not set(example.profiles) <= PROFILES.keys():
        return  # the claims are of AlexNet
    help_ = "the paper's claims, held against runs with a part of the network and without it"
    parser = flags.command(commands, "claims", claims, help_)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["claims:", *_list()])
    parser.add_argument("names", nargs="*", metavar="CLAIM", help="which (all of them)")
    parser.add_argument("--data", metavar="DATA", help="CIFAR-10, as for train (cifar10)")
    seeds = f"runs of each kind: with seed 0, seed 1 and so on ({SEEDS})"
    parser.add_argument("--seeds", type=flags.count, default=SEEDS, metavar="N", help=seeds)
    flags.add_devices(parser, example, default="cpu")
    out = f"for the folders of all runs, those that are there already too ({FOLDER})"
    parser.add_argument("--out", metavar="FOLDER", default=str(FOLDER), help=out)
    page = "train nothing: from the logs in FOLDER/claims, write FOLDER/claims.md and its figures"
    parser.add_argument("--page", metavar="FOLDER", help=page)
    add_flags(parser)


def _list() -> list[str]:
    return [f"    {name:13}{claim.source}" for name, claim in CLAIMS.items()]


def claims(example: Example, args: Namespace) -> int:
    """Train what these claims need, and print what came out; status 1 if anything is unfinished."""
    if unknown := [name for name in args.names if name not in CLAIMS]:
        raise UserError(f"there is no claim {unknown[0]}; wanted one or more of", *_list())
    names = args.names or [*CLAIMS]
    if args.page is not None:
        return write_page(Path(args.page))
    place = Place(example, args)
    if args.show:
        return max([place.show(name) for name in names])
    place.folder.mkdir(parents=True, exist_ok=True)
    with closing(RunFolder(place.folder)) as folder:
        folder.claim()
        place.write_data(names)
        status = 0
        for name in names:
            try:
                failed = place.train(name)
            except KeyboardInterrupt:
                failed = 130
            if failed:
                complain(f"to continue: {command()} claims {' '.join(args.names)} {_given(args)}")
                return failed
            status = max(status, place.show(name))
        return status


def _given(args: Namespace) -> str:
    """The flags of this command, without those that have their default."""
    usual = {"seeds": SEEDS, "data": None, "devices": "cpu", "jobs": None, "out": None}
    given = {name: getattr(args, name) for name in usual}
    changed = [name for name in usual if given[name] != usual[name]]
    return " ".join(f"--{name} {quoted(str(given[name]))}" for name in changed)


class Place:
    """The folder of all claims: the jobs in it, and what they found."""

    def __init__(self, example: Example, args: Namespace):
        self.folder, self._seeds = Path(args.out), args.seeds
        self._data, self._devices = args.data or "cifar10", ",".join(named_devices(args.devices))
        self._jobs = Jobs(self._devices, args.jobs)
        self._examples = {it.name: it for it in (example, *example.relatives)}

    def write_data(self, names: list[str]) -> None:
        """The images that the claims of these names need."""
        parts = sorted({KINDS[kind].data for name in names for kind in _kinds(name)})
        if all(has_part(self._part(part)) for part in parts):
            return
        if kind_of_data(self._data) != "cifar10":
            raise UserError(f"--data expects CIFAR-10, got {self._data}")
        sets = {
            split: open_dataset(self._data, split, SIDE, store_size=SIDE, cache=0)
            for split in ("train", "val")
        }
        for part in parts:
            write_part(sets, self._part(part), *PARTS[part])

    def _part(self, part: str) -> Path:
        """Named after its sizes too: were they to change, these would be other images."""
        return self.folder / "data" / "-".join([part, *map(str, PARTS[part])])

    def train(self, name: str) -> int:
        """Do what is not done yet of a claim; the status is that of the first job that failed."""
        status = self._jobs.run(self._with_examples(self._tuning(name)))
        return status or self._jobs.run(self._with_examples(self._counted(name)))

    def _with_examples(self, jobs: list[Job]) -> list[tuple[Example, Job]]:
        return [(self._examples[KINDS[job.kind.split("@")[0]].example], job) for job in jobs]

    def _job(self, kind: str, seed: int, rate: float | None = None) -> Job:
        its, name = KINDS[kind], kind if rate is None else f"{kind}@{rate:g}"
        given = {**its.settings, "data": str(self._part(its.data).absolute())}
        if rate is not None:
            given["lr"] = rate
        elif its.rates:
            given["lr"] = self._best(kind)
        start = str(self.folder / its.start / f"seed{seed}") if its.start else None
        given |= {"devices": self._devices, "workers": 1}
        views = 10 if kind in VIEWED else 1
        return Job(name, seed, str(self.folder / name / f"seed{seed}"), given, start, views)

    def _tuning(self, name: str) -> list[Job]:
        """The jobs that choose the rates of a claim's kinds."""
        kinds = [kind for kind in _kinds(name) if KINDS[kind].rates]
        return [self._job(kind, TUNING_SEED, rate) for kind in kinds for rate in KINDS[kind].rates]

    def _counted(self, name: str) -> list[Job]:
        """The jobs that count for a claim: of each seed all kinds, but for those without a rate."""
        waiting = {job.kind.split("@")[0] for job in self._tuning(name) if not _is_done(job)}
        kinds = [kind for kind in _kinds(name) if kind not in waiting]
        together = any(c.figure == "ensemble" for c in CLAIMS[name].comparisons)
        seeds = range(self._seeds * (GROUP if together else 1))
        return [self._job(kind, seed) for seed in seeds for kind in kinds]

    def _best(self, kind: str) -> float:
        """The rate that first brings the training error down; of several, to the lowest one."""

        def how_late(rate: float) -> tuple[int, float]:
            found = read_record(self._job(kind, TUNING_SEED, rate)).found
            errors = [100 * error for error in found["training"]]
            return first_epoch(errors, ENOUGH), errors[-1]

        return min(KINDS[kind].rates, key=how_late)

    # ---------------------------------------------------------------- what was found

    def show(self, name: str) -> int:
        """Print what a claim's runs say so far, and write its log; 1 if they are unfinished."""
        jobs = [*self._tuning(name), *self._counted(name)]
        begun = [*records(jobs)]
        log = Log(sorted({version for _, record in begun for version in record.versions}))
        for job, record in begun:
            kind, _, rate = job.kind.partition("@")
            if rate and record.found:
                log.tuning.setdefault(kind, {})[rate] = record.found
            elif record.found:
                its = log.kinds.setdefault(kind, {"settings": record.flags, "runs": {}})
                its["runs"][str(job.seed)] = record.found
        for kind in log.kinds.values():
            kind["settings"] = {k: v for k, v in kind["settings"].items() if k != "seed"}
        if any(c.figure == "ensemble" for c in CLAIMS[name].comparisons):
            log.ensembles = self._ensembles(log)
        print(f"\n{block(name, log)}")
        for line in told_of(jobs):
            complain(line)
        if not begun:
            complain(f"unfinished: {name}: nothing was trained yet")
            return 1
        with whole_file(self.folder / f"{name}.json") as file:
            file.write((json.dumps(asdict(log), separators=(",", ":")) + "\n").encode())
        return int(not all(map(_is_done, jobs)))

    def _ensembles(self, log: Log) -> list[dict]:
        """Each GROUP of networks whose seeds follow one another, none in two groups."""
        found = []
        for kind, its in log.kinds.items():
            for first in range(0, self._seeds * GROUP, GROUP):
                seeds = [str(seed) for seed in range(first, first + GROUP)]
                if set(seeds) <= its["runs"].keys():
                    found.append(self._ensemble(kind, seeds, its["runs"]))
        return found

    def _ensemble(self, kind: str, seeds: list[str], runs: dict) -> dict:
        labels = open_dataset(self._part(SMALL), "val", SIDE, store_size=SIDE).labels
        places = [self.folder / kind / f"seed{seed}" / PROBABILITIES for seed in seeds]
        mean = np.mean([np.load(place) for place in places], axis=0)
        error = float(np.mean(mean.argmax(1) != labels))
        alone = [runs[seed]["top1"][-1] for seed in seeds]
        return {"seeds": seeds, "top1": round(error, DECIMALS), "alone": alone}


def _is_done(job: Job) -> bool:
    record = read_record(job)
    return record is not None and bool(record.found)


def write_page(folder: Path) -> int:
    """Write the page of all claims, and a figure for each that has a log."""
    from tinynet.reports.claim_figure import draw_claim  # matplotlib takes a while to load

    logs = read_logs(folder / "claims")
    run = [name for name, log in logs.items() if was_run(name, log)]
    for name in run:
        draw_claim(name, logs[name], folder / "claims" / f"{name}.png")
    with whole_file(folder / "claims.md") as file:
        file.write(page(logs).encode())
    print(f"page     {printable(folder / 'claims.md')}: {counted(len(run), 'claim')} with runs")
    return 0


def read_logs(folder: Path) -> dict[str, Log]:
    """The logs in a folder, by claim. UserError if one is damaged."""
    found = {}
    for path in (folder / f"{name}.json" for name in CLAIMS):
        try:
            found[path.stem] = read_json(path, Log, MOST)
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise UserError(f"{path} is damaged, or not a claim's log: {error}") from None
    return found


def _kinds(name: str) -> list[str]:
    """The kinds that a claim needs, those first that others start from."""
    pairs = [(c.with_it, c.without) for c in CLAIMS[name].comparisons]
    needed = dict.fromkeys(kind for pair in pairs for kind in pair)
    starts = [KINDS[kind].start for kind in needed if KINDS[kind].start]
    return [*dict.fromkeys([*starts, *needed])]
