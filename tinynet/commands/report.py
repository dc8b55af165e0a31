"""`report`: a run in one page for the browser."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
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
        parts.missing |= dict.fromkeys(names, printable(str(error)))


def report(example: Example, args: Namespace) -> int:
    """Write report.html with what can be shown; status 2 if something is missing for the rest."""
    folder, parts = RunFolder(args.folder), Parts()
    if not folder.path.is_dir():
        raise UserError(f"no such run: {folder.path}")
    config, lines, path, network = {}, [], None, None
    with _needed(parts, "settings"):
        config = folder.read_config() or {}
    _refuse_another(example, folder, config)
    with _needed(parts, "curves"):
        lines = folder.read_log()
        parts.shown["curves"] = curves.curves(lines)
    with _needed(parts, "filters", "judged", "near", "live"):
        path = find_checkpoint(folder.path)
        devices = named_devices(args.devices)
        network, saved = load_network(path, example.name, example.build, devices)
        config = saved | config
    if not config:
        raise UserError(f"{folder.path} holds no run: wanted its config.json, or a checkpoint")
    parts.shown["facts"] = _facts(config, lines)
    with _needed(parts, "layers", "settings"), fitting(path or folder.config_path):
        _add_tables(parts, example, config, network)
    title = f"{example.name} {printable(config.get('profile', ''))}"
    about = title, printable(folder.path.absolute().name)
    if network is not None:
        with _needed(parts, "filters"):
            found = _first_filters(example, folder, path, network, config)
            parts.shown["filters"] = pictures.filters(found, count_towers(network.model))
        val_set = None
        with _needed(parts, "judged", "near"):
            opened = _open(args, network, config)
            check_classes(path, network.classes, opened[-1])
            train_set, val_set = opened
            network = with_words(network, args.names, val_set.classes)
            _add_images(parts, network, train_set, val_set, args.workers or loading_threads())
        without = len(document.page(*about, parts, args.lang).encode())
        _add_live(parts, network, val_set, document.MOST - without)
    file = folder.path / "report.html"
    template.write(file, document.page(*about, parts, args.lang))
    print(f"report      {printable(file)}")
    for name, why in parts.missing.items():
        complain(f"error: {file} has no section {name}: {why}")
    return 2 if parts.missing else 0


def _refuse_another(example: Example, folder: RunFolder, config: dict) -> None:
    if config.get("network", example.name) != example.name:
        raise UserError(f"{folder.path} is a run of examples/{config['network']}.py")


def _open(args: Namespace, network: Network, config: dict) -> list[Dataset]:
    return [
        open_dataset(
            args.data or config["data"],
            split,
            network.inputs.image_size,
            config["seed"],
            network.store_size,
            cache=0,
            fetch=args.data is not None,
        )
        for split in ("train", "val")
    ]


def _add_images(
    parts: Parts, network: Network, train_set: Dataset, val_set: Dataset, workers: int
) -> None:
    progress = Progress()
    progress.begin("validation images", len(val_set))
    verdicts = judge(network, val_set, workers, progress.advance)
    progress.end()
    parts.shown["judged"] = pictures.judged(verdicts, val_set, _names(network))
    chosen = a_few(val_set, ROWS)
    options = {"seed": 0, "workers": workers, "train": False}
    loader = Loader(
        train_set, 128, **options, on_skip=lambda name, why: progress.warn(f"skipped {name}: {why}")
    )
    progress.begin("neighbours", len(train_set))
    images = np.stack([val_set.load(i) for i in chosen])
    numbers = nearest(network, images, loader, NEIGHBOURS, progress.advance)
    progress.end()
    parts.shown["near"] = pictures.near(val_set, train_set, chosen, numbers, _names(network))


def _add_live(parts: Parts, network: Network, val_set: Dataset | None, room: int) -> None:
    """The network itself; that there is no room for a large one is nothing to be put right."""
    try:
        chosen = [] if val_set is None else a_few(val_set, live.MOST_IMAGES)
        found = live.live(network, val_set, chosen, room)
        parts.shown["live"], parts.weights = found.data, found.arrays
    except UserError as error:
        parts.shown["live"] = {"why": str(error)}


def _names(network: Network) -> list[str]:
    return [printable(name) for name in network.classes]


def _first_filters(
    example: Example, folder: RunFolder, path: Path, network: Network, config: dict
) -> list[tuple[int, np.ndarray]]:
    """The first layer's filters before training, and in every checkpoint that can be read."""
    model = network.model
    (name,) = (
        f"{name}.weight" for name, layer in model.children() if layer is convolutions(model)[0]
    )
    found = {}
    if "flags_given" in config and config.get("finetuned_from") is None:  # it began here
        found[0] = _build(example, config, len(network.classes)).state_dict()[name]
    for one in dict.fromkeys((*folder.steps(), path)):
        try:
            state = read_checkpoint(one, example.name)
        except UserError as error:
            complain(f"note: left out of the filters: {error}")
            continue
        weight = state.get("model", {}).get(name)
        if weight is not None and weight.shape == model.state_dict()[name].shape:
            found[state.get("step", 0)] = weight
    return sorted(found.items())


def _facts(config: dict, lines: list[dict]) -> dict:
    """What stands at the top."""
    validated = [line for line in lines if "val_top1_error" in line]
    best = min(validated, key=lambda line: line["val_top1_error"], default=None)
    return {
        "data": printable(config.get("data", "")),
        "best": best and {"error": best["val_top1_error"], "epoch": best["epoch"]},
    }


def _add_tables(parts: Parts, example: Example, config: dict, network: Network | None) -> None:
    """Layers and settings, which need neither images nor, but for the classes, a checkpoint."""
    model = _build(example, config, example.num_classes) if network is None else network.model
    parts.shown["layers"] = layer_table(model, config["image_size"])
    original = example.original or config["profile"]
    usual = example.settings({"data": "", "profile": original}, "folder")
    parts.shown["settings"] = {
        "original": original,
        "rows": list(settings.settings_table(config, usual)),
        "network": settings.network_table(original, config["profile"]),
    }


def _build(example: Example, config: dict, classes: int) -> Sequential:
    """The network of a run before its first step."""
    names = ("profile", "image_size", "width", "seed")
    return example.build(num_classes=classes, **{name: config[name] for name in names})
