"""A program: `prepare`, killed before each write that counts in turn, then run again.

    python kill_at_each_write.py SRC FOLDER WHOLE

Every time, FOLDER/N must end with the same files as WHOLE, prepared without a kill. It prints how
many shards were still to be made after each kill. Each run is forked, before this process has any
threads.
"""

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

from imagenet_shaped import contents, prepare_quietly

# Path.unlink, as Python 3.10 looks up os.unlink once and for all, when it is imported.
COUNTED = ((os, "fsync"), (os, "replace"), (os, "truncate"), (Path, "unlink"))


def main() -> None:
    source, folder, whole = map(Path, sys.argv[1:])
    wanted = contents(whole)
    for number in count():
        place = folder / str(number)
        killed = run(source, place, number) is None
        made = run(source, place, None)
        if contents(place) != wanted:
            sys.exit(f"killed before write {number}, {place} is another set than {whole}")
        shutil.rmtree(place)
        if not killed:
            return
        print(made)


def run(source: Path, place: Path, last: int | None) -> int | None:
    """Prepare in a process of its own; return the shards made, None if write `last` killed it."""
    child = os.fork()
    if child == 0:
        os.fsync = lambda file: None  # a killed process loses nothing that it wrote
        if last is not None:
            kill_before(last)
        os._exit(prepare_quietly(source, place, shard_images=2, workers=1).made)
    status = os.waitpid(child, 0)[1]
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def kill_before(last: int) -> None:
    calls = count()

    def counted(call):
        def first_count(*args, **kwargs):
            if next(calls) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return first_count

    for owner, name in COUNTED:
        setattr(owner, name, counted(getattr(owner, name)))


if __name__ == "__main__":
    main()
