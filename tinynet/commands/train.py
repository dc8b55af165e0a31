"""`train`: from flags to the settings of a run, new or resumed."""

import argparse
import re
from argparse import Namespace
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tinynet.commands import flags, schedules
from tinynet.commands.example import Example, choose_tf32, named_devices
from tinynet.commands.run import run_training
from tinynet.console.printable import complain, printable, quoted
from tinynet.data import NAMES, kind_of_data
from tinynet.parallel.world import world
from tinynet.training.errors import UserError
from tinynet.training.other_logs import PACKAGES, missing
from tinynet.training.run_folder import RunFolder
from tinynet.training.schedule import EPOCHS_145
from tinynet.training.settings import FLAG, NETWORK, Settings, names


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "train", train, "train a network, or continue a run")
    flags.add_profile(parser, example, flags.KINDS)
    flags.add_image_size(parser, example, flags.KINDS)
    flags.add_width(parser, example, flags.KINDS)
    add_run_flags(parser, example, example.default_data)


def add_run_flags(parser: argparse.ArgumentParser, example: Example, default_data: str) -> None:
    """The flags of a run, whatever network it trains and from whatever weights.

    `default_data`, for the help: what is used if no data are named.
    """
    parser.set_defaults(finetuned_from=None)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="shapes, cifar10, fashion-mnist, mnist, or the path of a folder or .tar with train/ "
        "and val/, each with one sub-folder per class, of what prepare made, or of CIFAR-10's "
        f"archive ({default_data})",
    )
    flags.add_devices(parser, example, default=None)  # a resumed run stays where it was
    parser.add_argument(
        "--tf32",
        action=argparse.BooleanOptionalAction,
        help="round the factors of products to TF32, 10 bits in place of 23, which GPUs since "
        "Ampere multiply several times as fast (--no-tf32)",
    )
    parser.add_argument(
        "--parallel",
        choices=("data", "owt"),
        help="what ranks under mpiexec share: the images of a batch (data), or with them the units "
        "of the fully connected layers, whose gradients then need not travel (owt; data)",
    )
    parser.add_argument(
        "--epochs",
        type=flags.count,
        metavar="N",
        help=f"passes over the training images ({flags.defaults(example, 'epochs')})",
    )
    parser.add_argument(
        "--steps",
        type=flags.count,
        metavar="N",
        help="stop after N steps; the schedule still follows --epochs (after all epochs)",
    )
    batch_size = f"images per step ({flags.defaults(example, 'batch_size')})"
    parser.add_argument("--batch-size", type=flags.count, metavar="N", help=batch_size)
    parser.add_argument(
        "--lr",
        type=flags.positive,
        metavar="X",
        help=f"initial learning rate of the weights ({flags.defaults(example, 'lr')}); with "
        "--resume, a rate other than the run's sets every group's rate from there on as if the run "
        "had begun with X, also after drops; what a --warm-up has multiplied it by stays",
    )
    schedules.add_flags(parser, example)
    schedules.add_warm_up(parser)
    parser.add_argument(
        "--seed",
        type=flags.seed,
        metavar="N",
        help="seed for weights, batches and dropout (0)",
    )
    parser.add_argument("--out", metavar="FOLDER", help="the run's folder (a new one in runs/)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out, with its settings, from its last checkpoint; without a "
        "checkpoint, start it",
    )
    flags.add_workers(parser)
    parser.add_argument(
        "--cache",
        type=flags.size,
        metavar="SIZE",
        help="memory for decoded images, for training and for validation each, used where all of "
        "them fit (1GB); 0 for none",
    )
    parser.add_argument(
        "--log-every",
        type=flags.count,
        metavar="STEPS",
        help=f"steps between lines of the log ({flags.defaults(example, 'log_every')})",
    )
    parser.add_argument(
        "--log",
        type=_logs,
        metavar="FORMS",
        help=f"the log in other forms too, in the run's folder: {', '.join(PACKAGES)} (none)",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=flags.count,
        metavar="STEPS",
        help="steps between checkpoints within an epoch "
        f"({flags.defaults(example, 'checkpoint_every')}); there is always one after each epoch",
    )
    parser.add_argument(
        "--report",
        type=_report,
        default=(),
        metavar="WHAT",
        help="at the end, tables of memory, traffic (what crossed between two devices, or ranks) "
        "or, with a comma, both (none)",
    )


def _report(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if not set(wanted) <= {"memory", "traffic"}:
        raise argparse.ArgumentTypeError(f"expects memory, traffic or memory,traffic, got {text}")
    return wanted


def _logs(text: str) -> str:
    names = text.split(",")
    if not set(names) <= PACKAGES.keys() or len(set(names)) < len(names):
        wanted = ", ".join(PACKAGES)
        raise argparse.ArgumentTypeError(f"expects some of {wanted}, with commas, got {text}")
    if problem := missing(names):
        raise argparse.ArgumentTypeError(problem)
    return text


def train(example: Example, args: Namespace) -> int:
    """Train a network, or resume its training."""
    folder, settings = world().from_leader(lambda: planned(example, args))
    return run_training(example, settings, folder, args.resume, args.report)


def planned(example: Example, args: Namespace) -> tuple[RunFolder, Settings]:
    """`plan_run`, and a word where --resume finds nothing to continue: was another folder meant?"""
    folder, settings = plan_run(example, args)
    if args.resume and not folder.steps():
        found = "no run" if folder.read_config() is None else "a run without a checkpoint"
        print(f"resume   {printable(folder.path)} holds {found}: training starts at its beginning")
    return folder, settings


def plan_run(example: Example, args: Namespace) -> tuple[RunFolder, Settings]:
    """The folder of the run, and its settings.

    Of several ranks the leader plans for all. Each finds its own devices; so the settings say what
    was asked for, such as "auto".
    """
    args.schedule = schedules.named_schedule(args)
    given = flags.chosen(args, names(FLAG))
    given["flags_given"] = tuple(given)
    if args.resume and args.out is None:
        raise UserError("--resume needs --out, the folder of the run to continue")
    folder = RunFolder(args.out or ".")
    if args.resume:
        given = _as_before(example, folder, given)
    elif args.out is not None and not folder.is_empty():
        raise UserError(
            f"{folder.path} is not empty: give another --out, or --resume to continue its run"
        )
    _refuse_lost(args, given)
    given.setdefault("devices", "auto")
    if world().size > 1 and "devices" not in given["flags_given"]:
        # One process chose a GPU, and said in the run's settings which: now each rank chooses.
        given["devices"] = re.sub(r"cuda:\d+", "auto", given["devices"])
    devices = named_devices(given["devices"], world())
    if world().size == 1:
        given["devices"] = ",".join(devices)
    choose_tf32(devices, given.get("tf32", False))
    data = given["data"] = _from_anywhere(given.get("data", example.default_data))
    if given.get("schedule") == "145":
        given.setdefault("epochs", EPOCHS_145)
    settings = replace(example.settings(given, kind_of_data(data)), steps=args.steps)
    settings = schedules.scheduled(settings, given)
    of_usual_batch = {name: value for name, value in given.items() if name != "batch_size"}
    usual = example.settings(of_usual_batch, kind_of_data(data)).batch_size
    settings = schedules.with_linear_rule(settings, usual)
    if args.out is None:
        name = Path(data).name.split(".")[0]
        now = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = RunFolder(Path("runs") / f"{name}-{settings.profile}-{now}", new=True)
    return folder, settings


def command_of(example: Example, config: dict) -> str:
    """The command that trains the run with this config.json, by the flags that were given."""
    start = config.get("finetuned_from")
    words = ["train"] if start is None else ["finetune", "--checkpoint", quoted(start)]
    given = [name for name in config.get("flags_given", names(FLAG)) if name in config]
    if start is not None:  # it determines these
        given = [name for name in given if name not in (*names(NETWORK), "finetuned_from")]
    if config.get("steps") is not None:
        given.append("steps")
    for name in given:
        words += _flag(example, name, config[name])
    return f"python examples/{example.name}.py {' '.join(words)}"


def _flag(example: Example, name: str, value: object) -> list[str]:
    """The words that give the setting `name` this value."""
    if name == "schedule" and schedules.is_replay(value):
        return ["--replay", quoted(value.removeprefix(schedules.REPLAY))]
    flag = example.versions if name == "profile" else name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", f"{value}B" if name == "cache" and value else quoted(str(value))]


def _refuse_lost(args: Namespace, given: dict) -> None:
    """Raise UserError if the data are gone that not the user but the run's folder names.

    They would be downloaded to that path, were it one of CIFAR-10's archive.
    """
    data = given.get("data")
    if args.data is None and data not in (None, *NAMES) and not Path(data).expanduser().exists():
        raise UserError(f"{data}: no such dataset; if it has moved, --data gives its new place")


def _as_before(example: Example, folder: RunFolder, given: dict) -> dict:
    """The flags of the run's first command, overridden by those given now.

    A run that has a checkpoint keeps all its settings. One that has none starts again, and what
    the first command left open is chosen again, for the profile and the data asked for by now.
    """
    under_way = bool(folder.steps())
    before = folder.read_config() or {"network": example.name, "flags_given": ()}
    if before["network"] != example.name:
        raise UserError(f"{folder.path} is a run of examples/{before['network']}.py")
    if not under_way:
        _refuse_another_start(folder, before, given)
    first = before.get("flags_given", names(FLAG))
    kept = {name: before[name] for name in (names(FLAG) if under_way else first) if name in before}
    schedule = given.get("schedule", kept.get("schedule"))
    if "lr" in given and not under_way and schedules.is_replay(schedule):
        raise UserError(
            f"{folder.path} has no checkpoint yet, and its schedule, {schedule}, takes the rates "
            "at the start from the other run: leave --lr out"
        )
    if under_way and "lr" in given and given["lr"] == before.get("lr"):
        # The first command again, perhaps of a loop that restarts it: not a change by hand.
        told = f"--lr {given['lr']:g} is already this run's: its schedule continues"
        complain(told)
    if schedule == before.get("schedule") and (under_way or schedules.is_replay(schedule)):
        kept |= {name: before[name] for name in schedules.REPLAYED if name in before}
    flags_given = tuple(dict.fromkeys((*first, *given["flags_given"])))
    return {**kept, **given, "flags_given": flags_given}


def _refuse_another_start(folder: RunFolder, before: dict, given: dict) -> None:
    """Raise UserError if another network is asked for than the one that is fine-tuned."""
    start = before.get("finetuned_from")
    for name in names(NETWORK):
        if start is not None and given.get(name, before[name]) != before[name]:
            raise UserError(
                f"{folder.path} fine-tunes {start}: {name} {before[name]}, now {given[name]}. "
                "Resume with the same, or start again with another --out"
            )


def _from_anywhere(data: str) -> str:
    """`data` as the run's settings name them: a path that holds in any working directory."""
    path = Path(data).expanduser()
    return data if data in NAMES or not path.exists() else str(path.absolute())
