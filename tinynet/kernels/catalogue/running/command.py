"""`python -m tinynet.kernels run`: any kernel, without a GPU.

    python -m tinynet.kernels run my.cu 'saxpy<<<4, 64>>>(y=zeros(256), x=random(256), 256, 2.0f)'

The launch line is CUDA's own. Arrays are zeros, ones, arange, random (normal) and empty of a shape,
or a .npy file, of the type that the parameter declares; a name in front lets later launches,
--print, --save and --expect use them. An instance of a template is kernel<float, 32><<<...>>>.
A line NAME=random(25) fills a __constant__ or __device__ variable before the launches after it.
Host code in the file is left alone.

The exit status is 0; 1 if --check, or --page, which checks too, finds something, if a kernel fails,
or if an array is not as expected; 2 if there was nothing to run.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinynet import simulator
from tinynet.console.arguments import Parser
from tinynet.console.sentences import listed
from tinynet.kernels.catalogue.occupancy import known_capability
from tinynet.kernels.catalogue.page.words import WORDS
from tinynet.kernels.catalogue.running.checking import run
from tinynet.kernels.catalogue.running.constants import constants
from tinynet.kernels.catalogue.running.launch_line import read_lines
from tinynet.kernels.catalogue.running.launches import Launch
from tinynet.kernels.catalogue.running.outputs import Wanted, pairs
from tinynet.kernels.catalogue.running.program import Program, find_file
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.device_part import CudaFile
from tinynet.simulator.kernels.source import KernelText
from tinynet.simulator.settings import chosen_mode

SECONDS = "30"  # a launch may take so much processor time, unless TINYNET_SIM_TIMEOUT says more


def main(argv: list[str]) -> int:
    """Run the command; 0, 1 if a kernel is wrong or not as expected. ValueError for bad input."""
    parser = _parser()
    args = parser.parse_args(parser.flags_first(argv))
    if args.seed < 0:
        raise ValueError(f"--seed wants 0 or more, got {args.seed}")
    for flag, value in (("--rtol", args.rtol), ("--atol", args.atol)):
        if value is not None and not value >= 0:
            raise ValueError(f"{flag} wants 0 or more, got {value}")
    mode = "check" if args.check else "profile" if args.profile else chosen_mode(None)
    if reason := simulator.unavailable():
        raise ValueError(reason)
    with _environment(TINYNET_SIM=mode, TINYNET_SIM_TIMEOUT=_seconds()):
        saved, expected = pairs("--save", args.save), pairs("--expect", args.expect)
        wanted = Wanted(tuple(args.print), saved, expected, args.rtol, args.atol)
        try:
            file = find_file(args.file, args.define)
            texts = ["\n".join(lines) for lines in file.texts.values()]
            statements = read_lines(args.launch, constants(texts, file.code, args.define))
            if not any(isinstance(statement, Launch) for statement in statements):
                there = "; ".join(map(_signature, file.kernels))
                raise ValueError(f"no launch, such as k<<<1, 32>>>(...), of a kernel: {there}")
            if args.page is not None:
                return _page(file, statements, args)
            program = Program(file, statements, mode, args.seed)
        except KernelError as error:  # what does not compile
            raise ValueError(str(error).splitlines()[0]) from None
        known_capability(args.capability)
        return _run(program, wanted, args.capability)


def _signature(kernel: KernelText) -> str:
    """reversed(y, x), or reversed<typename T, int N>(y, x)."""
    template = "" if kernel.template is None else f"<{kernel.template}>"
    return f"{kernel.name}{template}({', '.join(p.name for p in kernel.parameters)})"


def _page(file: CudaFile, statements: list, args: argparse.Namespace) -> int:
    from tinynet.kernels.catalogue.running.recorded import Part, write_program_page

    asked = {"--print": args.print, "--save": args.save, "--expect": args.expect}
    if unseen := [flag for flag, given in asked.items() if given]:
        raise ValueError(f"--page goes without {unseen[0]}: that takes a run of its own")
    part = Part(numbers("--blocks", args.blocks), numbers("--warps", args.warps))
    try:
        found, notes = write_program_page(args.page, file, statements, args.seed, part, args.lang)
    except OSError as error:
        raise ValueError(f"--page {args.page}: {error.strerror or error}") from None
    _tell_of_host_code(file)
    for note in [*found, *notes]:
        _note(note)
    print(args.page)
    return 1 if found else 0


def numbers(flag: str, text: str | None) -> range | None:
    """ "0:2" is 0 and 1, "3" only 3; None if nothing is asked for."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)(?::(\d+))?", text)
    chosen = range(int(found[1]), int(found[2] or int(found[1]) + 1)) if found else range(0)
    if not chosen:
        raise ValueError(f"{flag} wants numbers such as 3 or 0:2, got {text!r}")
    return chosen


def _run(program: Program, wanted: Wanted, capability: str) -> int:
    sys.stdout.flush()  # what kernels print comes after what was printed before
    try:
        ran = run(program, wanted.names)
    except KernelError as error:  # before a kernel ran
        raise ValueError(str(error).splitlines()[0]) from None
    if ran.errors:
        print(*dict.fromkeys(str(each).splitlines()[0] for each in ran.errors), sep="\n")
        return 1
    _tell_of_host_code(program.file)
    if program.unset:
        _note(
            f"{listed(program.unset)}: __constant__ memory that the host would fill is zero "
            f"here: fill it with '{program.unset[0]}=random(...)' before the launch"
        )
    if program.module.mode == "check":
        print("clean: every load and store was watched")
    if sentence := ran.order_matters():
        _note(f"{sentence}: what is computed depends on the order in which threads run")
    status = wanted.show(ran.arrays)
    if program.module.mode == "profile":
        from tinynet.kernels.catalogue.running.counts import show_counts

        show_counts(program, capability)
    return status


def _tell_of_host_code(file: CudaFile) -> None:
    if host := list(dict.fromkeys(function.name for function in file.host_functions)):
        names = listed(host[:3] if len(host) < 4 else [*host[:2], f"{len(host) - 2} more"])
        where = f"{file.host_functions[0].file}:{file.host_functions[0].line}"
        _note(
            f"{where}: code of the host is left alone ({names}): there is no CUDA runtime "
            "for it here, the launch line takes its place"
        )


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _seconds() -> str:
    return os.environ.get("TINYNET_SIM_TIMEOUT") or SECONDS


def _parser() -> Parser:
    parser = Parser(
        prog="python -m tinynet.kernels run",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE.cu", help="or the name of a built-in one: lrn")
    parser.add_argument(
        "launch", nargs="*", metavar="LAUNCH", help="one or more launches, in order"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="watch every load and store")
    mode.add_argument("--profile", action="store_true", help="memory requests, line by line")
    parser.add_argument(
        "--capability", default="8.0", metavar="X.Y", help="the GPU whose occupancy --profile tells"
    )
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="to step through it")
    parser.add_argument("--blocks", metavar="A:B", help="of the page; 0:2 are the first two")
    parser.add_argument("--warps", metavar="A:B", help="of the page, in each of these blocks")
    parser.add_argument("--lang", choices=WORDS, default="en", help="of the page")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of random arrays")
    parser.add_argument("-D", dest="define", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--print", action="append", default=[], metavar="NAME", help="an array")
    parser.add_argument("--save", action="append", default=[], metavar="NAME=FILE.npy")
    parser.add_argument(
        "--expect", action="append", default=[], metavar="NAME=FILE.npy", help="compare with a file"
    )
    parser.add_argument("--rtol", type=float, metavar="X", help="of --expect; 1e-5 for float")
    parser.add_argument(
        "--atol", type=float, metavar="X", help="of --expect; 1e-8 but for integers"
    )
    return parser


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    """The simulator takes its settings from the environment, at each launch."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
