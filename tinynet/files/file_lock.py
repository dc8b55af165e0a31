"""A lock by which processes agree that only one of them works in a folder."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:
    raise ImportError(
        "tinynet trains on Linux and macOS, whose file locks it takes; Windows is not supported: "
        "use the Windows Subsystem for Linux (WSL)"
    ) from None


def lock(path: Path) -> int:
    """Lock the file at `path`, which is made if need be, and return its descriptor.

    Closing the descriptor unlocks the file, and so does the end of the process, even by a kill.
    BlockingIOError if the file is locked already. Its content does not matter, but it must never
    be replaced: the lock belongs to the file and not to its name.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)  # network file systems want writing
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
