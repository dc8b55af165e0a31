"""What the commands must know about an example, and what they share."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import tinynet
from tinynet.console.printable import complain, quoted
from tinynet.console.sentences import counted
from tinynet.devices import UnusableGpu
from tinynet.devices import device as open_device
from tinynet.devices.ledger import DeviceOutOfMemory
from tinynet.nn import Module, Sequential
from tinynet.parallel.ranks import ONE_PROCESS, Alone
from tinynet.reports.expected_curve import Curve
from tinynet.training.errors import UserError
from tinynet.training.settings import Settings


@dataclass(frozen=True)
class Example:
    """A family of networks with the settings to train them."""

    name: str  # of its file
    description: str  # for --help
    versions: str  # what its versions are called, a "profile" or a "recipe"
    profiles: tuple[str, ...]  # the names of the versions
    good_starts: tuple[str, ...]  # of these, those whose first weights train well, the best last
    schedules: tuple[str, ...]  # what --schedule may name
    default_data: str
    has_towers: bool  # whether a network of it can have two, each on a device of its own
    num_classes: int  # where there are no data to tell
    summary_note: str  # printed under the table of layers
    small: dict  # image_size and width of a network that is quick to check
    # Its arguments: num_classes, profile, devices, image_size, width, seed, dtype.
    build: Callable[..., Sequential]
    parameter_groups: Callable[[Module, float], list[dict]]  # for SGD, from model and rate
    settings: Callable[[dict, str], Settings]  # from the flags given and the kind of data
    differences: Callable[[str, str], list[str]]  # between two profiles, by name, a phrase each
    # The version that a report holds a run against; None: the run's own.
    original: str | None = None
    relatives: tuple["Example", ...] = ()  # whose gradients are checked with its
    # Whose layers `diff` shows beside its own, if that is not a comparison of its versions.
    beside: "Example | None" = None
    curves: dict[str, Curve] = field(default_factory=dict)  # what to expect of a run, by version
    trained: Path | None = None  # the run of a network that comes with tinynet


def build(example: Example, settings: Settings, num_classes: int) -> Sequential:
    """The network of these settings, untrained. UserError if there can be no such network."""
    try:
        return example.build(
            num_classes=num_classes,
            profile=settings.profile,
            devices=tuple(settings.devices.split(",")),
            image_size=settings.image_size,
            width=settings.width,
            seed=settings.seed,
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    except DeviceOutOfMemory:
        raise
    except MemoryError as error:
        raise UserError(
            f"--image-size {settings.image_size} with --width {settings.width:g}: {example.name} "
            f"of this size does not fit into this machine's memory: {error}"
        ) from None


def better_start(example: Example, profile: str) -> str:
    """The flag for better first weights than those of `profile`; "" if no version has them."""
    good = example.good_starts
    better = good[good.index(profile) + 1 :] if profile in good else good
    return f"--{example.versions} {' or '.join(better)}" if better else ""


def named_devices(names: str, ranks: Alone = ONE_PROCESS) -> tuple[str, ...]:
    """The devices that --devices names, as in "sim:0,sim:1"; "auto" is the best there is.

    Of several ranks on a machine, "auto" gives each a GPU of its own, and "auto,auto" two.
    """
    asked = names.split(",")
    first = 0 if ranks.own_gpus else ranks.local_rank * len(asked)
    try:
        found = tuple(
            _best_device(first + i if ranks.size > 1 else 0)
            if name == "auto"
            else open_device(name).name
            for i, name in enumerate(asked)
        )
    except ValueError as error:
        raise UserError(f"--devices: {error}") from None
    named = [name for name in asked if name.startswith("cuda:")]
    if named and ranks.local_size > 1 and not ranks.own_gpus:
        raise UserError(
            f"--devices: {names} would be the same GPU for each of the {ranks.local_size} ranks on "
            f"a machine: --devices {','.join('auto' for _ in asked)} gives each its own"
        )
    return found


def choose_tf32(devices: tuple[str, ...], wanted: bool) -> None:
    """UserError if TF32 is wanted where it is not to be had."""
    try:
        for name in devices:
            open_device(name).use_tf32(wanted)
    except ValueError as error:
        raise UserError(f"--tf32: {error}; --no-tf32 trains without") from None


def _best_device(index: int) -> str:
    try:
        return open_device(f"cuda:{index}").name
    except UnusableGpu as error:
        complain(f"note: --devices auto takes cpu: {error}")
        return "cpu"
    except ValueError as error:
        if index and _best_device(0) != "cpu":
            raise ValueError(f"{error}: start as many ranks on a machine as it has GPUs") from None
        return "cpu"  # no CuPy, or no GPU


def skipped_files(count: int) -> str:
    """The line that says how much of the data was left out."""
    return f"skipped  {counted(count, 'file')} that could not be read as an image"


def command() -> str:
    """How this program was called, for messages that say what to type next."""
    program = Path(sys.argv[0])
    if program == Path(tinynet.__file__).with_name("__main__.py"):
        return "python -m tinynet"
    return program.name if program.name == "tinynet" else f"python {quoted(sys.argv[0])}"
