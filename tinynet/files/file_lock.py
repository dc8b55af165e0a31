"""A lock by which processes agree that only one of them works in a folder."""

import errno
import os
from pathlib import Path

from tinynet.console.printable import complain

try:
    import fcntl
except ImportError:
    raise ImportError(
        "tinynet trains on Linux and macOS, whose file locks it takes; Windows is not supported: "
        "use the Windows Subsystem for Linux (WSL)"
    ) from None

# What a file system answers that has no locks: some of NFS, Lustre and FUSE.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


def lock(path: Path) -> int:
    """Lock the file at `path`, which is made if need be, and return its descriptor.

    Closing the descriptor unlocks the file, and so does the end of the process, even by a kill.
    BlockingIOError if the file is locked already. Its content does not matter, but it must never
    be replaced: the lock belongs to the file and not to its name. On a file system without locks
    it stays unlocked, with a warning on stderr.
    """
    # For writing, as network file systems want it; not waiting, should there be a FIFO.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            os.close(descriptor)
            raise OSError(error.errno, error.strerror, str(path)) from None
        complain(
            f"warning: {path} cannot be locked ({error.strerror}): take care that no other process "
            "works in its folder"
        )
    return descriptor
