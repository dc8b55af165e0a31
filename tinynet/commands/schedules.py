"""The flags --schedule, --replay and --warm-up, and what they mean for the settings of a run."""

import argparse
from dataclasses import replace
from pathlib import Path

from tinynet.commands.example import Example
from tinynet.commands.flags import positive
from tinynet.console.printable import complain
from tinynet.training.controls import main_group
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder
from tinynet.training.schedule import EPOCHS_145, changes_145
from tinynet.training.settings import Settings

REPLAY = "replay "  # followed by the other run's folder
REPLAYED = ("changes", "lr", "epochs")  # the settings that are the other run's


def add_flags(parser: argparse.ArgumentParser, example: Example) -> None:
    """The flags for a run of the `example`."""
    either = parser.add_mutually_exclusive_group()
    as_the_authors = ""
    if "145" in example.schedules:
        as_the_authors = (
            f", or as the authors did in their run 145: {EPOCHS_145} epochs unless --epochs says "
            "otherwise, rates in proportion to --lr"
        )
    either.add_argument(
        "--schedule",
        choices=example.schedules,
        help="how the learning rate falls: divided by 10 where the validation error stops "
        f"improving (plateau, which takes precedence over the {example.versions}'s own schedule)"
        f"{as_the_authors} (as the {example.versions} says)",
    )
    either.add_argument(
        "--replay",
        metavar="RUN",
        help="repeat every change of learning rates and colour noise in the log of the run in this "
        "folder, at the same epochs, from the same initial rates; --epochs is that run's too "
        "unless given",
    )


def add_warm_up(parser: argparse.ArgumentParser) -> None:
    """The flag --warm-up."""
    parser.add_argument(
        "--warm-up",
        type=positive,
        metavar="EPOCHS",
        help="the linear rule, for a large --batch-size: the rates rise in so many epochs to as "
        "many times --lr as the batch is larger than it would be without --batch-size",
    )


def with_linear_rule(settings: Settings, usual_batch: int) -> Settings:
    """The settings with the batch for which their rate is meant, if --warm-up was given."""
    if settings.warm_up is None:
        return settings
    if settings.schedule not in ("plateau", "drops"):
        raise UserError(
            f"--warm-up: the schedule {settings.schedule} sets the rates itself: leave one out"
        )
    return replace(settings, lr_batch=usual_batch)


def named_schedule(args: argparse.Namespace) -> str | None:
    """The schedule's name in the settings, if a flag gives one. UserError if flags conflict."""
    if args.replay is None:
        return args.schedule
    if args.lr is not None:
        raise UserError("--replay takes the learning rates from the other run: leave --lr out")
    return f"{REPLAY}{Path(args.replay)}"


def is_replay(schedule: str | None) -> bool:
    """Whether the schedule of this name makes the changes of another run."""
    return schedule is not None and schedule.startswith(REPLAY)


def scheduled(settings: Settings, given: dict) -> Settings:
    """`settings` with the schedule that is `given`, or else the profile's, and its changes.

    The settings of a resumed run may have the changes already.
    """
    name = given.get("schedule") or ("plateau" if settings.drops is None else "drops")
    settings = replace(settings, schedule=name)
    if name == "145" and not settings.changes:
        return replace(settings, changes=changes_145(settings.lr))
    if not is_replay(name):
        return settings
    if not settings.changes:
        run = RunFolder(name.removeprefix(REPLAY))
        changes = run.changes()
        rates = changes[0]["lr"]
        settings = replace(settings, changes=changes, lr=rates[main_group(rates)])
        if "epochs" not in given:
            settings = replace(settings, epochs=_as_many_epochs(run, settings.epochs))
    return replace(settings, colour_noise=settings.changes[0]["colour_noise"])


def _as_many_epochs(run: RunFolder, usual: int) -> int:
    """The epochs of the run to replay; says so if they are not as many as `usual`."""
    epochs = run.epochs()
    if epochs != usual:
        complain(f"--replay: epochs: {epochs}, as in {run.path}")
    return epochs
