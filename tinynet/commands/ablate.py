"""`ablate`: what a part of the network is good for. Trained with it and without it, over seeds.

    FOLDER/ablation.json         what is trained and, in the end, what was found
    FOLDER/baseline/seed0        the profile as it is: a run's folder, as `train` makes it
    FOLDER/lrn/seed0             the same without LRN: the profile source2012-lrn

All is trained by the code of `train`, one run a core (jobs.py). A killed ablation goes on in the
middle of the runs that it was at, and runs that are done are not repeated.
"""

import argparse
import json
from argparse import Namespace
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinynet.alexnet_profiles import PROFILES, SWITCHES, profile_named
from tinynet.commands import flags
from tinynet.commands.example import Example, build, command
from tinynet.commands.job import Job, train_flags
from tinynet.commands.jobs import Jobs, add_flags, records, told_of
from tinynet.commands.train import plan_run
from tinynet.console.printable import complain, printable, quoted
from tinynet.console.sentences import listed
from tinynet.files.whole_file import whole_file
from tinynet.reports.ablation import outcome
from tinynet.reports.ablation_table import result_of, table
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import Settings

FILE = "ablation.json"
BASELINE = "baseline"
SEEDS = 3
WHAT = ("profile", "data", "image_size", "width", "epochs", "batch_size", "lr")
WHERE = ("devices", "workers")  # which may be others when an ablation goes on
NARROW = 0.01  # times the widths, to see the sizes of maps
PARTS = [f"    {name:11}{s.part}; without: {s.without}" for name, s in SWITCHES.items()]


def add_parser(commands, example: Example) -> None:
    if not set(example.profiles) <= PROFILES.keys():
        return  # recipes of other networks
    help_ = "what a part of the network is good for: trained with it and without it, over seeds"
    parser = flags.command(commands, "ablate", ablate, help_)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["parts:", *PARTS])
    parser.add_argument("parts", nargs="*", metavar="PART", help="taken away one at a time")
    flags.add_profile(parser, example, flags.KINDS)
    flags.add_image_size(parser, example, flags.KINDS)
    flags.add_width(parser, example, flags.KINDS)
    data = f"as for train ({example.default_data}, drawn again for each seed)"
    parser.add_argument("--data", metavar="DATA", help=data)
    for name in ("epochs", "batch_size", "lr"):
        kind, metavar = (flags.positive, "X") if name == "lr" else (flags.count, "N")
        help_ = f"as for train ({flags.defaults(example, name)})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=help_)
    seeds = f"runs of each kind: with seed 0, seed 1 and so on ({SEEDS})"
    parser.add_argument("--seeds", type=flags.count, metavar="N", help=seeds)
    flags.add_devices(parser, example, default=None)  # an ablation that goes on stays where it was
    flags.add_workers(parser)
    out = "for the folders of all runs (a new one in runs/)"
    parser.add_argument("--out", metavar="FOLDER", help=out)
    resume = "continue the ablation in --out, with its settings; further parts and seeds are added"
    parser.add_argument("--resume", action="store_true", help=resume)
    add_flags(parser)


def ablate(example: Example, args: Namespace) -> int:
    """Train with each part and without it, and print what difference it makes."""
    if unknown := [name for name in args.parts if name not in SWITCHES]:
        raise UserError(f"there is no part {unknown[0]}; wanted one or more of", *PARTS)
    if args.resume and args.out is None:
        raise UserError("--resume needs --out, the folder of the ablation to continue")
    if args.show and not args.resume:
        raise UserError("--show needs --resume and --out, the folder of the ablation to show")
    with closing(RunFolder(args.out or ".")) as given:
        if args.resume and not args.show:
            given.claim()
        folder, plan = _planned(example, args, given)
        if args.show:
            return _report(folder.path, plan)
        with closing(folder):
            folder.begin()
            return _train_all(example, folder.path, plan, args.jobs)


# ---------------------------------------------------------------- what is to be trained


@dataclass(frozen=True)
class Plan:
    """What is trained: `settings` are flags of `train`, the same for all runs."""

    settings: dict
    parts: list[str]
    seeds: int
    results: list[dict]  # what was found, so far

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / FILE) as file:
            file.write((json.dumps(asdict(self), indent=2) + "\n").encode())

    def title(self) -> str:
        its = self.settings
        return (
            f"{its['profile']} on {Path(its['data']).name}, {its['image_size']} pixels, width "
            f"{its['width']:g}, epochs: {its['epochs']}, batches of {its['batch_size']}, rate "
            f"{its['lr']:g}"
        )


def _planned(example: Example, args: Namespace, given: RunFolder) -> tuple[RunFolder, Plan]:
    """The folder of the ablation, and what is trained there. UserError if that makes no sense.

    `given`: the folder that --out names.
    """
    begun = _read(given) if args.resume else None
    own = (*WHAT, *WHERE)
    asked = flags.chosen(args, own)
    if begun:
        asked = {**begun.settings, **asked}
    new = None if begun else args.out  # must be empty
    run, settings = plan_run(example, train_flags({**asked, "out": new}))
    begun = begun or Plan({}, [], SEEDS, [])
    now = {name: getattr(settings, name) for name in own}
    _refuse_other_settings(args.out, begun.settings, now)
    parts = [*dict.fromkeys([*begun.parts, *args.parts])]
    plan = replace(begun, settings=now, parts=parts, seeds=args.seeds or begun.seeds)
    if not plan.parts:
        raise UserError("ablate needs what to take away, one or more of", *PARTS)
    for part in plan.parts:
        _check(example, settings, part)
    if args.out is None:
        return RunFolder(run.path.with_name(f"ablation-{run.path.name}"), new=True), plan
    return given, plan


def _read(folder: RunFolder) -> Plan | None:
    """What is trained in this folder; None if it is empty."""
    path = folder.path / FILE
    if not path.exists():
        if folder.is_empty():
            return None
        raise UserError(f"{folder.path} holds no ablation to continue: {path} is missing")
    try:
        plan = Plan(**json.loads(path.read_text()))
        whole = {*plan.settings} == {*WHAT, *WHERE} and {*plan.parts} <= SWITCHES.keys()
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise UserError(f"{path} is damaged: restore it, or start again with another --out")
    return plan


def _refuse_other_settings(folder: str, begun: dict, now: dict) -> None:
    """Raise UserError if the runs to come could not be compared with those begun."""
    pairs = [(name, begun[name], now[name]) for name in WHAT if begun]
    found = [f"{name} {old}, now {new}" for name, old, new in pairs if old != new]
    if found:
        raise UserError(
            f"{folder} was started with other settings: {'; '.join(found)}. Resume with the same "
            "ones, or start again with another --out"
        )


def _check(example: Example, settings: Settings, part: str) -> None:
    """Raise UserError if the profile has no such part, or if more would change than that."""
    switch, profile = SWITCHES[part], settings.profile
    if not switch.is_in(profile_named(profile)):
        having = listed(name for name in PROFILES if switch.is_in(PROFILES[name]))
        raise UserError(f"{part}: {profile} has no {switch.part}; {having} have")
    both = (profile, f"{profile}-{part}")
    small = (build(example, replace(settings, profile=name, width=NARROW), 2) for name in both)
    before, now = (model.state_dict()["fc6.weight"].shape[1] for model in small)
    if before != now:
        raise UserError(
            f"{part}: with images of {settings.image_size} pixels, maps would change their size "
            "too. They keep it at 64, 96 and all multiples of 32: give such an --image-size"
        )


# ---------------------------------------------------------------- the runs


def _train_all(example: Example, folder: Path, plan: Plan, at_once: int | None) -> int:
    """Do all runs, and report; the status is that of the first that failed."""
    plan.write(folder)
    go_on = f"to continue all runs: {command()} ablate --resume --out {quoted(folder)}"
    try:
        status = Jobs(plan.settings["devices"], at_once).run(
            [(example, job) for job in _jobs(folder, plan)]
        )
    except KeyboardInterrupt:
        complain(go_on)
        return 130
    if status:
        complain(go_on)
        return status
    return _report(folder, plan)


def _jobs(folder: Path, plan: Plan) -> list[Job]:
    """A job for each kind and seed: whoever stops in the middle has some seeds of all kinds."""
    return [
        _job(folder, plan, kind, seed)
        for seed in range(plan.seeds)
        for kind in (BASELINE, *plan.parts)
    ]


def _job(folder: Path, plan: Plan, kind: str, seed: int) -> Job:
    its = dict(plan.settings)
    if kind != BASELINE:
        its["profile"] += f"-{kind}"
    return Job(kind, seed, str(folder / kind / f"seed{seed}"), its)


def _report(folder: Path, plan: Plan) -> int:
    """Print what was found, and write it down where all runs are done."""
    jobs = _jobs(folder, plan)
    found = {(job.kind, job.seed): record.found for job, record in records(jobs) if record.found}
    told = told_of(jobs)
    results = []
    for part in plan.parts:
        seeds = [s for s in range(plan.seeds) if {(BASELINE, s), (part, s)} <= found.keys()]
        if seeds:
            pairs = ([outcome(found[kind, s]) for s in seeds] for kind in (BASELINE, part))
            results.append(result_of(part, *pairs, _classes(found)))
    if results:
        print(f"\n{table(plan.title(), results, _classes(found))}\n")
    for line in told:
        complain(line)
    if len(found) < len(jobs):
        return 1
    replace(plan, results=[result.as_json() for result in results]).write(folder)
    print(f"table    {printable(folder / FILE)}")
    return 0


def _classes(found: dict) -> int:
    return next(iter(found.values()))["classes"]
