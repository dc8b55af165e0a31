"""Reading what someone else put there: only regular files, and no more of them than can be right.

A name in a folder of data may be that of a FIFO, on which `open` waits for ever, or a link to
/dev/zero, which never ends.
"""

import errno
import os
import stat
from typing import BinaryIO

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """The file at `path`, open for reading. Raises OSError, with its name, if it is not regular."""
    return open(path, "rb", opener=_open)


def read_regular(path: str | os.PathLike, limit: int) -> bytes:
    """The bytes of the file at `path`. Raises OSError if it has more than `limit`, too."""
    with open(path, "rb", buffering=0, opener=_open) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EOVERFLOW, f"larger than {limit:,} bytes", str(path))
        return file.readall()


def kind_of(mode: int) -> str:
    """What a file of this `st_mode` is that is not regular: "a FIFO"."""
    return KINDS.get(stat.S_IFMT(mode), "no regular file")


def _open(path: str, flags: int) -> int:
    # Without waiting: a FIFO would wait for somebody to write into it.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{kind_of(mode)}, wanted a regular file", str(path))
    return descriptor
