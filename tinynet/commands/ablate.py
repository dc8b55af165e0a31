"""`ablate`: what a part of the network is good for. Trained with it and without it, over seeds.

    FOLDER/ablation.json         what is trained and, in the end, what was found
    FOLDER/baseline/seed0        the profile as it is: a run's folder, as `train` makes it
    FOLDER/lrn/seed0             the same without LRN: the profile source2012-lrn

All is trained by the code of `train`. A killed ablation goes on in the middle of its last run, and
runs that are done are not repeated.
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
from tinynet.commands.run import run_training
from tinynet.commands.train import plan_run
from tinynet.console.printable import complain, printable, quoted
from tinynet.console.progress import Progress
from tinynet.console.sentences import listed
from tinynet.data import Sample, open_dataset
from tinynet.files.whole_file import whole_file
from tinynet.reports.ablation import outcome
from tinynet.reports.ablation_table import result_of, table
from tinynet.training.checkpoint import load_network, read_checkpoint
from tinynet.training.errors import UserError
from tinynet.training.evaluate import evaluate
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import FLAG, Settings, names

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


def ablate(example: Example, args: Namespace) -> int:
    """Train with each part and without it, and print what difference it makes."""
    if unknown := [name for name in args.parts if name not in SWITCHES]:
        raise UserError(f"there is no part {unknown[0]}; wanted one or more of", *PARTS)
    if args.resume and args.out is None:
        raise UserError("--resume needs --out, the folder of the ablation to continue")
    with closing(RunFolder(args.out or ".")) as given:
        if args.resume:
            given.claim()
        folder, plan = _planned(example, args, given)
        with closing(folder):
            folder.begin()
            return _train_all(example, folder.path, plan)


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
    run, settings = plan_run(example, _flags(**asked, out=new))
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


def _flags(**given) -> Namespace:
    """The flags of `train` of which these are given."""
    no_flags = dict.fromkeys((*names(FLAG), "replay", "steps", "out"))
    return Namespace(**{**no_flags, "resume": False, **given})


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


def _train_all(example: Example, folder: Path, plan: Plan) -> int:
    """Do all runs, and report; the status is that of the last one."""
    plan.write(folder)
    kinds = (BASELINE, *plan.parts)
    runs = [(kind, seed) for seed in range(plan.seeds) for kind in kinds]
    for number, (kind, seed) in enumerate(runs, 1):
        print(f"\nrun {number} of {len(runs)}: {printable(_place(folder, kind, seed))}", flush=True)
        status = _train(example, folder, plan, kind, seed)
        if status:
            go_on = f"{command()} ablate --resume --out {quoted(folder)}"
            complain(f"to continue all runs: {go_on}")
            return status
    _report(example, folder, plan)
    return 0


def _place(folder: Path, kind: str, seed: int) -> Path:
    return folder / kind / f"seed{seed}"


def _train(example: Example, folder: Path, plan: Plan, kind: str, seed: int) -> int:
    """Train to the end what is not there yet; the status is that of `train`."""
    run = RunFolder(_place(folder, kind, seed))
    if _is_done(run, plan.settings["epochs"]):
        print("done already")
        return 0
    given = {**plan.settings, "seed": seed, "out": run.path, "resume": True}
    if kind != BASELINE:
        given["profile"] += f"-{kind}"
    run, settings = plan_run(example, _flags(**given))
    return run_training(example, settings, run, resume=True, report=())


def _is_done(run: RunFolder, epochs: int) -> bool:
    """Whether all epochs are validated and the last checkpoint is written."""
    validations = [line for line in run.read_log() if "val_loss" in line]
    if not validations or validations[-1]["epoch"] < epochs:
        return False
    return run.of_step(validations[-1]["step"]).exists()


def _report(example: Example, folder: Path, plan: Plan) -> None:
    """Print what was found, and write it down."""
    runs = {
        kind: [RunFolder(_place(folder, kind, seed)) for seed in range(plan.seeds)]
        for kind in (BASELINE, *plan.parts)
    }
    classes = len(read_checkpoint(runs[BASELINE][0].steps()[-1], example.name)["classes"])
    outcomes = {
        kind: [outcome(run.read_log(), _fitted(example, plan, run)) for run in of_kind]
        for kind, of_kind in runs.items()
    }
    results = [result_of(part, outcomes[BASELINE], outcomes[part], classes) for part in plan.parts]
    replace(plan, results=[result.as_json() for result in results]).write(folder)
    print(f"\n{table(plan.title(), results, classes)}\n\ntable    {printable(folder / FILE)}")


def _fitted(example: Example, plan: Plan, run: RunFolder) -> float:
    """The top-1 error of a run's last network on as many training images as it has to validate."""
    devices = tuple(plan.settings["devices"].split(","))
    network, its = load_network(run.steps()[-1], example.name, example.build, devices)
    sizes = network.inputs.image_size, its["seed"], network.store_size
    train_set, val_set = (open_dataset(its["data"], split, *sizes) for split in ("train", "val"))
    sample, progress = Sample(train_set, len(val_set)), Progress()
    progress.begin(f"training error of {run.path}", len(sample))
    found = evaluate(
        [network],
        [sample],
        batch_size=its["batch_size"],
        workers=plan.settings["workers"],
        after_batch=lambda done, total: progress.advance(done),
        on_skip=lambda name, reason: None,  # training has told of it
    )
    progress.end()
    return found.scores.top1_error
