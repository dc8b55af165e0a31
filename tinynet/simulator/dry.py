"""A dry run: arrays are made, counted and freed as usual, but no kernel or product or copy runs.

It tells how much memory a program takes on a device, in a moment and on any machine: its arrays are
only address space (undone.py). What they hold means nothing, and a device's memory limit does not
apply.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_dry = ContextVar("dry", default=False)


def is_dry() -> bool:
    """Is nothing to be computed?"""
    return _dry.get()


@contextmanager
def dry_run() -> Iterator[None]:
    """Inside `with dry_run():` all that is issued to simulated devices is left undone."""
    token = _dry.set(True)
    try:
        yield
    finally:
        _dry.reset(token)
