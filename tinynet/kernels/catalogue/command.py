"""What `python -m tinynet.kernels` shows of the kernels that are there."""

import argparse
import shutil
import sys
from pathlib import Path

from tinynet import simulator
from tinynet.console.arguments import Parser
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import listing, reading, reports
from tinynet.kernels.catalogue.occupancy import known_capability
from tinynet.kernels.catalogue.page.pages import write_pages
from tinynet.kernels.catalogue.page.words import WORDS
from tinynet.simulator.settings import chosen_mode, chosen_order

HINT = """\
python -m tinynet.kernels lrn               to read: definition, lrn.cu, its NumPy twin
python -m tinynet.kernels lrn --check       in float and double, with every finding; takes seconds
python -m tinynet.kernels lrn --profile     what every line asks of memory; takes seconds
python -m tinynet.kernels lrn --page lrn.html   to step a warp through it, in a browser"""


def main(argv: list[str], description: str) -> int:
    """Run the command; 0, 1 if a kernel is wrong. ValueError for bad input."""
    parser = Parser(
        prog="python -m tinynet.kernels",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a file (lrn) or kernel (lrn_forward)"
    )
    parser.add_argument("--check", action="store_true", help="run in check mode, against the twin")
    parser.add_argument("--profile", action="store_true", help="memory requests, line by line")
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="or a folder, for several")
    parser.add_argument("--lang", choices=WORDS, default="en", help="of the page")
    parser.add_argument(
        "--capability", default="8.0", metavar="X.Y", help="the GPU whose occupancy --profile tells"
    )
    args = parser.parse_args(argv)
    if args.page is not None:
        return _pages(args.names, args.page, args.lang)
    if len(args.names) > 1:
        parser.error("takes one NAME; several only with --page FOLDER/")
    name = next(iter(args.names), None)
    return _catalogue(name, args.check, args.profile, args.capability)


def _pages(names: list[str], path: Path, lang: str) -> int:
    if simulator.unavailable():
        raise ValueError(simulator.unavailable())
    kernels = [kernel for name in names for kernel in _named(name)] or list(KERNELS)
    pages, found = write_pages(kernels, path, lang)
    print(*pages, sep="\n")
    if found:
        print(*found, sep="\n", file=sys.stderr)
    return 1 if found else 0


def _catalogue(name: str | None, check: bool, profile: bool, capability: str) -> int:
    mode = chosen_mode(None)
    chosen_order()
    known_capability(capability)
    return _show(name, check or mode == "check", profile or mode == "profile", capability)


def _show(name: str | None, check: bool, profile: bool, capability: str) -> int:
    kernels = list(KERNELS) if name is None else _named(name)
    if (check or profile) and simulator.unavailable():
        raise ValueError(simulator.unavailable())
    if not (check or profile):
        if name is not None:
            reading.show(kernels, max(80, shutil.get_terminal_size((100, 24)).columns))
        status = listing.show(kernels)
        if name is None:
            print(f"\n{HINT}")
        return status
    status = reports.show_checks(kernels) if check else 0
    if check and profile:
        print()
    return max(status, reports.show_profiles(kernels, capability) if profile else 0)


def _named(name: str) -> list[str]:
    """The kernels of a file (`lrn`, `lrn.cu`), or the one of this name."""
    stem = name.removesuffix(".cu").removesuffix(".py")
    of_file = [kernel for kernel, its in KERNELS.items() if its.file == f"{stem}.cu"]
    if of_file or stem in KERNELS:
        return of_file or [stem]
    files = sorted({its.file.removesuffix(".cu") for its in KERNELS.values()})
    raise ValueError(f"no kernel {name!r}; files: {' '.join(files)}; kernels: {' '.join(KERNELS)}")
