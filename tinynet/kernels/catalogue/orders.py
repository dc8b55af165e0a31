"""The orders in which check mode runs the threads and blocks of a launch.

What two threads do to each other shows in the order that one of them needs, and may hide in the
other: in order, a thread finds what those before it have left behind.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

NAME = "TINYNET_SIM_ORDER"


def orders() -> list[str]:
    """That of TINYNET_SIM_ORDER, or else one and its reverse."""
    named = os.environ.get(NAME)
    return [named] if named else ["forward", "reversed"]


@contextmanager
def in_order(order: str) -> Iterator[None]:
    """The simulator takes its order from the environment, at each launch."""
    before = os.environ.get(NAME)
    os.environ[NAME] = order
    try:
        yield
    finally:
        if before is None:
            del os.environ[NAME]
        else:
            os.environ[NAME] = before
