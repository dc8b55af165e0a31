"""The command line that the examples share: a module a command, and what becomes of errors.

Exit status: 0 when it did what was asked; 1 when it could not; 2 for what the user can put right,
with one line on stderr that says how; 130 after Ctrl-C. A traceback means a mistake in the code.
"""

import argparse
import contextlib
import os
import signal
import sys
import warnings

from tinynet.commands import (
    check_gradients,
    diff,
    evaluate,
    figures,
    finetune,
    plan,
    predict,
    prepare,
    summary,
    train,
)
from tinynet.commands.example import Example
from tinynet.data import DataError
from tinynet.errors import UserError
from tinynet.ledger import DeviceOutOfMemory

COMMANDS = (
    *(prepare, train, evaluate, predict, finetune, figures),
    *(summary, diff, plan, check_gradients),
)


def main(example: Example, argv: list[str] | None = None) -> int:
    """Run the command that `argv` (else the program's own arguments) asks for; the exit status."""
    # A shell starts what it puts into the background with Ctrl-C ignored; `kill -INT` is meant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    args = _parser(example).parse_args(argv)
    try:
        with warnings.catch_warnings():
            # Numbers that overflow show in the loss, where training looks for them.
            warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
            status = args.run(example, args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough: `train | head`
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(BrokenPipeError):
            print("stopped", file=sys.stderr, flush=True)
            sys.stdout.flush()
        # Not by way of sys.exit, which waits for all threads: one that was interrupted while it
        # was being started is on no list of those to be told, and waits for work for ever.
        os._exit(130)
    except DeviceOutOfMemory as error:
        return _refuse(str(error))
    except MemoryError as error:
        return _refuse(f"out of memory: {error}")
    except (UserError, DataError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _parser(example: Example) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{example.name}.py",
        description=example.description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add_parser(commands, example)
    return parser
