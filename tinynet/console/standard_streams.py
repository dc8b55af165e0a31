"""Standard output and error that are closed, or whose reader has gone: what is printed is lost."""

import os
import sys
from typing import TextIO


def open_closed() -> None:
    """Let what is printed to a stream closed from the start, as by `>&-`, go nowhere.

    For such a stream Python has None, which cannot even be asked whether it is a terminal.
    """
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    if closed:
        while os.open(os.devnull, os.O_RDWR) < 2:
            continue  # until 0, 1 and 2 are taken, lest a checkpoint be "standard error"
        for name in closed:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


def mute(stream: TextIO) -> None:
    """Let what `stream` still holds, and all that follows, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
