"""What a checkpoint holds: all it takes to resume training bit for bit, or to use the network.

The first part says which network it is and what its input looks like; `eval` and `predict` need
only that and the weights, and `export` writes no more. The rest lets training resume: velocities,
learning rates, the counters of the dropout layers, the colour noise, the schedule, and the position
in the data. A shuffle depends only on the seed and the epoch number, so (epoch, batch) is a
position.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinynet import init
from tinynet.console.sentences import counted
from tinynet.data import Dataset
from tinynet.devices.ledger import DeviceOutOfMemory
from tinynet.nn import Dropout, Module
from tinynet.optim import SGD
from tinynet.parallel.wholes import halved, merged
from tinynet.training.errors import UserError
from tinynet.training.evaluate import Network
from tinynet.training.formats import read_state
from tinynet.training.inputs import Inputs
from tinynet.training.run_folder import RunFolder
from tinynet.training.schedule import Schedule
from tinynet.training.settings import FIXED, SAVED, Settings, names


def describe_data(train_set: Dataset) -> str:
    """The training data in words."""
    images = counted(len(train_set), "image")
    return f"{train_set.name}, {images} in {counted(len(train_set.classes), 'class', 'classes')}"


def network_state(settings: Settings, network: Network, train_set: Dataset) -> dict:
    """The part of a checkpoint that does not change during training."""
    return {
        **{name: getattr(settings, name) for name in names(SAVED)},
        "trained_on": describe_data(train_set),
        "classes": network.classes,
        "mean": network.inputs.mean,
        "std": network.inputs.std,
        "components": network.inputs.components,
        "scheduled_by": settings.scheduled_by,
    }


def network_alone(state: dict) -> dict:
    """Of a checkpoint's state what it takes to use its network, and not to train on."""
    about = ("trained_on", "classes", "mean", "std", "components", "scheduled_by")
    return {name: state[name] for name in (*names(SAVED), *about, "model", "step")}


def training_state(network: Network, optimizer: SGD, schedule: Schedule) -> dict:
    """The part that changes with every step, except the position in the data.

    The arrays may be the very ones that the next step overwrites.
    """
    return {
        "model": network.model.state_dict(copy=False),
        "optimizer": merged(optimizer.state_dict(copy=False), optimizer, network.model),
        "dropout": {name: layer.counter for name, layer in _dropouts(network.model)},
        "colour_noise": network.inputs.colour_noise,
        "schedule": schedule.state_dict(),
    }


def restore_training(state: dict, network: Network, optimizer: SGD, schedule: Schedule) -> None:
    """Restore what `training_state` returned."""
    network.model.load_state_dict(state["model"])
    optimizer.load_state_dict(halved(state["optimizer"], optimizer, network.model))
    schedule.load_state_dict(state["schedule"])
    for name, layer in _dropouts(network.model):
        layer.counter = state["dropout"][name]
    network.inputs.colour_noise = state["colour_noise"]


def _dropouts(model: Module) -> list[tuple[str, Dropout]]:
    return [(name, m) for name, m in model.named_modules() if isinstance(m, Dropout)]


def differences(state: dict, settings: Settings, train_set: Dataset) -> list[str]:
    """How the requested run differs from the run of the checkpoint: "width 0.5, now 0.25".

    The data may have moved, but the number of images and their classes must be the same.
    """
    pairs = [(name, state[name], getattr(settings, name)) for name in names(FIXED)]
    pairs.append(("schedule", state["scheduled_by"], settings.scheduled_by))
    found = [f"{name} {before}, now {now}" for name, before, now in pairs if before != now]
    before, now = state["trained_on"], describe_data(train_set)
    if before.rsplit(", ", 1)[-1] != now.rsplit(", ", 1)[-1]:  # all but the name
        found.append(f"data {before}, now {now}")
    elif state["classes"] != list(train_set.classes):
        found.append(f"data {before}, now {now}, with other class names")
    return found


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Surrounds the use of what `path` holds, and raises UserError if that does not fit.

    A file in tinynet's format may hold anything, so a misfit shows only when it is used.
    """
    try:
        yield
    except KeyError as error:
        raise UserError(f"{path} does not fit: it lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} does not fit: {error}") from None
    except DeviceOutOfMemory:
        raise
    except MemoryError as error:
        raise UserError(f"{path} does not fit into this machine's memory: {error}") from None


def read_checkpoint(path: Path, name: str) -> dict:
    """The state in a checkpoint of the example `name`.

    UserError if the file is damaged or holds another network.
    """
    try:
        state = read_state(path)
    except (ValueError, OSError) as error:
        raise UserError(f"{error}{_way_out(path)}") from None
    if not isinstance(state.get("network"), str):
        raise UserError(f"{path} holds no network that was trained by an example")
    if state["network"] != name:
        raise UserError(f"{path} is a checkpoint of examples/{state['network']}.py, not of {name}")
    return state


def _way_out(path: Path) -> str:
    """What to try instead when the checkpoint at `path` cannot be read."""
    run = RunFolder(path.parent.parent)
    if path.parent.name != run.checkpoints.name:
        return ""
    others = [other for other in (*run.steps()[::-1], run.best_path) if other != path]
    found = next((other for other in others if other.is_file()), None)
    ways = [f"--checkpoint {found} is another of the same run"] if found else []
    if found and path == run.best_path:
        ways.append(f"train --resume --out {run.path} marks the best of the others")
    return "".join(f"; {way}" for way in ways)


def load_network(
    path: Path, name: str, build: Callable[..., Module], devices: tuple[str, ...]
) -> tuple[Network, dict]:
    """The network in a checkpoint, made by `build` of the example `name`, and its settings; with
    them, as `made`, what `export` wrote of where it comes from.

    UserError if the file is damaged or holds another network.
    """
    state = read_checkpoint(path, name)
    with fitting(path):
        with init.skipped():
            model = build(
                num_classes=len(state["classes"]),
                profile=state["profile"],
                image_size=state["image_size"],
                width=state["width"],
                seed=state["seed"],
                devices=devices,
            )
        model.load_state_dict(state["model"])
        inputs = Inputs(state["mean"], state["std"], devices[0])
        settings = {name: state[name] for name in names(SAVED)} | {"made": state.get("made", {})}
    return Network(model, inputs, state["classes"], state["store_size"]), settings
