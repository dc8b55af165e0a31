"""`report`: a run in one page for the browser."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from tinynet.commands import flags
from tinynet.commands.evaluate import check_classes
from tinynet.commands.example import Example, named_devices
from tinynet.commands.names import add_names, with_words
from tinynet.console.printable import complain, printable
from tinynet.console.progress import Progress
from tinynet.data import DataError, Dataset, Loader, open_dataset
from tinynet.nn import Sequential
from tinynet.pages import template
from tinynet.reports.colour_score import convolutions, count_towers
from tinynet.reports.features import nearest
from tinynet.reports.mistakes import a_few, judge
from tinynet.reports.page import LANGUAGES, curves, document, live, pictures, settings
from tinynet.reports.page.document import Parts
from tinynet.reports.page.layers import layer_table
from tinynet.training.checkpoint import fitting, load_network, read_checkpoint
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network
from tinynet.training.run_folder import RunFolder, find_checkpoint
from tinynet.training.settings import loading_threads

ROWS, NEIGHBOURS = 5, 6


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "report", report, "a run in one page for the browser")
    parser.add_argument(
        "--run",
        dest="folder",
        required=True,
        metavar="FOLDER",
        help="the run; the page is its report.html",
    )
    parser.add_argument("--data", metavar="DATA", help="as for train (the data it was trained on)")
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="of the page (en)")
    add_names(parser)
    flags.add_devices(parser, example)
    flags.add_workers(parser)


@contextmanager
def _needed(parts: Parts, *names: str) -> Iterator[None]:
    """Inside `with`, what the user could put right leaves out these sections, and says why."""
    try:
        yield
    except (UserError, DataError) as error:
        missing = [name for name in names if name not in parts.shown]
        parts.missing |= dict.fromkeys(missing, printable(str(error)))


@dataclass
class Run:
    """What the folder of a run holds, as far as it can be read."""

    folder: RunFolder
    config: dict = field(default_factory=dict)  # its settings
    lines: list[dict] = field(default_factory=list)  # of its log
    path: Path | None = None  # of its best checkpoint, or the last
    network: Network | None = None  # of that
    whole: Network | None = None  # the same on one device, to tell of its layers


def report(example: Example, args: Namespace) -> int:
    """Write report.html with what can be shown; status 2 if something is missing for the rest."""
    run, parts = Run(RunFolder(args.folder)), Parts()
    if not run.folder.path.is_dir():
        raise UserError(f"no such run: {run.folder.path}")
    _read(run, parts, example, args)
    parts.shown["curves"] = curves.curves(run.lines)
    parts.shown["facts"] = _facts(run)
    with _needed(parts, "layers", "settings"), fitting(run.path or run.folder.config_path):
        _add_tables(parts, example, run)
    title = f"{example.name} {printable(run.config.get('profile', ''))}"
    about = title, printable(run.folder.path.absolute().name)
    if run.network is not None:
        with _needed(parts, "filters"):
            found = _first_filters(example, run)
            towers, began_here = count_towers(run.whole.model), "flags_given" in run.config
            parts.shown["filters"] = pictures.filters(found, towers, began_here)
        val_set = _add_images(parts, run, args)
        without = len(document.page(*about, parts, args.lang).encode())
        _add_live(parts, run.whole, val_set, document.MOST - without)
    file = run.folder.path / "report.html"
    template.write(file, document.page(*about, parts, args.lang))
    print(f"report      {printable(file)}")
    for name, why in parts.missing.items():
        complain(f"error: {file} has no section {name}: {why}")
    return 2 if parts.missing else 0


def _read(run: Run, parts: Parts, example: Example, args: Namespace) -> None:
    """Read what can be read of a run. UserError if it is none, or another example's."""
    with _needed(parts, "settings"):
        run.config = run.folder.read_config() or {}
    if run.config.get("network", example.name) != example.name:
        raise UserError(f"{run.folder.path} is a run of examples/{run.config['network']}.py")
    with _needed(parts, "curves"):
        run.lines = run.folder.read_log()
        if run.config and not run.lines:  # it was trained here
            why = "has no lines" if run.folder.log_path.exists() else "is missing"
            raise UserError(f"{run.folder.log_path} {why}")
    with _needed(parts, "filters", "judged", "near", "live"):
        run.path = find_checkpoint(run.folder.path)
        load = partial(load_network, run.path, example.name, example.build)
        devices = named_devices(args.devices)
        run.network, saved = load(devices)
        run.whole = run.network if len(devices) == 1 else load(("cpu",))[0]
        run.config = saved | run.config
    if not run.config:
        raise UserError(f"{run.folder.path} holds no run: wanted its config.json, or a checkpoint")


# ---------------------------------------------------------------- what needs the images


def _add_images(parts: Parts, run: Run, args: Namespace) -> Dataset | None:
    """Mistakes and neighbours. Returns the validation images, None if they are not to be had."""
    with _needed(parts, "judged", "near"):
        train_set, val_set = _open(args, run)
        check_classes(run.path, run.network.classes, val_set)
        run.network = with_words(run.network, args.names, val_set.classes)
        run.whole = replace(run.whole, classes=run.network.classes)
        workers = args.workers or loading_threads()
        parts.shown["judged"] = _judged(run.network, val_set, workers)
        parts.shown["near"] = _near(run.network, train_set, val_set, workers)
        return val_set
    return None


def _open(args: Namespace, run: Run) -> list[Dataset]:
    return [
        open_dataset(
            args.data or run.config["data"],
            split,
            run.network.inputs.image_size,
            run.config["seed"],
            run.network.store_size,
            cache=0,
            fetch=args.data is not None,
        )
        for split in ("train", "val")
    ]


def _judged(network: Network, val_set: Dataset, workers: int) -> dict:
    progress = Progress()
    progress.begin("validation images", len(val_set))
    verdicts = judge(network, val_set, workers, progress.advance)
    progress.end()
    return pictures.judged(verdicts, val_set, _names(network))


def _near(network: Network, train_set: Dataset, val_set: Dataset, workers: int) -> list[dict]:
    progress, chosen = Progress(), a_few(val_set, ROWS)
    options = {"seed": 0, "workers": workers, "train": False}
    loader = Loader(
        train_set, 128, **options, on_skip=lambda name, why: progress.warn(f"skipped {name}: {why}")
    )
    progress.begin("neighbours", len(train_set))
    images = np.stack([val_set.load(i) for i in chosen])
    numbers = nearest(network, images, loader, NEIGHBOURS, progress.advance)
    progress.end()
    return pictures.near(val_set, train_set, chosen, numbers, _names(network))


def _names(network: Network) -> list[str]:
    return [printable(name) for name in network.classes]


# ---------------------------------------------------------------- what needs a checkpoint at most


def _add_live(parts: Parts, network: Network, val_set: Dataset | None, room: int) -> None:
    """The network itself; that there is no room for a large one is nothing to be put right."""
    try:
        chosen = [] if val_set is None else a_few(val_set, live.MOST_IMAGES)
        found = live.live(network, val_set, chosen, room)
        parts.shown["live"], parts.weights = found.data, found.arrays
    except UserError as error:
        parts.shown["live"] = {"why": str(error)}


def _first_filters(example: Example, run: Run) -> list[tuple[int, np.ndarray]]:
    """The first layer's filters before training, and in every checkpoint that can be read."""
    model = run.whole.model
    (name,) = (
        f"{name}.weight" for name, layer in model.children() if layer is convolutions(model)[0]
    )
    found = {}
    if "flags_given" in run.config and run.config.get("finetuned_from") is None:  # it began here
        found[0] = _build(example, run.config, len(run.whole.classes)).state_dict()[name]
    for path in dict.fromkeys((*run.folder.steps(), run.path)):
        try:
            state = read_checkpoint(path, example.name)
        except UserError as error:
            complain(f"note: left out of the filters: {error}")
            continue
        weight = state.get("model", {}).get(name)
        if weight is not None and weight.shape == model.state_dict()[name].shape:
            found[state.get("step", 0)] = weight
    return sorted(found.items())


def _facts(run: Run) -> dict:
    """What stands at the top."""
    validated = [line for line in run.lines if "val_top1_error" in line]
    best = min(validated, key=lambda line: line["val_top1_error"], default=None)
    return {
        "data": printable(run.config.get("data", "")),
        "best": best and {"error": best["val_top1_error"], "epoch": best["epoch"]},
    }


def _add_tables(parts: Parts, example: Example, run: Run) -> None:
    """Layers and settings, which need neither images nor, but for the classes, a checkpoint."""
    if run.whole is None:
        model = _build(example, run.config, example.num_classes)
    else:
        model = run.whole.model
    parts.shown["layers"] = layer_table(model, run.config["image_size"])
    original = example.original or run.config["profile"]
    usual = example.settings({"data": "", "profile": original}, "folder")
    parts.shown["settings"] = {
        "original": original,
        "rows": list(settings.settings_table(run.config, usual)),
        "network": settings.network_table(original, run.config["profile"]),
    }


def _build(example: Example, config: dict, classes: int) -> Sequential:
    """The network of a run before its first step."""
    names = ("profile", "image_size", "width", "seed")
    return example.build(num_classes=classes, **{name: config[name] for name in names})
