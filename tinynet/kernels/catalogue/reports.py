"""What the simulator says about kernels, in full: `--check` and `--profile`."""

from functools import partial
from math import prod
from types import SimpleNamespace

from tinynet.console.sentences import listed
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import resources, trials
from tinynet.kernels.catalogue.ahead import Ahead
from tinynet.kernels.catalogue.examples import EXAMPLES, REAL
from tinynet.kernels.catalogue.occupancy import occupancy
from tinynet.kernels.catalogue.orders import orders
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.profiling import LaunchCounts, LineProfile, LineRuns

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
    print(
        "\nRun on small odd sizes in float and in double, with every load and store watched,\n"
        f"threads and blocks in {' and '.join(orders())} order."
    )
    return status


def _agreement(furthest: float) -> str:
    if furthest == 0:
        return "equal to its twin to the bit"
    return f"at most {furthest:.1f} units in the last place from its twin"


def show_profiles(kernels: list[str], capability: str) -> int:
    """Profile each kernel: what every line asks of memory, how its lanes part, and the sums.

    Returns 1 if one cannot run. capability: of the GPU whose occupancy is told, such as "8.0"
    """
    print(HOW_TO_READ)
    status = 0
    with Ahead(kernels, [partial(trials.compiled, real="float", mode="profile")]) as ahead:
        for kernel in kernels:
            example = EXAMPLES[kernel]
            fewer = ", ".join(f"{name} {value}" for name, value in example.profiled.items())
            print(f"\n{kernel} as in {example.layer.strip('()')}, but {fewer}\n")
            ahead.wait_for(kernel)
            try:
                counts = trials.counted(kernel)
            except KernelError as error:
                print(f"  {error}")
                status = 1
                continue
            show_lines(list(counts.profile), list(counts.runs), _text(kernel))
            sizes = SimpleNamespace(**example.sizes | example.profiled)
            print(*sums(counts, capability, _registers(kernel), example.flops(sizes)), sep="\n")
    return status


def _registers(kernel: str) -> int | None:
    try:
        taken = resources.of_kernel(kernel)
    except resources.CompileFailed:
        return None
    return taken and taken.registers


def _text(kernel: str) -> dict[str, list[str]]:
    return {KERNELS[kernel].file: KERNELS[kernel].source.splitlines()}


def show_lines(
    profiles: list[LineProfile], runs: list[LineRuns], texts: dict[str, list[str]]
) -> None:
    """What each line costs, and where lanes part; `texts` holds the lines of each file."""
    told: dict[tuple[str, int], list[str]] = {}
    for line in profiles:
        told.setdefault((line.file, line.line), []).append(_costs(line))
    for line in runs:
        if line.parted:
            told.setdefault((line.file, line.line), []).append(_parting(line))
    for (file, line), costs in sorted(told.items()):
        print(f"  {file}:{line}  {texts[file][line - 1].strip()}")
        print(*(f"      {cost}" for cost in costs), sep="\n", flush=True)


def _costs(line: LineProfile) -> str:
    unit = "sectors" if line.space == "global" else "passes"
    asked = f"{line.requests:7,} requests of {line.lanes_per_request:4.1f} lanes"
    bar = "#" * round(line.per_request)
    return f"{line.space} {line.access:6}{line.per_request:6.2f} {unit:7} x {asked}  {bar}"


def _parting(line: LineRuns) -> str:
    times = f"{line.parted:,} of {line.branches:,} times"
    return f"lanes part {times}: {line.passes:,} passes; on average {line.lanes_per_run:.1f} run it"


def sums(
    counts: LaunchCounts, capability: str, registers: int | None, flops: float | None = None
) -> list[str]:
    """What a launch takes in all, in a few lines. registers of a thread, None: not measured."""
    sectors, least = counts.cost("global")
    passes, fewest = counts.cost("shared")
    lines = [f"  in all: {counts.lanes_per_run:.1f} of 32 lanes run a line on average"]
    if sectors:
        lines.append(f"    {sectors:,} sectors; their bytes would fit in {least:,}")
    if passes:
        lines.append(f"    {passes:,} passes over the banks; without conflicts {fewest:,}")
    if flops is not None:
        lines.append(f"    {round(flops):,} FLOP")
    threads = prod(counts.block)
    room = occupancy(capability, threads, registers, counts.shared)
    taken = "registers not measured" if registers is None else f"{registers} registers each"
    lines.append(
        f"    occupancy on {capability}: {room.warps} of {room.most_warps} warps, limited by "
        f"{listed(room.limits)}\n      ({threads} threads a block, {taken}, {counts.shared:,} "
        "bytes of shared memory)"
    )
    return lines
