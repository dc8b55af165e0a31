"""`eval`: the errors of a trained network, or of several together, on validation images."""

from argparse import Namespace
from pathlib import Path

from tinynet.commands import flags
from tinynet.commands.example import Example, named_devices, skipped_files
from tinynet.console.printable import printable
from tinynet.console.progress import Progress
from tinynet.console.sentences import counted
from tinynet.data import Dataset, open_dataset
from tinynet.data.synsets import WORDNET_ID
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network, evaluate
from tinynet.training.run_folder import find_checkpoint
from tinynet.training.settings import loading_threads


def add_parser(commands, example: Example) -> None:
    parser = flags.command(
        commands, "eval", evaluate_checkpoints, "errors of a network on validation images"
    )
    help_ = (
        "a .safetensors file, or a run's folder for its best; of several (an ensemble) the "
        "probabilities are averaged"
    )
    flags.add_checkpoint(parser, example, help_, nargs="+", action="extend")
    parser.add_argument("--data", metavar="DATA", help="as for train (the data it was trained on)")
    parser.add_argument(
        "--views",
        type=int,
        choices=(1, 9, 10),
        default=1,
        help="1: the centre crop; 10: corners, centre and their mirror images, averaged; 9: a grid "
        "of 3 x 3 crops",
    )
    flags.add_devices(parser, example)
    flags.add_workers(parser)


def evaluate_checkpoints(example: Example, args: Namespace) -> int:
    """Errors of a network, or of an ensemble, on the validation images of a data set."""
    paths = [find_checkpoint(path) for path in args.checkpoint or [example.trained]]
    _refuse_twins(paths)
    devices = named_devices(args.devices)
    loaded = [load_network(path, example.name, example.build, devices) for path in paths]
    networks, first = [network for network, _ in loaded], loaded[0][1]
    data = args.data or first["data"]
    datasets = [
        open_dataset(
            data,
            "val",
            network.inputs.image_size,
            first["seed"],
            network.store_size,
            cache=0,  # each image is looked at once
            fetch=args.data is not None,
        )
        for network in networks
    ]
    for path, network, dataset in zip(paths, networks, datasets):
        check_classes(path, network.classes, dataset)
        _check_views(path, network, args.views)
        print(f"network  {printable(path)}")
    progress = Progress()
    told = set()

    def tell_of_skip(name: str, reason: str) -> None:
        if name not in told:  # each network of an ensemble meets it
            told.add(name)
            progress.warn(f"skipped {name}: {reason}")

    progress.begin("evaluation", len(datasets[0]))
    found = evaluate(
        networks,
        datasets,
        batch_size=first["batch_size"],
        workers=args.workers or loading_threads(),
        views=args.views,
        after_batch=lambda done, total: progress.advance(done),
        on_skip=tell_of_skip,
    )
    progress.end()
    views = "centre crop" if args.views == 1 else f"{args.views} views"
    images = counted(found.scores.images, "validation image")
    print(f"data     {printable(datasets[0].name)}, {images}, {views}")
    if skipped := told.union(datasets[0].ignored):
        print(skipped_files(len(skipped)))
    print(f"val      {found.scores}")
    if args.views > 1:
        print(f"1 view   {found.one_view}")
    if len(networks) > 1:
        for path, scores in zip(paths, found.members):
            print(f"alone    {scores}  {printable(path)}")
    return 0


def _check_views(path: Path, network: Network, views: int) -> None:
    """Raise UserError if `views` crops of an image would all be the same."""
    if views > 1 and network.store_size == network.inputs.image_size:
        raise UserError(
            f"--views {views} needs images larger than a crop, but {path} sees them whole, all "
            f"{network.store_size} pixels a side: leave --views out"
        )


def _refuse_twins(paths: list[Path]) -> None:
    """Raise UserError if two of the paths are one file: that is no ensemble."""
    for i, path in enumerate(paths):
        for other in paths[:i]:
            if path.samefile(other):
                same = "" if path == other else f", which is the same file as {other}"
                raise UserError(f"--checkpoint expects different networks, got {path} twice{same}")


def check_classes(path: Path, classes: list[str], dataset: Dataset) -> None:
    """Raise UserError unless the network's classes are those of the data.

    A WordNet id may come with its words or without.
    """
    if [_identity(name) for name in classes] != [_identity(name) for name in dataset.classes]:
        raise UserError(
            f"{path} knows {_some(classes)}; {dataset.name} has {_some(dataset.classes)}"
        )


def _identity(name: str) -> str:
    """What must agree of a class's name: "n01440764" of "n01440764 tench", or else all of it."""
    first = name.split(" ", 1)[0]
    return first if WORDNET_ID.fullmatch(first) else name


def _some(classes: list[str]) -> str:
    first = ", ".join(map(printable, classes[:3]))
    return f"{len(classes)} classes ({first}{', ...' * (len(classes) > 3)})"
