"""What a training run sets up in its own way on each of several ranks: devices, and data."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinynet.commands.example import choose_tf32, named_devices
from tinynet.data import BadImage, Dataset, open_dataset
from tinynet.nn import Module
from tinynet.parallel.buckets import gigabytes_per_second
from tinynet.parallel.divided import divide, divided_layers
from tinynet.parallel.ranks import Alone
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import Settings
from tinynet.training.trainer import Trainer

LOOKED_AT = 16  # images of each set, on each rank, before it is taken for the same


def on_own_devices(settings: Settings, ranks: Alone) -> Settings:
    """The settings with the devices of this rank, by name, in place of those asked for."""
    if ranks.size == 1:
        return settings
    if settings.batch_size < ranks.size:
        raise UserError(
            f"--batch-size {settings.batch_size}: {ranks.size} ranks want an image each at least: "
            "start fewer, or give a larger batch"
        )
    devices = named_devices(settings.devices, ranks)
    if settings.parallel == "owt" and len(devices) > 1:
        raise UserError(
            f"--parallel owt: --devices {settings.devices} gives each rank two towers, where one "
            "device a rank is wanted; towers go with --parallel data"
        )
    choose_tf32(devices, settings.tf32)
    return replace(settings, devices=",".join(devices))


def refuse_run_elsewhere(path: Path, ranks: Alone) -> None:
    """UserError if the run to be resumed lies on another rank's machine, and not on the leader's.

    The leader alone reads and writes it: it would start the run again.
    """
    seen = ranks.gather(bool(RunFolder(path).steps()))
    if any(seen) and not seen[0]:
        raise UserError(
            f"{path}: {ranks.names[seen.index(True)]} has a run there, and {ranks.names[0]}, which "
            "alone reads and writes it, has none: begin the list of hosts with the one that has it"
        )


def open_data(settings: Settings, ranks: Alone) -> tuple[Dataset, Dataset]:
    """The images for training and for validation; RankFailed unless all ranks see the same.

    On each machine one rank opens them first: it may have to fetch them for the others.
    """
    if ranks.local_rank == 0:
        found = ranks.agree(lambda: _open_both(settings))
        ranks.agree(lambda: None)
    else:
        ranks.agree(lambda: None)
        found = ranks.agree(lambda: _open_both(settings))
    if ranks.size > 1:
        for dataset in found:
            ranks.check_same(f"the {dataset.split} data", _in_short(dataset))
        ranks.agree(lambda: _refuse_too_few(found[0], ranks))
    return found


def _open_both(settings: Settings) -> tuple[Dataset, Dataset]:
    sizes = settings.image_size, settings.seed, settings.store_size
    train_set, val_set = (
        open_dataset(settings.data, split, *sizes, cache=settings.cache)
        for split in ("train", "val")
    )
    return train_set, val_set


def _refuse_too_few(train_set: Dataset, ranks: Alone) -> None:
    if len(train_set) < ranks.size:
        raise UserError(
            f"{train_set.name}: its {len(train_set)} images are too few for {ranks.size} ranks"
        )


def _in_short(dataset: Dataset) -> str:
    """What differs between two sets of images: their number, and digits of labels and of some
    images, from the first to the last."""
    digest = hashlib.sha256(repr(dataset.classes).encode() + dataset.labels.tobytes())
    few = min(len(dataset), LOOKED_AT)
    for i in np.linspace(0, len(dataset) - 1, few).astype(int) if few else ():
        try:
            digest.update(dataset.load(i).tobytes())
        except BadImage as error:
            digest.update(str(error).encode())
    return f"{len(dataset):,} images ({digest.hexdigest()[:8]})"


def divide_layers(model: Module, settings: Settings, ranks: Alone) -> None:
    """With --parallel owt, leave this rank its part of the fully connected layers."""
    if settings.parallel == "data" or ranks.size == 1:
        return
    try:
        divide(model, ranks)
    except ValueError as error:
        raise UserError(f"--parallel owt: {error}") from None


def describe_ranks(settings: Settings, trainer: Trainer) -> str:
    """The lines that say how several ranks share a batch; "" in one process that need not."""
    ranks = trainer.ranks
    if ranks.size == 1:
        alone = "ranks    one process: --parallel owt has nothing to divide\n"
        return alone if settings.parallel == "owt" else ""
    least, most = settings.batch_size // ranks.size, -(-settings.batch_size // ranks.size)
    each = f"{least}" if least == most else f"{least} or {most}"
    row = trainer.gradients.buckets.row
    speed = f"{gigabytes_per_second(ranks, row):.1f} GB/s from each rank"
    return (
        f"ranks    {ranks.describe()}; batches of {settings.batch_size}, {each} images on each\n"
        f"         gradients go through {ranks.library}{row.where}, {speed}\n"
        f"parallel {_describe_scheme(settings, ranks, trainer.network.model)}\n"
    )


def _describe_scheme(settings: Settings, ranks: Alone, model: Module) -> str:
    if settings.parallel == "data":
        return "data: the whole network on each rank"
    units = ", ".join(
        f"{name} {len(layer.weight):,} of {layer.units[-1].stop:,} units"
        for name, layer in divided_layers(model).items()
    )
    return f"owt: the convolutions on each rank, the rest divided (rank {ranks.rank}: {units})"
