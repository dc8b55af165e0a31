"""Standard output and error, whatever they are: closed, of few letters, or no longer read."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tinynet.console.printable import printable


def make_ready() -> None:
    """Let nothing that is printed end the program: to a closed stream, or in letters it lacks.

    For a stream closed from the start, as by `>&-`, Python has None, which cannot even be asked
    whether it is a terminal: what is printed goes nowhere. A letter outside of the encoding of a
    terminal or a pipe is printed as in Python: \\u6771.
    """
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    if closed:
        while os.open(os.devnull, os.O_RDWR) < 2:
            continue  # until 0, 1 and 2 are taken, lest a checkpoint be "standard error"
        for name in closed:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not one that a test or a notebook has put there
            stream.reconfigure(errors="backslashreplace")


def mute(stream: TextIO) -> None:
    """Let what `stream` still holds, and all that follows, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def silent(if_so: bool) -> Iterator[None]:
    """What is written to standard output meanwhile, by C too, goes nowhere, if so."""
    if not if_so:
        yield
        return
    sys.stdout.flush()
    before, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(nowhere)


class Shown:
    """A stream on which no name of a file or class steers the terminal: see `printable`.

    `kept`: the control characters that pass, which the program itself prints.
    """

    def __init__(self, stream: TextIO, kept: str):
        self._stream, self._plain = stream, re.compile(f"[^{kept}]+")

    def write(self, text: str) -> int:
        self._stream.write(self._plain.sub(lambda part: printable(part[0]), text))
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)
