"""Flags and argument types that several commands share."""

import argparse
import math
from argparse import Namespace
from collections.abc import Callable

from tinynet.commands.example import Example
from tinynet.simulator.settings import memory_size


def command(
    commands, name: str, run: Callable[[Example, Namespace], int], help_: str
) -> argparse.ArgumentParser:
    """The parser of a new command, which `run(example, args)` carries out."""
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.set_defaults(run=run)
    return parser


def add_profile(parser: argparse.ArgumentParser, example: Example) -> None:
    parser.add_argument(
        f"--{example.versions}",
        dest="profile",
        choices=example.profiles,
        help="the version of the network",
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


def add_image_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image-size", type=count, metavar="N", help="side of a crop in pixels")


def add_width(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--width", type=positive, metavar="X", help="multiple of the layer widths (1)"
    )


def network(args: Namespace) -> dict:
    """What was given of the flags --profile, --image-size and --width, by the settings' names."""
    names = ("profile", "image_size", "width")
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=count, metavar="N", help="threads that load images")


def count(text: str) -> int:
    value = _whole(text)
    if value is None or value < 1:
        raise argparse.ArgumentTypeError(f"expects a whole number of at least 1, got {text}")
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
