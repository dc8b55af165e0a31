"""The command line that the examples share: one module per command, and what becomes of errors.

Exit status: 0 on success; 1 on failure; 2 for an error that the user can put right, with one line
on stderr that says how; 130 after Ctrl-C or a `kill`. A traceback means a bug.
"""

import argparse
import contextlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import TextIO

import tinynet
from tinynet.commands import (
    ablate,
    check_gradients,
    claims,
    compare,
    diff,
    evaluate,
    export,
    figures,
    finetune,
    plan,
    predict,
    prepare,
    report,
    summary,
    train,
    weights,
)
from tinynet.commands.example import Example
from tinynet.console.arguments import Parser, add_version
from tinynet.console.printable import complain
from tinynet.console.standard_streams import Shown, make_ready, mute
from tinynet.data import DataError
from tinynet.devices.ledger import DeviceOutOfMemory
from tinynet.parallel.ranks import Ranks
from tinynet.parallel.watch import RankFailed
from tinynet.parallel.world import check_ranks, is_first, world
from tinynet.training.errors import UserError

COMMANDS = (
    *(prepare, train, evaluate, predict, finetune, figures, report, compare),
    *(ablate, claims, summary, diff, plan, check_gradients, weights, export),
)

IN_RANKS = (train.train, finetune.finetune)  # what several processes do together


def parser_of(
    example: Example, program: str | None = None, description: str | None = None
) -> tuple[Parser, argparse._SubParsersAction]:
    """The parser of an example, and what holds those of its commands.

    `program` and `description`: of another program than that of the example's own file.
    """
    parser = Parser(
        prog=program or f"{example.name}.py",
        description=description or example.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version(parser, tinynet.__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add_parser(commands, example)
    return parser, commands


def main(
    example: Example,
    argv: list[str] | None = None,
    make_parser: Callable[[Example], Parser] = lambda example: parser_of(example)[0],
) -> int:
    """Run the command that `argv` (else the program's arguments) names; return the exit status.

    Of several ranks, as mpiexec starts them, only the leader is heard.
    """
    make_ready()
    try:
        ranks = world()
    except RankFailed as error:  # on all of them
        return _refuse(str(error)) if is_first() else 2
    # Shells start background jobs with Ctrl-C ignored; `kill -INT` should stop those too. A plain
    # `kill`, which is how schedulers end a job, is the same.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    output, errors = Shown(_NamedOutput(sys.stdout), "\n"), Shown(sys.stderr, "\n\r")
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        if ranks.size == 1:
            return _run(example, argv, make_parser)
        return _run_in_ranks(ranks, lambda: _run(example, argv, make_parser))


def _run_in_ranks(ranks: Ranks, run: Callable[[], int]) -> int:
    """`run()` on each of the ranks; however one ends, the others learn of it, and end, too."""
    try:
        status = run()
    except SystemExit as stop:  # argparse's, and all ranks have the same command line
        ranks.all_stop()
        status = stop.code or 0
    except Exception:
        traceback.print_exc()
        status = 1
    return ranks.leave(status)


def _run(example: Example, argv: list[str] | None, make_parser) -> int:
    try:
        check_ranks(world())
        args = make_parser(example).parse_args(argv)
        if world().size > 1 and args.run not in IN_RANKS:
            world().all_stop()
            raise UserError("mpiexec starts several processes, which only train and finetune take")
        with warnings.catch_warnings():
            # An overflow shows in the loss, where training looks for it.
            warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
            status = args.run(example, args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough: `train | head`
        for stream in (sys.stdout, sys.stderr):
            mute(stream)
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(BrokenPipeError):
            print("stopped", file=sys.stderr, flush=True)
            sys.stdout.flush()
        world().leave(130)
        # Not sys.exit, which waits for all threads: a worker whose start was interrupted is on no
        # list of threads to be woken, and would wait for work forever.
        os._exit(130)
    except DeviceOutOfMemory as error:
        return _refuse(str(error))
    except MemoryError as error:
        return _refuse(f"out of memory: {error}")
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        return _refuse(
            "the system starts no more threads: it allows more processes (ulimit -u) or more "
            "memory (ulimit -v), or --workers asks for fewer"
        )
    except UserError as error:
        return _refuse(str(error), *error.details)
    except (DataError, RankFailed) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


class _NamedOutput:
    """Standard output whose errors name it, as those of a file do; after the first it is mute."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with self._naming():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._naming():
            self._stream.flush()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            mute(self._stream)  # or what it has buffered would fail again, at exit
            raise OSError(error.errno, error.strerror, "standard output") from None


def _refuse(message: str, *details: str) -> int:
    for line in (f"error: {message}", *details):
        complain(line)
    return 2
