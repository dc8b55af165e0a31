"""`check-grads`: every gradient checked against central differences."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial

from tinynet.commands import flags, gradient_cases
from tinynet.commands.example import Example, named_devices
from tinynet.gradient_check import GradcheckError


def add_parser(commands, example: Example) -> None:
    help_ = (
        "check the gradients of every operation and of small networks against central differences"
    )
    parser = flags.command(commands, "check-grads", check_gradients, help_)
    flags.add_devices(parser, example)


def check_gradients(example: Example, args: Namespace) -> int:
    """Check every gradient against central differences, in float64; status 1 if one is wrong."""
    devices = named_devices(args.devices)
    failed = 0
    print(
        "largest error of a gradient against central differences, relative to its largest element"
    )
    for name, check in _checks(example, devices):
        try:
            print(f"{name:<32} {check():.1e}", flush=True)
        except GradcheckError as error:
            failed += 1
            print(f"{name:<32} WRONG: {error}", flush=True)
    print(f"{failed} wrong" if failed else "all right")
    return 1 if failed else 0


def _checks(
    example: Example, devices: tuple[str, ...]
) -> Iterator[tuple[str, Callable[[], float]]]:
    for name, case in gradient_cases.CASES.items():
        yield name, partial(gradient_cases.check_case, case, devices[0])
    size = example.small["image_size"]
    for profile in example.profiles:
        options = {"num_classes": 5, "profile": profile, "devices": devices, **example.small}
        try:
            model = example.build(**options, dtype="float64")
        except ValueError as error:  # not all of them have two towers
            print(f"{example.name} {profile:<24} not checked: {error}")
            continue
        yield f"{example.name} {profile}", partial(gradient_cases.check_network, model, size)
