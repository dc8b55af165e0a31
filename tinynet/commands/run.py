"""A training run, from its settings to the trained network in its folder."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

import tinynet
from tinynet.commands.example import (
    Example,
    better_start,
    build,
    command,
    skipped_files,
)
from tinynet.commands.figures import draw_curves, draw_filters
from tinynet.commands.on_ranks import (
    describe_ranks,
    divide_layers,
    on_own_devices,
    open_data,
    refuse_run_elsewhere,
)
from tinynet.commands.route import describe_devices
from tinynet.console.printable import complain, printable, quoted
from tinynet.console.progress import Progress
from tinynet.data import DataError, Dataset, colour_components, measure
from tinynet.devices import Device
from tinynet.nn import Sequential
from tinynet.optim import SGD
from tinynet.parallel.ranks import Alone
from tinynet.parallel.watch import RankFailed
from tinynet.parallel.world import world
from tinynet.training import finetuning
from tinynet.training.bystander import Bystander
from tinynet.training.checkpoint import describe_data, differences, fitting, read_checkpoint
from tinynet.training.errors import Interrupted, NonFiniteError, UserError
from tinynet.training.evaluate import Network
from tinynet.training.inputs import Inputs, centre, flat_mean
from tinynet.training.memory_table import memory_table, watch_training
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import Settings
from tinynet.training.trainer import Trainer


def run_training(
    example: Example,
    settings: Settings,
    folder: RunFolder,
    resume: bool,
    report: tuple[str, ...],
    figures: bool = True,
) -> int:
    """Train a network, or resume; status 130 after Ctrl-C, 2 for bad data, 1 for other failures.

    `report` names the tables, "memory" and "traffic", to be printed at the end; `figures`: whether
    to draw those of the run. UserError if another process trains in the folder.
    """
    ranks = world()
    if not ranks.leader:
        folder = Bystander(folder.path)
    with closing(folder):
        if resume and ranks.leader:
            folder.claim()  # a new run does so when it makes its folder
        return _train(example, settings, folder, resume, report, ranks, figures)


def _train(
    example: Example,
    settings: Settings,
    folder: RunFolder,
    resume: bool,
    report: tuple[str, ...],
    ranks: Alone,
    figures: bool,
) -> int:
    progress, asked = Progress(), settings
    settings = ranks.agree(lambda: on_own_devices(settings, ranks))
    path, state = None, None
    if resume:
        if ranks.size > 1:
            ranks.agree(lambda: refuse_run_elsewhere(folder.path, ranks))
        path, state = ranks.from_leader(lambda: folder.last_good(progress.warn)) or (None, None)
    train_set, val_set = open_data(settings, ranks)
    if state is not None:
        with fitting(path):
            ranks.agree(partial(_refuse_another_run, example, state, settings, train_set, folder))
    model = ranks.agree(lambda: build(example, settings, len(train_set.classes)))
    if state is not None:
        with fitting(path):
            inputs = _inputs(settings, state["mean"], state["components"], state["std"])
    elif settings.finetuned_from is not None:
        inputs = ranks.agree(lambda: _take_over(model, settings))
    else:
        found = ranks.from_leader(lambda: _statistics(settings, train_set, progress))
        inputs = _inputs(settings, *found, settings.pixel_std)
    ranks.agree(lambda: divide_layers(model, settings, ranks))
    network = Network(model, inputs, train_set.classes, settings.store_size)
    optimizer = _optimizer(example, model, settings)
    # What a fine-tuned network begins with is its checkpoint's.
    better = "" if settings.finetuned_from else better_start(example, settings.profile)
    trainer = ranks.agree(
        lambda: Trainer(
            settings, network, optimizer, train_set, val_set, folder, progress, better, ranks
        )
    )
    if state is not None:
        with fitting(path):
            trainer.resume(state)
        progress.say(f"resuming after step {trainer.step}")
    elif resume:
        progress.say(f"no checkpoint in {folder.path} to resume from: this run begins at step 0")
    del state  # as large as the network and its velocities
    ranks.from_leader(folder.create)
    progress.say(_title(settings, network, train_set, val_set, folder, trainer))
    used = watch_training(model, optimizer)
    if trainer.done:  # nothing is to be kept either, such as a rate for steps that do not come
        progress.say(f"nothing left to do; epochs done: {trainer.epoch}, steps: {trainer.step}")
    else:
        kept = {**asdict(settings), "devices": asked.devices}
        folder.write_config({"tinynet": tinynet.__version__, **kept})
    if trainer.step == 0:  # drop the lines of a run that ended before its first checkpoint
        folder.rewind(0, validated=False)
    try:
        status = _run(trainer, folder, figures)
        if status == 0 and report:
            print("\n" + "\n\n".join(_tables(report, trainer, used)))
        return status
    finally:
        for device in used:
            device.ledger.forget()


def _refuse_another_run(example, state, settings, train_set, folder) -> None:
    """Raise UserError if the run of the checkpoint `state` is not the one `settings` ask for."""
    if "optimizer" not in state:
        raise UserError(
            f"{folder.path} was exported: it holds a network alone, not what it takes to train on. "
            f"To begin with its weights: {command()} finetune --checkpoint {quoted(folder.path)}"
        )
    found = differences(state, settings, train_set)
    if not found:
        return
    message = (
        f"{folder.path} was started with other settings: {'; '.join(found)}. Resume with the same "
        "ones, or start again with another --out"
    )
    before, now = state["profile"], settings.profile
    if before == now or before not in example.profiles:
        raise UserError(message)
    lines = [f"the {example.versions}s {before} and {now} differ in"]
    lines += example.differences(before, now)
    raise UserError(f"{message};", *(f"    {line}" for line in lines))


def _optimizer(example: Example, model: Sequential, settings: Settings) -> SGD:
    groups = example.parameter_groups(model, settings.lr)
    if settings.finetuned_from is not None:
        groups = finetuning.parameter_groups(groups, model)
    return SGD(groups, settings.lr, settings.momentum)


def _take_over(model: Sequential, settings: Settings) -> Inputs:
    """Begin with a checkpoint's weights, except the last layer's, and with its mean and std."""
    path = Path(settings.finetuned_from)
    state = read_checkpoint(path, settings.network)
    with fitting(path):
        finetuning.take_over(model, state["model"])
        return _inputs(settings, state["mean"], state["components"], state["std"])


def _tables(wanted: tuple[str, ...], trainer: Trainer, used: list[Device]) -> Iterator[str]:
    """The tables that --report asks for."""
    model = trainer.network.model
    if "memory" in wanted:
        yield memory_table(used)
    if "traffic" in wanted:
        traffic = getattr(model, "traffic", None)  # of a network that can have two towers
        yield traffic.table() if traffic else "no traffic: this network has one tower"
        if between := trainer.gradients.describe_traffic():
            yield between


def _title(settings, network, train_set, val_set, folder, trainer) -> str:
    parameters = sum(math.prod(p.shape) for _, p in network.model.named_saved())
    products = "; products in TF32" if settings.tf32 else ""
    start, schedule = "", trainer.schedule
    if settings.finetuned_from is not None:
        last = finetuning.last_layer(network.model)
        start = f"start    {printable(settings.finetuned_from)}; {last} is new\n"
    return (
        f"data     {printable(describe_data(train_set))}; {len(val_set):,} for validation\n"
        f"network  {settings.network} {settings.profile}, {settings.image_size} pixels, width "
        f"{settings.width:g}: {parameters:,} parameters\n{start}"
        f"devices  {describe_devices(settings.devices.split(','))}{products}\n"
        f"{describe_ranks(settings, trainer)}"
        f"schedule {printable(settings.schedule)}: {schedule.describe(settings.epochs)}\n"
        f"run      {printable(folder.path)}"
    )


def _run(trainer: Trainer, folder: RunFolder, figures: bool) -> int:
    ranks = f"mpiexec -n {trainer.ranks.size} " if trainer.ranks.size > 1 else ""
    resume = f"{ranks}{command()} train --resume --out {quoted(folder.path)}"
    try:
        trainer.run()
    except BrokenPipeError:
        raise
    except Interrupted:
        complain(f"stopped after step {trainer.step}. To resume: {resume}")
        return 130
    except (NonFiniteError, MemoryError, DataError, OSError, RankFailed) as error:
        complain(f"error: {error}; {_cure(error, trainer, folder, resume)}")
        return 2 if isinstance(error, DataError) else 1
    if trainer.ranks.leader:
        _say_what_next(trainer, folder, figures)
    return 0


def _cure(error: Exception, trainer: Trainer, folder: RunFolder, resume: str) -> str:
    """What can be done after a failure: from the last checkpoint, or from the start."""
    last = folder.steps()[-1:]
    cure = f"there is no checkpoint yet; to start again: {resume}"
    if last:
        cure = f"the last checkpoint is {last[0]}; to resume: {resume}"
    if isinstance(error, NonFiniteError):
        cure += f" (with a lower --lr: it was {trainer.settings.lr:g})"
    if isinstance(error, MemoryError):
        cure += f"; a smaller --batch-size needs less: it was {trainer.settings.batch_size}"
    return cure


def _say_what_next(trainer: Trainer, folder: RunFolder, figures: bool) -> None:
    path, best = quoted(folder.path), trainer.notebook.best
    if trainer.skipped:
        print(skipped_files(trainer.skipped))
    if best:
        error = f"top-1 error {best['val_top1_error']:.2%}"
        print(f"best     epoch {best['epoch']}: {error}: {printable(folder.best_path)}")
    print(f"last     {printable(folder.steps()[-1])}")
    print(f"log      {printable(folder.log_path)}")
    if figures:
        _draw_figures(trainer, folder)
    print(f"next     {command()} eval --checkpoint {path}")
    print(f"         {command()} predict --checkpoint {path} IMAGE...")
    print(f"         {command()} figures --run {path}")
    print(f"         {command()} report --run {path}")


def _draw_figures(trainer: Trainer, folder: RunFolder) -> None:
    """The run has succeeded by then: whatever becomes of its figures is only a warning."""
    try:
        draw_curves(folder, folder.read_log(), len(trainer.loader))
        _, scores = draw_filters(folder, trainer.network.model)
    except Exception as error:
        again = f"{command()} figures --run {quoted(folder.path)}"
        why = f"{type(error).__name__}: {error}"
        complain(f"warning: the figures are not drawn: {why}; to try again: {again}")
    else:
        print(f"figures  {printable(folder.figures_path)}; {scores}")


def _inputs(
    settings: Settings, mean: np.ndarray, components: np.ndarray, std: Sequence[float]
) -> Inputs:
    return Inputs(
        mean,
        std,
        settings.devices.split(",")[0],
        components,
        settings.colour_noise,
        settings.colour_rescale,
    )


def _statistics(
    settings: Settings, train_set: Dataset, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """What is subtracted from each image, (3, S, S), and the components of the colours, (3, 3)."""
    if settings.pixel_mean is not None and not settings.colour_noise:
        return flat_mean(settings.pixel_mean, settings.image_size), np.zeros((3, 3))
    progress.begin("mean image", min(len(train_set), settings.mean_images))
    statistics = measure(
        train_set,
        settings.mean_images,
        lambda done, total: progress.advance(done),
        settings.workers,
    )
    progress.end()
    mean = centre(statistics.mean, settings.image_size)
    if settings.pixel_mean is not None:
        mean = flat_mean(settings.pixel_mean, settings.image_size)
    return mean, colour_components(statistics.covariance)
