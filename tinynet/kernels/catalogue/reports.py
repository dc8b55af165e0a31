"""What the simulator says about kernels, in full: `--check` and `--profile`."""

from functools import partial
from itertools import groupby

from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.ahead import Ahead
from tinynet.kernels.catalogue.examples import EXAMPLES, REAL
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.profiling import LineProfile

HOW_TO_READ = """\
A request is what the 32 lanes of a warp read or write at once. 32 lanes x 4 bytes are 128 bytes,
4 sectors of 32: 4 is perfect for floats (5 if the run begins inside a sector), 1 is all lanes at
one address, 32 a sector for every lane. In shared memory 1 pass over the banks is perfect."""


def show_checks(kernels: list[str]) -> int:
    """Run each kernel in check mode against its twin; return 1 if anything is found."""
    width, status = max(map(len, kernels)), 0
    with Ahead(
        kernels, [partial(trials.compiled, real=real, mode="check") for real in REAL]
    ) as ahead:
        for kernel in kernels:
            ahead.wait_for(kernel)
            verdict = trials.check(kernel, REAL)
            if verdict.findings:
                print(f"{kernel:{width}}  WRONG", *verdict.findings, sep="\n    ", flush=True)
                status = 1
            else:
                agreement = _agreement(verdict.furthest)
                print(f"{kernel:{width}}  clean; {agreement}", flush=True)
    orders = " and ".join(trials.orders())
    print(
        "\nRun on small odd sizes in float and in double, with every load and store watched,\n"
        f"threads and blocks in {orders} order."
    )
    return status


def _agreement(furthest: float) -> str:
    if furthest == 0:
        return "equal to its twin to the bit"
    return f"at most {furthest:.1f} units in the last place from its twin"


def show_profiles(kernels: list[str]) -> int:
    """Profile each kernel: what every line asks of memory; return 1 if one cannot run."""
    print(HOW_TO_READ)
    status = 0
    with Ahead(kernels, [partial(trials.compiled, real="float", mode="profile")]) as ahead:
        for kernel in kernels:
            example = EXAMPLES[kernel]
            fewer = ", ".join(f"{name} {value}" for name, value in example.profiled.items())
            print(f"\n{kernel} as in {example.layer.strip('()')}, but {fewer}\n")
            ahead.wait_for(kernel)
            try:
                show_lines(trials.profile(kernel), _text(kernel))
            except KernelError as error:
                print(f"  {error}")
                status = 1
    return status


def _text(kernel: str) -> dict[str, list[str]]:
    return {KERNELS[kernel].file: KERNELS[kernel].source.splitlines()}


def show_lines(profiles: list[LineProfile], texts: dict[str, list[str]]) -> None:
    """What each line costs; `texts` holds the lines of each file."""
    for (file, line), of_line in groupby(
        profiles, key=lambda profile: (profile.file, profile.line)
    ):
        print(f"  {file}:{line}  {texts[file][line - 1].strip()}")
        print(*(f"      {_costs(profile)}" for profile in of_line), sep="\n", flush=True)


def _costs(line: LineProfile) -> str:
    unit = "sectors" if line.space == "global" else "passes"
    asked = f"{line.requests:7,} requests of {line.lanes_per_request:4.1f} lanes"
    bar = "#" * round(line.per_request)
    return f"{line.space} {line.access:6}{line.per_request:6.2f} {unit:7} x {asked}  {bar}"
