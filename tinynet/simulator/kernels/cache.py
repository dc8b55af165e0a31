"""What compilers made, kept from one process to the next in the user's cache folder.

Libraries are run, so they are taken from a folder only if nobody else can put any there. A file is
moved into place whole (os.replace), so that two processes can make the same one at once, and ends
with a digest of the rest, so that one which a crash or a disk has damaged is made again. (Linkers
and loaders go by the headers of a file, and ignore what follows.) What has not been used for
longest goes when all of it becomes too much.
"""

import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

MOST = 256 * 2**20  # bytes; what all tests use are 50 * 2**20
MINUTE, DAY = 60.0, 86400.0  # seconds
OURS = re.compile(r"[a-z-]+-[0-9a-f]{24}\.[a-z]+")  # the names that `key` makes
WORKSHOP = "making-"


def key(*ingredients: str) -> str:
    """Names what is made of these, for a name such as kernel-0123456789abcdef01234567.so."""
    return hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:24]


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The file of this name in the cache; `make` writes it, at the path it is given, if need be."""
    path = cache_folder() / name
    if content(path) is not None:
        _note_use(path)
        return path
    with tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=path.parent) as workshop:
        made = Path(workshop) / name
        make(made)
        with made.open("rb+") as file:
            digest = _digest(file.read())
            file.write(digest)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    _prune(path.parent, path)
    return path


def content(path: Path) -> bytes | None:
    """What `make` wrote to a file of the cache; None if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    size = len(_digest(b""))
    return data[:-size] if data[-size:] == _digest(data[:-size]) else None


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# ---------------------------------------------------------------- how much is kept


def _note_use(path: Path) -> None:
    """Let its time of change say when it was last used, to a minute.

    Not to a day: the runtime's objects, which every library needs, would be among the oldest on a
    day of many kernels, and be removed between being asked for and being linked.
    """
    if time.time() - path.stat().st_mtime > MINUTE:
        os.utime(path)


def _prune(folder: Path, but: Path) -> None:
    """Remove what was not used for longest until the rest is at most MOST, and killed workshops.

    `but`: which is needed now.
    """
    files = []
    for path in folder.iterdir():
        try:
            state = path.lstat()
        except FileNotFoundError:  # another process was quicker
            continue
        if stat.S_ISREG(state.st_mode) and OURS.fullmatch(path.name):
            files.append((state.st_mtime, state.st_size, path))
        elif path.name.startswith(WORKSHOP) and time.time() - state.st_mtime > DAY:
            shutil.rmtree(path, ignore_errors=True)
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(file for file in files if file[-1] != but):
        if total <= MOST:
            break
        path.unlink(missing_ok=True)
        total -= size


# ---------------------------------------------------------------- where it is kept


def cache_folder() -> Path:
    """The user's cache folder for kernels; a temporary one, told once, if that is not fit."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return _temporary_folder("this user has no home")
    folder = Path(base).absolute() / "tinynet"
    reason = _unfit(folder)
    return _temporary_folder(f"{folder} {reason}") if reason else folder


def _unfit(folder: Path) -> str | None:
    """Why compiled kernels cannot be kept in `folder`, which is made if need be; None if they can.

    Whoever may write to it may have put a library there that we would run.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
            folder.chmod(0o700)  # whatever the umask
        except FileExistsError:
            pass
        states = folder.lstat(), folder.stat()  # of a link and of the folder, else twice the same
        if any(state.st_uid != os.geteuid() for state in states):
            return "belongs to another user"
        if states[1].st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "can be written to by other users (remove it: it will be made again)"
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"cannot be used ({error.strerror})"
    return None


@lru_cache
def _temporary_folder(reason: str) -> Path:
    """One for this process, removed when it ends."""
    print(
        f"note: kernels are compiled anew for this process, not kept: {reason}",
        file=sys.stderr,
    )
    return Path(_removed_at_the_end().name)


@lru_cache
def _removed_at_the_end() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="tinynet-")
