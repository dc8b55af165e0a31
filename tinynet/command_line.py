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
from collections.abc import Iterator
from typing import TextIO

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
    with contextlib.redirect_stdout(_NamedOutput(sys.stdout)):
        return _run(example, args)


def _run(example: Example, args: argparse.Namespace) -> int:
    try:
        with warnings.catch_warnings():
            # Numbers that overflow show in the loss, where training looks for them.
            warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning)
            status = args.run(example, args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read the output has seen enough: `train | head`
        for stream in (sys.stdout, sys.stderr):
            _mute(stream)
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


class _NamedOutput:
    """Standard output, whose errors name it as those of a file do, once: it is mute then."""

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
            _mute(self._stream)  # or what it still holds would fail again, and at the very end
            raise OSError(error.errno, error.strerror, "standard output") from None


def _mute(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
