"""`import`, and `export --torch`: another program's AlexNet becomes a run, and a run torchvision's.

Which AlexNet a file holds, its ending says: .onnx, Caffe's (caffe_file.py); else torchvision's.
"""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinynet import init, serialization
from tinynet.alexnet_profiles import PROFILES
from tinynet.alexnet_profiles.torchvision import IMAGE_SIZE, PROFILE, WIDTH, torchvision_name
from tinynet.commands import flags
from tinynet.commands.caffe_file import MEAN, read_caffe
from tinynet.commands.example import Example, build, command
from tinynet.commands.names import read_names
from tinynet.console.printable import printable, quoted
from tinynet.console.sentences import counted
from tinynet.files.tensor_file import read_tensors
from tinynet.training.checkpoint import load_network
from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder
from tinynet.training.settings import SAVED, Settings, names

PREFIX = "module."  # what PyTorch's DataParallel writes before each name
IMAGENET = 1000  # classes, unless the last layer says otherwise


def add_parser(commands, example: Example) -> None:
    if not has_torchvisions_names(example):
        return
    help_ = "the weights of torchvision's or of Caffe's AlexNet become a run"
    parser = flags.command(commands, "import", import_weights, help_)
    parser.add_argument(
        "file",
        metavar="FILE",
        help="torchvision's state dict, as .safetensors or as PyTorch's .pth; or Caffe's AlexNet "
        "or CaffeNet, as .onnx (needs the package onnx)",
    )
    parser.add_argument("--out", required=True, metavar="RUN", help="the run's folder, a new one")
    parser.add_argument(
        "--names",
        metavar="FILE",
        help="a line for each class, as the validation data call them, in the order of the network "
        "(torchvision's: sorted by WordNet id); without it they are numbers",
    )


def has_torchvisions_names(example: Example) -> bool:
    """Whether the networks are AlexNets, and not those of recipes of their own."""
    return set(example.profiles) <= PROFILES.keys()


def import_weights(example: Example, args: Namespace) -> int:
    """Write a run that can be evaluated, asked and fine-tuned."""
    folder = RunFolder(args.out)
    if not folder.is_empty():
        raise UserError(f"--out {printable(args.out)} is not empty: give another")
    foreign = _read(args.file)
    classes = [str(i) for i in range(foreign.classes)]
    given = {"profile": foreign.profile, "width": foreign.width, "data": "imagenet"}
    settings = replace(example.settings(given, "folder"), devices="cpu")
    if settings.pixel_mean is None:
        settings = replace(settings, pixel_mean=MEAN)
    with init.skipped():
        model = build(example, settings, len(classes))
    wanted = {name: foreign.name(name) for name, _ in model.named_parameters()}
    shapes = {wanted[name]: p.shape for name, p in model.named_parameters()}
    _check(args.file, foreign, shapes)
    if args.names is not None:
        classes = read_names(classes, Path(args.names))
    weights = {name: foreign.tensors[its] for name, its in wanted.items()}
    folder.create()
    serialization.save(folder.best_path, _state(settings, args.file, classes, weights))
    folder.close()
    for note in foreign.notes:
        print(f"note     {note}")
    print(f"network  {foreign.profile}, {counted(len(classes), 'class', 'classes')}")
    print(f"run      {printable(folder.path)}")
    run = quoted(str(folder.path))
    print(f"next     {command()} predict --checkpoint {run} IMAGE")
    print(f"         {command()} eval --checkpoint {run} --data DATA")
    print(f"         {command()} finetune --checkpoint {run} --data DATA   for other classes")
    return 0


@dataclass(frozen=True)
class Foreign:
    """What a file holds: tensors in float32, by names of its own."""

    whose: str
    profile: str
    width: float
    classes: int
    name: Callable[[str], str]  # what it calls a parameter of ours
    tensors: dict[str, np.ndarray]
    notes: list[str]  # what was done to them


def _read(file: str) -> Foreign:
    if Path(file).suffix == ".onnx":
        profile, tensors, notes = read_caffe(file)
        tensors, more = _plain(tensors)
        width = len(tensors["conv1.bias"]) / PROFILES[profile].filters[0]
        classes = len(tensors["fc8.bias"])
        return Foreign("Caffe's", profile, width, classes, str, tensors, notes + more)
    try:
        tensors, notes = _plain(read_tensors(file))
    except ValueError as error:
        raise UserError(printable(str(error))) from None
    last = tensors.get(torchvision_name("fc8.bias"))
    classes = IMAGENET if last is None else last.size
    return Foreign("torchvision's", PROFILE, WIDTH, classes, torchvision_name, tensors, notes)


def _plain(tensors: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The tensors in float32 and without a prefix; and what was done for it, in words."""
    notes = []
    if tensors and all(name.startswith(PREFIX) for name in tensors):
        tensors = {name.removeprefix(PREFIX): array for name, array in tensors.items()}
        notes.append(f"the prefix {PREFIX} is left out of all names")
    others = sorted({str(a.dtype) for a in tensors.values() if a.dtype != np.float32})
    if others:
        notes.append(f"{' and '.join(others)} become float32")
    with np.errstate(over="ignore"):  # an infinity is told
        return {name: array.astype(np.float32) for name, array in tensors.items()}, notes


def _check(file: str, foreign: Foreign, wanted: dict[str, tuple[int, ...]]) -> None:
    """Raise UserError, with a line for each misfit, unless these are the wanted tensors."""
    problems, tensors = [], foreign.tensors
    for name, shape in wanted.items():
        if name not in tensors:
            problems.append(f"{name}: missing, wanted {shape}")
        elif tensors[name].shape != shape:
            problems.append(f"{name}: {tensors[name].shape}, wanted {shape}")
        elif not np.isfinite(tensors[name]).all():
            problems.append(f"{name}: has nan or inf")
    problems += [f"{printable(name)}: not known" for name in tensors if name not in wanted]
    if problems:
        raise UserError(
            f"{printable(file)} does not hold {foreign.whose} AlexNet, in "
            f"{counted(len(problems), 'point')}:",
            *(f"  {problem}" for problem in problems),
        )


def _state(settings: Settings, file: str, classes: list[str], weights: dict) -> dict:
    """A checkpoint as `train` writes it, without what it takes to train on."""
    side = settings.image_size
    mean = np.array(settings.pixel_mean, np.float32)[:, None, None]
    return {
        **{name: getattr(settings, name) for name in names(SAVED)},
        "trained_on": f"{Path(file).name}, another program's",
        "classes": classes,
        "mean": np.broadcast_to(mean, (3, side, side)),
        "std": np.array(settings.pixel_std, np.float32),
        "components": np.zeros((3, 3), np.float32),
        "scheduled_by": settings.schedule,
        "model": weights,
        "step": 0,
    }


def export_weights(example: Example, path: Path, file: Path) -> int:
    """Write the network of the checkpoint `path` to a .safetensors file, with torchvision's names.

    UserError if it is another one, or `file` is named otherwise.
    """
    if file.suffix != ".safetensors":
        raise UserError(f"--torch {printable(file)}: wanted a name in .safetensors")
    network, settings = load_network(path, example.name, example.build, ("cpu",))
    found = (settings["profile"], settings["image_size"], settings["width"])
    if found != (PROFILE, IMAGE_SIZE, WIDTH):
        raise UserError(
            f"{printable(path)} is of profile {found[0]}, {found[1]} pixels, width {found[2]:g}; "
            f"torchvision's AlexNet is of profile {PROFILE}, {IMAGE_SIZE} pixels, width {WIDTH:g}"
        )
    state = {torchvision_name(n): a for n, a in network.model.state_dict().items()}
    serialization.write_arrays(file, state)
    print(f"weights  {printable(file)}, for torchvision.models.alexnet, load_state_dict")
    return 0
