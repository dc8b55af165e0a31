"""`finetune`: a trained network learns the classes of other images."""

from argparse import Namespace
from pathlib import Path

from tinynet.commands import flags
from tinynet.commands.example import Example
from tinynet.commands.run import run_training
from tinynet.commands.train import add_run_flags, planned
from tinynet.data import kind_of_data
from tinynet.parallel.world import world
from tinynet.training.checkpoint import fitting, read_checkpoint
from tinynet.training.errors import UserError
from tinynet.training.finetuning import KNOWN
from tinynet.training.run_folder import RunFolder, find_checkpoint
from tinynet.training.settings import NETWORK, Settings, names

SHORTER = 3  # times, than a run from scratch: much is learned already


def add_parser(commands, example: Example) -> None:
    help_ = "a trained network, with a new last layer, learns the classes of other images"
    parser = flags.command(commands, "finetune", finetune, help_)
    parser.add_argument(
        "--checkpoint",
        metavar="PATH",
        help="the network to start from: a file, or a run's folder for its best; it determines the "
        f"{example.versions}, width, image size and mean image",
    )
    add_run_flags(parser, example, "required")
    parser.set_defaults(profile=None, width=None, image_size=None)
    parser.epilog = (
        "--lr is the rate of the layers that are taken over, a tenth of train's unless given; that "
        "of the last layer, which is always new, is 10 times as high. --epochs is a third of "
        "train's unless given."
    )


def finetune(example: Example, args: Namespace) -> int:
    """Train a network that begins with the weights of another, or resume such a run."""
    folder, settings = world().from_leader(lambda: _planned(example, args))
    return run_training(example, settings, folder, args.resume, args.report)


def _planned(example: Example, args: Namespace) -> tuple[RunFolder, Settings]:
    """The folder of the run, and its settings."""
    before = args.resume and args.out and RunFolder(args.out).read_config()
    path = args.checkpoint and find_checkpoint(args.checkpoint)
    if before:
        _check_same_start(args.out, before, path)
    else:
        _begin(example, args, path)
    return planned(example, args)


def _check_same_start(out: str, before: dict, path: Path | None) -> None:
    """Raise UserError if the run in `out` did not begin with the checkpoint asked for."""
    begun = before.get("finetuned_from")
    if begun is None:
        raise UserError(f"{out} was started by train, not finetune: resume it with train --resume")
    if path is not None and path.resolve() != Path(begun).resolve():
        raise UserError(f"{out} started from {begun}, not from {path}")


def _begin(example: Example, args: Namespace, path: Path | None) -> None:
    """Complete the flags of a new run with what the checkpoint says, and with gentler defaults."""
    for name, what in (
        ("checkpoint", "the network to start from"),
        ("data", "what it is to learn"),
    ):
        if getattr(args, name) is None:
            raise UserError(f"finetune needs --{name}, {what}")
    if args.schedule == "145":
        raise UserError(
            "--schedule 145 is for training from scratch: finetune takes plateau or --replay"
        )
    state = read_checkpoint(path, example.name)
    with fitting(path):
        known = {name: state[name] for name in names(NETWORK)}
        usual = example.settings({"data": args.data, **known}, kind_of_data(args.data))
    if args.lr is None and args.replay is None:
        args.lr = KNOWN * usual.lr
    if args.epochs is None and args.replay is None:
        args.epochs = max(1, usual.epochs // SHORTER)
    vars(args).update(known, finetuned_from=str(path.absolute()))
