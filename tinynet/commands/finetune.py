"""`finetune`: a trained network learns the classes of other images."""

from argparse import Namespace
from pathlib import Path

from tinynet.checkpoint import fitting, read_checkpoint
from tinynet.commands import flags
from tinynet.commands.example import Example
from tinynet.commands.train import add_run_flags, plan_run
from tinynet.commands.training import run_training
from tinynet.data import kind_of_data
from tinynet.errors import UserError
from tinynet.finetuning import KNOWN
from tinynet.run_folder import RunFolder, find_checkpoint

SHORTER = 3  # times, than a run from scratch: much is learned already


def add_parser(commands, example: Example) -> None:
    help_ = "a trained network, with a new last layer, learns the classes of other images"
    parser = flags.command(commands, "finetune", finetune, help_)
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        help=f"the network to begin with, a file or a run's folder for its best: the "
        f"{example.versions}, the width, the size of the images and the mean image are its",
    )
    add_run_flags(parser, example, "to be given")
    parser.set_defaults(profile=None, width=None, image_size=None)
    parser.epilog = (
        "--lr is the rate of the layers that are taken over, a tenth of train's unless given; that "
        "of the last layer, which is new in any case, is 10 times as high. --epochs is a third of "
        "train's unless given."
    )


def finetune(example: Example, args: Namespace) -> int:
    """Train a network that begins with the weights of another, or resume such a run."""
    before = args.resume and args.out and RunFolder(args.out).read_config()
    path = args.checkpoint and find_checkpoint(args.checkpoint)
    if before:
        _check_same_start(args.out, before, path)
    else:
        _begin(example, args, path)
    folder, settings = plan_run(example, args)
    return run_training(example, settings, folder, args.resume, args.report)


def _check_same_start(out: str, before: dict, path: Path | None) -> None:
    """Raise UserError if the run in `out` did not begin with the checkpoint asked for."""
    begun = before.get("finetuned_from")
    if begun is None:
        raise UserError(f"{out} is a run of train and not of finetune: train --resume goes on")
    if path is not None and path.resolve() != Path(begun).resolve():
        raise UserError(f"{out} began with {begun}, and not with {path}")


def _begin(example: Example, args: Namespace, path: Path | None) -> None:
    """Complete the flags of a new run with what the checkpoint says, and with gentler defaults."""
    for name, what in (
        ("checkpoint", "the network to begin with"),
        ("data", "what it is to learn"),
    ):
        if getattr(args, name) is None:
            raise UserError(f"finetune needs --{name}, {what}")
    if args.schedule == "145":
        raise UserError(
            "--schedule 145 is of a run from the start: finetune has plateau or --replay"
        )
    state = read_checkpoint(path, example.name)
    with fitting(path):
        known = {name: state[name] for name in ("profile", "width", "image_size")}
        usual = example.settings({"data": args.data, **known}, kind_of_data(args.data))
    if args.lr is None and args.replay is None:
        args.lr = KNOWN * usual.lr
    if args.epochs is None:
        args.epochs = max(1, usual.epochs // SHORTER)
    vars(args).update(known, finetuned_from=str(path.absolute()))
