"""`train`: from flags to a trained network in its run folder."""

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from tinynet.checkpoint import describe_data, fitting
from tinynet.commands import flags
from tinynet.commands.example import (
    Example,
    build,
    command,
    named_devices,
    quoted,
    skipped_files,
)
from tinynet.data import NAMES, DataError, Dataset, kind_of_data, mean_image, open_dataset
from tinynet.devices import Device
from tinynet.errors import Interrupted, NonFiniteError, UserError
from tinynet.evaluate import Network
from tinynet.inputs import Inputs, centre, flat_mean
from tinynet.ledger import DeviceOutOfMemory, memory_table, watch_training
from tinynet.nn import Module
from tinynet.optim import SGD
from tinynet.parallel.route import describe_devices
from tinynet.parallel.towers import Towers
from tinynet.progress import Progress
from tinynet.run_folder import RunFolder
from tinynet.settings import FLAGS, Settings
from tinynet.train import Trainer


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "train", train, "train a network, or go on with it")
    flags.add_profile(parser, example)
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="shapes, cifar10, fashion-mnist, or the path of a folder or .tar with train/ and "
        f"val/, each with a sub-folder a class, or of CIFAR-10's archive ({example.default_data})",
    )
    flags.add_devices(parser, default=None)  # a run that goes on stays where it was
    parser.add_argument("--epochs", type=flags.count, metavar="N")
    parser.add_argument(
        "--steps",
        type=flags.count,
        metavar="N",
        help="stop after N steps; the rate is still --epochs'",
    )
    parser.add_argument("--batch-size", type=flags.count, metavar="N")
    parser.add_argument("--lr", type=flags.positive, metavar="X", help="learning rate at the start")
    flags.add_image_size(parser)
    parser.add_argument(
        "--width", type=flags.positive, metavar="X", help="times the paper's widths (1)"
    )
    parser.add_argument(
        "--seed", type=flags.seed, metavar="N", help="of weights, batches, dropout (0)"
    )
    parser.add_argument("--out", metavar="FOLDER", help="the run's folder (a new one in runs/)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out where its last checkpoint is, as it was begun; it begins "
        "where there is none",
    )
    flags.add_workers(parser)
    parser.add_argument(
        "--log-every", type=flags.count, metavar="STEPS", help="a line in the log (20)"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=flags.count,
        metavar="STEPS",
        help="a checkpoint within an epoch (1000); there is one after each epoch in any case",
    )

    parser.add_argument(
        "--report",
        type=_report,
        default=(),
        metavar="WHAT",
        help="at the end, tables of memory, traffic (what crossed between two devices) or, with a "
        "comma, both",
    )


def _report(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if not set(wanted) <= {"memory", "traffic"}:
        raise argparse.ArgumentTypeError(f"expects memory, traffic or memory,traffic, got {text}")
    return wanted


def train(example: Example, args: Namespace) -> int:
    """Train a network, or go on with it; status 130 after Ctrl-C, 1 where the numbers go bad."""
    folder, settings = _plan(example, args)
    path, state = (args.resume and folder.last_good()) or (None, None)
    progress = Progress()
    train_set, val_set = (_open(settings, split) for split in ("train", "val"))
    model = build(example, settings, len(train_set.classes))
    devices, std = settings.devices.split(","), np.array(settings.pixel_std)
    if state is None:
        inputs = Inputs(_mean(settings, train_set, progress), std, devices[0])
    else:
        with fitting(path):
            inputs = Inputs(state["mean"], std, devices[0])
    network = Network(model, inputs, train_set.classes, settings.store_size)
    optimizer = SGD(example.parameter_groups(model, settings.lr), settings.lr, settings.momentum)
    trainer = Trainer(settings, network, optimizer, train_set, val_set, folder, progress)
    if state is not None:
        with fitting(path):
            trainer.resume(state)
        progress.say(f"going on after step {trainer.step}")
    del state  # as large as the network and its velocities
    progress.say(_title(settings, network, train_set, val_set, folder))
    used = watch_training(model, optimizer)
    folder.create()
    folder.write_config(asdict(settings))
    if trainer.step == 0:
        folder.rewind(0)  # the lines of a run that was left before its first checkpoint
    if trainer.done:
        progress.say(f"nothing left to do: {settings.epochs} epochs, {trainer.step} steps done")
    try:
        status = _run(trainer, folder)
        if status == 0 and args.report:
            print("\n" + "\n\n".join(_reports(args.report, model, used)))
        return status
    finally:
        for device in used:
            device.ledger.forget()


def _reports(wanted: tuple[str, ...], model: Module, used: list[Device]) -> Iterator[str]:
    """The tables that --report asks for."""
    if "memory" in wanted:
        yield memory_table(used)
    if "traffic" in wanted:
        traffic = getattr(model, "traffic", None)  # of a network that can have two towers
        yield traffic.table() if traffic else "no traffic: this network has one tower"


def _title(settings, network, train_set, val_set, folder) -> str:
    parameters = sum(p.size for p in network.model.parameters())
    return (
        f"data     {describe_data(train_set)}; {len(val_set):,} for validation\n"
        f"network  {settings.network} {settings.profile}, {settings.image_size} pixels, width "
        f"{settings.width:g}: {parameters:,} parameters\n"
        f"devices  {describe_devices(settings.devices.split(','))}\n"
        f"run      {folder.path}"
    )


def _run(trainer: Trainer, folder: RunFolder) -> int:
    go_on = f"{command()} train --resume --out {quoted(folder.path)}"
    try:
        trainer.run()
    except BrokenPipeError:
        raise
    except Interrupted:
        print(f"stopped after step {trainer.step}. To go on: {go_on}", file=sys.stderr)
        return 130
    except (NonFiniteError, DeviceOutOfMemory, DataError, OSError) as error:
        print(f"error: {error}; {_cure(error, trainer, folder, go_on)}", file=sys.stderr)
        return 2 if isinstance(error, DataError) else 1
    _say_what_next(trainer, folder)
    return 0


def _cure(error: Exception, trainer: Trainer, folder: RunFolder, go_on: str) -> str:
    """What can be done after a failure: from the last checkpoint, or from the start."""
    last = folder.steps()[-1:]
    cure = f"there is no checkpoint yet; to begin again: {go_on}"
    if last:
        cure = f"the last checkpoint, {last[0]}, is whole; to go on: {go_on}"
    if isinstance(error, NonFiniteError):
        cure += f" (with a lower --lr: it was {trainer.settings.lr:g})"
    if isinstance(error, DeviceOutOfMemory):
        cure += "; a smaller --batch-size needs less"
    return cure


def _say_what_next(trainer: Trainer, folder: RunFolder) -> None:
    path, best = quoted(folder.path), trainer.best
    if trainer.skipped:
        print(skipped_files(trainer.skipped))
    if best:
        error = f"top-1 error {best['val_top1_error']:.2%}"
        print(f"best     epoch {best['epoch']}: {error}: {folder.best_path}")
    print(f"last     {folder.steps()[-1]}")
    print(f"log      {folder.log_path}")
    print(f"figures  {_draw(trainer, folder)}")
    print(f"next     {command()} eval --checkpoint {path}")
    print(f"         {command()} predict --checkpoint {path} IMAGE...")


def _draw(trainer: Trainer, folder: RunFolder) -> Path:
    """The run's figures: its learning curves, and the filters of the first layer."""
    from tinynet import plot  # matplotlib takes a while to load

    model = trainer.network.model
    plot.learning_curves(folder.log_path, folder.figures_path / "curves.png", len(trainer.loader))
    filters = model.conv1.state_dict()["weight"]
    towers = 2 if isinstance(model.conv1, Towers) else model.conv2.groups
    plot.first_layer_filters(filters, folder.figures_path / "filters.png", towers)
    return folder.figures_path


def _plan(example: Example, args: Namespace) -> tuple[RunFolder, Settings]:
    """Where the run goes, and its settings."""
    given = {name: getattr(args, name) for name in FLAGS if getattr(args, name) is not None}
    if args.resume and args.out is None:
        raise UserError("--resume needs --out, the folder of the run to go on with")
    folder = RunFolder(args.out or ".")
    if args.resume:
        given = _as_before(example, folder, given)
    elif args.out is not None and not folder.is_empty():
        raise UserError(
            f"{folder.path} is not empty: give another --out, or --resume to go on with its run"
        )
    given["devices"] = ",".join(named_devices(given.get("devices", "auto")))
    data = given.setdefault("data", example.default_data)
    settings = replace(example.settings(given, kind_of_data(data)), steps=args.steps)
    if args.out is None:
        name = Path(data).name.split(".")[0]
        now = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = RunFolder(Path("runs") / f"{name}-{settings.profile}-{now}")
    return folder, settings


def _as_before(example: Example, folder: RunFolder, given: dict) -> dict:
    """The flags of the run's first command, and over them those that are given now.

    Where it is another network or other data that are asked for, nothing is taken over.
    """
    before = folder.read_config() or {"network": example.name}
    if before["network"] != example.name:
        raise UserError(f"{folder.path} is a run of examples/{before['network']}.py")
    if given.get("profile", before.get("profile")) != before.get("profile"):
        return given
    if "data" in given and not _same_data(given["data"], before.get("data")):
        return given
    return {**{name: before[name] for name in FLAGS if name in before}, **given}


def _same_data(now: str, before: str | None) -> bool:
    """Whether both name the same data: the same name, or two ways to write one path."""
    if before is None or now in NAMES or before in NAMES:
        return now == before
    return Path(now).expanduser().resolve() == Path(before).expanduser().resolve()


def _open(settings: Settings, split: str) -> Dataset:
    return open_dataset(
        settings.data, split, settings.image_size, settings.seed, settings.store_size
    )


def _mean(settings: Settings, train_set: Dataset, progress: Progress) -> np.ndarray:
    """What is subtracted from each image: (3, S, S)."""
    if settings.pixel_mean is not None:
        return flat_mean(settings.pixel_mean, settings.image_size)
    progress.begin("mean image", min(len(train_set), settings.mean_images))
    mean = mean_image(
        train_set,
        settings.mean_images,
        lambda done, total: progress.advance(done),
        settings.workers,
    )
    progress.end()
    return centre(mean, settings.image_size)
