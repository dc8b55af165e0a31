"""tinynet's benchmarks: results first, then times, in turn with other libraries.

    python benchmarks/run.py                            all of them; what PyTorch and JAX are here
    python benchmarks/run.py lrn conv --peers torch     two, beside PyTorch
    python benchmarks/run.py --quick                    tiny sizes, one round: does it run?
    python benchmarks/run.py --results benchmarks/RESULTS.md

Each benchmark lets every contestant compute the same thing in a process of its own, compares what
comes out, and only then times them, one after the other, round by round. Beside each time stands
the share of a bound that was measured in the same rounds: of the matrix products alone, or of a
copy of as many bytes. Ratios above 1 mean that tinynet is faster (or smaller); where it is behind,
the table says so. Status 1: some benchmark failed, or results differ; the others are reported.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import bench_activation
import bench_alexnet
import bench_augment
import bench_avg_pool
import bench_conv
import bench_data
import bench_dropout
import bench_import
import bench_linear
import bench_local
import bench_lrn
import bench_lrn_within
import bench_max_pool
import bench_memory
import bench_prepare
import bench_scaling
import bench_sgd
import bench_small_nets
import bench_softmax
import machine
from contest import Disagreement, Session, files
from engine import EngineError
from pairs import BOUND, Table, as_json, markdown, spread
from peers import PEERS, find

from tinynet.console.arguments import Parser, meant_by
from tinynet.data import DataError
from tinynet.files.whole_file import whole_path

NETS = (bench_alexnet, bench_small_nets)
OPERATIONS = (
    *(bench_conv, bench_linear, bench_activation, bench_max_pool, bench_avg_pool, bench_lrn),
    *(bench_local, bench_lrn_within, bench_dropout, bench_softmax, bench_sgd, bench_augment),
)
AROUND = (bench_data, bench_prepare, bench_import, bench_memory, bench_scaling)
BENCHMARKS = {module.NAME: module for module in (*NETS, *OPERATIONS, *AROUND)}
ROUNDS, SECONDS = 7, 0.2  # rounds, and how long one timing lasts at least


def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    for warning in machine.warnings():
        print(f"note: {warning}", file=sys.stderr)
    peers, missing = find(args.peers, args.pythons)
    for line in missing:
        print(f"note: {line}", file=sys.stderr)
    rounds, seconds = (1, 0.0) if args.quick else (args.rounds, SECONDS)
    session = Session(peers, rounds, seconds, args.quick, args.data)
    about = {**machine.described(), **{peer.name: peer.version for peer in peers}}
    notes, tables, status = [*machine.warnings(), *missing], [], 0
    try:
        about["rates"] = _rates(session)
        for name in args.names:
            found, failed = _measured(name, session)
            status = max(status, failed)
            tables += found
            print("\n\n".join(map(markdown, found)), flush=True)
            _write(args, about, notes, tables, session)
    except DataError as error:
        print(f"error: --data: {error}", file=sys.stderr)
        return 2
    finally:
        session.end()
    return status


def _measured(name: str, session: Session) -> tuple[list[Table], int]:
    """The tables of a benchmark, and 1 if it failed."""
    start, failed = time.perf_counter(), 0
    try:
        found = BENCHMARKS[name].benchmark(session)
    except (Disagreement, EngineError) as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        found, failed = [Table(name, f"Failed, so nothing is reported: {error}")], 1
    if not session.quick:
        session.end()  # the next one's processes begin with nothing in memory
    found[-1].notes.append(f"took {time.perf_counter() - start:.0f} s")
    return found, failed


def _write(args, about: dict, notes: list[str], tables: list[Table], session: Session) -> None:
    """All that was measured so far: whoever stops a long run, or fails in one, keeps that."""
    if args.json:
        measured = {"machine": about, "notes": notes, "tables": [as_json(t) for t in tables]}
        with whole_path(args.json) as part:
            part.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if args.results:
        with whole_path(args.results) as part:
            part.write_text(_page(about, notes, tables, session), encoding="utf-8")


def _rates(session: Session) -> str:
    """What this machine does at most, in words."""
    engine = session.engine(BOUND)
    with files({}) as place:
        engine.make({"kind": "rates"}, place)
        cores = int(engine.check()["cores"])
        engine.time(1)
        times = [engine.time(1) for _ in range(session.rounds)]
    flops, copied = 4 * cores * 2 * 1024**3, 128 << 20
    products = spread((flops / t["products"] / 1e9 for t in times), lambda v: f"{v:.0f}")
    copies = spread((copied / t["copy"] / 1e9 for t in times), lambda v: f"{v:.1f}")
    return f"{products} GFLOP/s in products of float32, {copies} GB/s read and written by a copy"


def _page(about: dict, notes: list[str], tables: list[Table], session: Session) -> str:
    """RESULTS.md."""
    quick = "" if not session.quick else "**A quick run, of tiny sizes: no figure means anything.**"
    parts = [
        "# Results",
        "Written by `python benchmarks/run.py`, which says how; not to be edited. Medians of "
        f"{session.rounds} rounds (least-most); ratios round by round.",
        *([quick] if quick else []),
        "\n".join(f"- {what}: {value}" for what, value in about.items()),
        *([f"Notes: {'; '.join(notes)}."] if notes else []),
        *map(str.strip, map(markdown, tables)),
    ]
    return "\n\n".join(parts) + "\n"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which ones (all): {', '.join(BENCHMARKS)}"
    )
    parser.add_argument(
        "--peers", default=",".join(PEERS), metavar="A,B", help=f"beside whom ({','.join(PEERS)})"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="a Python that has this peer and NumPy, where tinynet's own has not",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"({ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round")
    parser.add_argument(
        "--data", type=Path, help="a folder or .tar of photographs, for data and prepare"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write every value of every round")
    parser.add_argument("--results", type=Path, metavar="F", help="write the tables as a page")
    args = parser.parse_args(argv)
    args.names = args.names or list(BENCHMARKS)
    for name in args.names:
        _known(parser, "benchmark", name, BENCHMARKS)
    args.peers = [name for name in args.peers.split(",") if name]
    for name in args.peers:
        _known(parser, "peer", name, PEERS)
    args.pythons = dict.fromkeys(PEERS, sys.executable)
    for given in args.python:
        name, _, path = given.partition("=")
        _known(parser, "peer", name, PEERS)
        if not os.access(path, os.X_OK):
            parser.error(f"--python: {name}: there is no program {path or 'of an empty name'}")
        args.pythons[name] = path
    if any(given.startswith("torch=") for given in args.python):
        args.pythons["torch-compile"] = args.pythons["torch"]  # the same library
    if args.rounds < 1:
        parser.error(f"--rounds expects at least 1, got {args.rounds}")
    for flag, path in (("--json", args.json), ("--results", args.results)):
        if path and not path.absolute().parent.is_dir():
            parser.error(f"{flag}: there is no folder {path.parent}")
    return args


def _known(parser: argparse.ArgumentParser, what: str, name: str, known: dict) -> None:
    if name not in known:
        meant = meant_by(name, known)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
        parser.error(f"there is no {what} {name!r}: {hint}")


if __name__ == "__main__":
    sys.exit(main())
