"""`check-grads`: every gradient checked, against central differences or against dual numbers."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial

from tinynet import simulator
from tinynet.commands import exact_kernels, exact_networks, flags, gradient_cases, kinks
from tinynet.commands.example import Example, named_devices
from tinynet.console.sentences import listed
from tinynet.gradient_check import GradcheckError
from tinynet.kernels import KERNELS
from tinynet.training.errors import UserError

Check = tuple[str, Callable[[], float | str]]  # its name, and what finds the largest error


def add_parser(commands, example: Example) -> None:
    help_ = (
        "check the gradients of every operation and of small networks against central differences, "
        "or exactly"
    )
    parser = flags.command(commands, "check-grads", check_gradients, help_)
    flags.add_devices(parser, example)
    parser.add_argument(
        "--exact",
        action="store_true",
        help="against forward run on dual numbers, on cpu or sim:N (auto: sim:0 where there is a "
        "C++ compiler)",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, such as conv2d")


def check_gradients(example: Example, args: Namespace) -> int:
    """Check every gradient, or those named, in float64; status 1 if one is wrong."""
    if args.exact:
        device = _device_of_duals(args.devices)
        checks = _named(args.names, [*_exact(example, device)])
        print("largest relative error of a gradient, against forward run on dual numbers")
    else:
        devices = named_devices(args.devices)
        checks = _named(args.names, [*_by_differences(example, devices)])
        print(
            "largest error of a gradient against central differences, relative to its largest "
            "element"
        )
    width = max(32, *(len(name) for name, _ in checks))
    failed = 0
    for name, check in checks:
        try:
            found = check()
            said = found if isinstance(found, str) else f"{found:.1e}"
            print(f"{name:<{width}} {said}", flush=True)
        except GradcheckError as error:
            failed += 1
            print(f"{name:<{width}} WRONG: {error}", flush=True)
    print(f"{failed} wrong" if failed else "all right")
    return 1 if failed else 0


def _by_differences(example: Example, devices: tuple[str, ...]) -> Iterator[Check]:
    for name, case in gradient_cases.CASES.items():
        yield name, partial(gradient_cases.check_case, case, devices[0])
    yield from _networks(example, devices, gradient_cases.check_network)


def _exact(example: Example, device: str) -> Iterator[Check]:
    for name in exact_kernels.PAIRS:
        yield f"{KERNELS[name].file} {name}", partial(exact_kernels.check_pair, name, device)
    for name in exact_kernels.PRODUCTS:
        yield f"gemm.cu {name}", partial(exact_kernels.check_product, name, device)
    for name, case in gradient_cases.CASES.items():
        yield name, partial(gradient_cases.check_case_exactly, case, device)
    for name in kinks.KINKS:
        yield name, partial(kinks.check_kink, name, device)
    for related in (example, *example.relatives):
        yield from _networks(related, (device,), exact_networks.check_network)


def _networks(example: Example, devices: tuple[str, ...], check: Callable) -> Iterator[Check]:
    for profile in example.profiles:
        yield (
            f"{example.name} {profile}",
            partial(_check_network, example, profile, devices, check),
        )


def _check_network(example: Example, profile: str, devices: tuple[str, ...], check: Callable):
    options = {"num_classes": 5, "profile": profile, "devices": devices, **example.small}
    try:
        model = example.build(**options, dtype="float64")
    except ValueError as error:  # not all of them have two towers
        return f"not checked: {error}"
    return check(model, example.small["image_size"])


def _named(names: list[str], checks: list[Check]) -> list[Check]:
    """Those in whose names one of the `names` is a word: relu also chooses "relu at 0"."""
    chosen = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in names]
    for name, pattern in zip(names, chosen):
        if not any(pattern.search(check) for check, _ in checks):
            known = listed(dict.fromkeys(re.split("[, ]", check)[0] for check, _ in checks))
            raise UserError(f"check-grads: there is no {name}, but {known}")
    return [c for c in checks if not names or any(pattern.search(c[0]) for pattern in chosen)]


def _device_of_duals(names: str) -> str:
    """The device that --devices names for --exact."""
    if names == "auto":
        return "cpu" if simulator.unavailable() else "sim:0"
    devices = named_devices(names)
    if len(devices) > 1 or devices[0].startswith("cuda"):
        raise UserError(f"--devices: --exact computes on cpu or sim:N, got {names}")
    return devices[0]
