"""`figures`: the paper's figures for a run."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinynet.commands import flags
from tinynet.commands.evaluate import check_classes
from tinynet.commands.example import Example, named_devices
from tinynet.commands.names import add_names, with_words
from tinynet.console.printable import complain, printable
from tinynet.console.progress import Progress
from tinynet.console.sentences import counted
from tinynet.data import DataError, Dataset, Loader, open_dataset
from tinynet.nn import Sequential
from tinynet.reports.colour_score import convolutions, count_towers, tower_scores
from tinynet.reports.features import nearest
from tinynet.reports.intervals import steps_per_epoch
from tinynet.reports.mistakes import Verdicts, a_few, judge, most_confused
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network, likeliest
from tinynet.training.run_folder import RunFolder, find_checkpoint
from tinynet.training.settings import loading_threads

SHOWN, BEST = 8, 5  # validation images with their likeliest classes, as in the paper's figure 4
ROWS, NEIGHBOURS = 5, 6
MOST = 30  # classes in a confusion matrix: of more, those with the most mistakes


def add_parser(commands, example: Example) -> None:
    parser = flags.command(commands, "figures", figures, "the paper's figures for a run, as PNG")
    parser.add_argument(
        "--run",
        dest="folder",
        required=True,
        metavar="FOLDER",
        help="the run; they go to its figures/",
    )
    parser.add_argument("--data", metavar="DATA", help="as for train (the data it was trained on)")
    add_names(parser)
    flags.add_devices(parser, example)
    flags.add_workers(parser)


def figures(example: Example, args: Namespace) -> int:
    """Draw what can be drawn; status 2 if something is missing for the rest."""
    folder = RunFolder(args.folder)
    if not folder.path.is_dir():
        raise UserError(f"no such run: {folder.path}")
    status = 0
    if lines := folder.read_log():
        print(f"curves      {printable(draw_curves(folder, lines, steps_per_epoch(lines)))}")
    elif folder.read_config() is None:
        print("curves      none: the network was not trained here")
    else:
        why = "has no lines" if folder.log_path.exists() else "is missing"
        complain(f"error: curves.png is not drawn: {folder.log_path} {why}")
        status = 2
    path = find_checkpoint(folder.path)
    network, settings = load_network(path, example.name, example.build, named_devices(args.devices))
    file, scores = draw_filters(folder, network.model)
    print(f"filters     {printable(file)}: {scores}")
    data = args.data or settings["data"]
    size, seed = network.inputs.image_size, settings["seed"]
    fetch = args.data is not None
    try:
        train_set, val_set = (
            open_dataset(data, split, size, seed, network.store_size, cache=0, fetch=fetch)
            for split in ("train", "val")
        )
        check_classes(path, network.classes, val_set)
    except (DataError, UserError) as error:
        raise UserError(f"predictions.png and neighbours.png are not drawn: {error}") from None
    network = with_words(network, args.names, val_set.classes)
    workers, progress = args.workers or loading_threads(), Progress()
    progress.begin("validation images", len(val_set))
    verdicts = judge(network, val_set, workers, progress.advance)
    progress.end()
    print(f"predictions {printable(_draw_predictions(folder, network, val_set, verdicts))}")
    print(f"mistakes    {printable(_draw_mistakes(folder, network, val_set, verdicts))}")
    print(f"confusion   {printable(_draw_confusion(folder, network, verdicts))}")
    neighbours = _draw_neighbours(folder, network, train_set, val_set, workers)
    print(f"neighbours  {printable(neighbours)}")
    return status


# ---------------------------------------------------------------- what `train` draws too


def draw_curves(folder: RunFolder, lines: list[dict], steps_per_epoch: int | None) -> Path:
    """Curves like those of figure 1, from the lines of the run's log."""
    from tinynet.reports import curves  # matplotlib takes a while to load

    file = folder.figures_path / "curves.png"
    curves.learning_curves(lines, file, steps_per_epoch)
    return file


def draw_filters(folder: RunFolder, model: Sequential) -> tuple[Path, str]:
    """Figure 3: the filters of the first layer. Also returns the colour score of each tower."""
    from tinynet.reports import plot

    file = folder.figures_path / "filters.png"
    weight, towers = convolutions(model)[0].state_dict()["weight"], count_towers(model)
    weight = np.broadcast_to(weight, (len(weight), 3, *weight.shape[2:]))  # gray as a colour
    scores = tower_scores(weight, towers)
    plot.first_layer_filters(weight, file, towers, scores)
    if towers == 1:
        return file, f"colour score {scores[0]:.2f}"
    return file, f"colour score of tower a {scores[0]:.2f}, of b {scores[1]:.2f}"


# ---------------------------------------------------------------- figure 4


def _draw_predictions(
    folder: RunFolder, network: Network, val_set: Dataset, verdicts: Verdicts
) -> str:
    """Figure 4, left: validation images over their likeliest classes; half of them mistakes."""
    mistakes = verdicts.indices[verdicts.mistakes()]
    some = np.random.default_rng(0).permutation(mistakes)[: SHOWN // 2]
    drawn = a_few(val_set, SHOWN - len(some))
    file = folder.figures_path / "predictions.png"
    of = f"{len(mistakes):,} mistakes in {counted(len(verdicts.said), 'validation image')}"
    title = f"first {len(drawn)} drawn at random, then {len(some)} of {of}"
    first = _draw_images(file, network, val_set, [*drawn, *some], title)[: len(drawn)].count(True)
    return f"{file}: {first} of {len(drawn)} drawn at random are right; {len(some)} of {of}"


def _draw_mistakes(
    folder: RunFolder, network: Network, val_set: Dataset, verdicts: Verdicts
) -> str:
    """The validation images of which the network is surest that they are what they are not."""
    file, mistakes = folder.figures_path / "mistakes.png", verdicts.mistakes()
    images = counted(len(verdicts.said), "validation image")
    if not len(mistakes):
        file.unlink(missing_ok=True)  # of a network that made some
        return f"none in {images}, so nothing is drawn"
    worst = mistakes[:SHOWN]
    title = f"the surest of {counted(len(mistakes), 'mistake')} in {images}"
    _draw_images(file, network, val_set, verdicts.indices[worst], title)
    first = worst[0]
    truth, said = (network.classes[k[first]] for k in (verdicts.labels, verdicts.said))
    name = val_set.describe(verdicts.indices[first])
    taken = f"{truth} taken for {said} ({verdicts.probability[first]:.1%})"
    return f"{file}: {title}; {name}: {taken}"


def _draw_images(
    file: Path, network: Network, val_set: Dataset, chosen: Sequence[int], title: str
) -> list[bool]:
    """Draw validation images over their likeliest classes; return which are right."""
    from tinynet.reports import plot

    images = np.stack([val_set.load(i) for i in chosen])
    right = [network.classes[val_set.labels[i]] for i in chosen]
    best = likeliest(network, images, BEST)
    plot.predictions(images, [plot.short(name) for name in right], best, file, right, title)
    return [classes[0][0] == name for classes, name in zip(best, right)]


def _draw_confusion(folder: RunFolder, network: Network, verdicts: Verdicts) -> str:
    """What each class is taken for; of many classes, those with the most mistakes."""
    from tinynet.reports import plot

    counts = verdicts.confusion(len(network.classes))
    wrong = counts - np.diag(counts.diagonal())
    shown = most_confused(counts, MOST)
    images = counted(len(verdicts.said), "validation image")
    title = f"{images}, {wrong.sum():,} mistakes"
    if len(shown) < len(network.classes):
        title += f"; the {MOST} of {len(network.classes):,} classes with the most"
    file = folder.figures_path / "confusion.png"
    names = [network.classes[k] for k in shown]
    totals = counts[shown].sum(axis=1)
    plot.confusion(counts[np.ix_(shown, shown)], names, file, title, totals)
    truth, said = np.unravel_index(wrong.argmax(), wrong.shape)
    if not wrong.any():
        return f"{file}: no mistakes in {images}"
    pair = f"{network.classes[truth]} taken for {network.classes[said]}"
    return f"{file}: most often {pair}, {counted(int(wrong.max()), 'time')}"


def _draw_neighbours(
    folder: RunFolder, network: Network, train_set: Dataset, val_set: Dataset, workers: int
) -> str:
    """Figure 4, right: validation images, each beside the training images nearest to it."""
    from tinynet.reports import plot

    progress = Progress()
    chosen = a_few(val_set, ROWS)
    images = np.stack([val_set.load(i) for i in chosen])
    options = {"seed": 0, "workers": workers, "train": False}
    loader = Loader(
        train_set, 128, **options, on_skip=lambda name, why: progress.warn(f"skipped {name}: {why}")
    )
    progress.begin("neighbours", len(train_set))
    numbers = nearest(network, images, loader, NEIGHBOURS, progress.advance)
    progress.end()
    rows, classes, alike = [], [], 0
    for image, i, found in zip(images, chosen, numbers):
        labels = [val_set.labels[i], *train_set.labels[found]]
        rows.append([image, *(train_set.load(n) for n in found)])
        classes.append([network.classes[label] for label in labels])
        alike += labels[1:].count(labels[0])
    file = folder.figures_path / "neighbours.png"
    plot.neighbours(rows, classes, file)
    return f"{file}: {alike} of {numbers.size} have the class of their image"
