"""Flags and argument types that several commands share."""

import argparse
import math
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence

from tinynet.commands.example import Example
from tinynet.data import NAMES
from tinynet.simulator.settings import memory_size
from tinynet.training.settings import NETWORK, loading_threads, names

KINDS = (*NAMES, "folder")  # of data, as kind_of_data tells them
MOST = 2**31 - 1  # of anything that is counted
LARGEST = 1e38  # a float32 holds it
PHOTOGRAPHS = KINDS[-1:]


def command(
    commands, name: str, run: Callable[[Example, Namespace], int], help_: str
) -> argparse.ArgumentParser:
    """The parser of a new command, which `run(example, args)` carries out."""
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.set_defaults(run=run)
    return parser


def defaults(example: Example, name: str, kinds: Sequence[str] = KINDS) -> str:
    """What a setting is unless a flag says otherwise, for the help: "12 for shapes, else 90"."""
    values = {kind: getattr(example.settings({"data": kind}, kind), name) for kind in kinds}
    usual = values[kinds[-1]]
    others = [f"{_short(value)} for {kind}, " for kind, value in values.items() if value != usual]
    text = f"{''.join(others)}{'else ' if others else ''}{_short(usual)}"
    given = ({"data": "", "profile": profile} for profile in example.profiles)
    if name != "profile" and any(
        getattr(example.settings(g, "folder"), name) != usual for g in given
    ):
        text += f"; some {example.versions}s have their own"
    return text


def _short(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def add_profile(
    parser: argparse.ArgumentParser, example: Example, kinds: Sequence[str] = PHOTOGRAPHS
) -> None:
    parser.add_argument(
        f"--{example.versions}",
        dest="profile",
        choices=example.profiles,
        help=f"the version of the network ({defaults(example, 'profile', kinds)})",
    )


def add_devices(
    parser: argparse.ArgumentParser, example: Example, default: str | None = "auto"
) -> None:
    parser.add_argument(
        "--devices",
        default=default,
        metavar="DEVICES",
        help="auto (cuda:0 where there is a GPU, or else cpu), cpu, cuda:N or sim:N"
        + towers(example),
    )


def towers(example: Example) -> str:
    """What the help of --devices says of two devices."""
    return "; or two, A,B: a tower of the network on each" if example.has_towers else ""


def add_image_size(
    parser: argparse.ArgumentParser, example: Example, kinds: Sequence[str] = PHOTOGRAPHS
) -> None:
    help_ = f"side of a crop in pixels ({defaults(example, 'image_size', kinds)})"
    parser.add_argument("--image-size", type=count, metavar="N", help=help_)


def add_width(
    parser: argparse.ArgumentParser, example: Example, kinds: Sequence[str] = PHOTOGRAPHS
) -> None:
    help_ = f"multiple of the layer widths ({defaults(example, 'width', kinds)})"
    parser.add_argument("--width", type=positive, metavar="X", help=help_)


def network(args: Namespace) -> dict:
    """What was given of the flags that determine the network, by the settings' names."""
    return chosen(args, names(NETWORK))


def chosen(args: Namespace, flags: Iterable[str]) -> dict:
    """Those of the `flags` that were given, with their values."""
    return {name: getattr(args, name) for name in flags if getattr(args, name) is not None}


def add_checkpoint(
    parser: argparse.ArgumentParser, example: Example, what: str, **several: str
) -> None:
    """--checkpoint, which need not be given where a trained network comes with tinynet."""
    shipped = example.trained is not None
    parser.add_argument(
        "--checkpoint",
        required=not shipped,
        metavar="PATH",
        help=what + (" (the trained network that comes with tinynet)" if shipped else ""),
        **several,
    )


def add_workers(parser: argparse.ArgumentParser, help_: str | None = None) -> None:
    help_ = help_ or f"threads that load images (one a core, at most 4: here {loading_threads()})"
    parser.add_argument("--workers", type=count, metavar="N", help=help_)


def count(text: str) -> int:
    value = _whole(text)
    if value is None or value < 1:
        raise argparse.ArgumentTypeError(f"expects a whole number of at least 1, got {text}")
    if value > MOST:
        raise argparse.ArgumentTypeError(f"expects a whole number of at most {MOST:,}, got {text}")
    return value


def size(text: str) -> int:
    try:
        return 0 if text == "0" else memory_size("", text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"expects a size such as 2GB or 500MB, got {text}"
        ) from None


def positive(text: str) -> float:
    wrong = argparse.ArgumentTypeError(f"expects a number above 0, got {text}")
    try:
        value = float(text)
    except ValueError:
        raise wrong from None
    if not 0 < value < math.inf:
        raise wrong
    if value > LARGEST:
        raise argparse.ArgumentTypeError(f"expects a number up to {LARGEST:g}, got {text}")
    return value


def seed(text: str) -> int:
    value = _whole(text)
    if value is None or not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expects a whole number, 0 to 2**32 - 1, got {text}")
    return value


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
