"""The simulator's locks. Whoever forks the process takes them all, in this order.

A forked process has the locks, but not the threads that hold them: there they would be locked for
ever, and what they guard half changed.
"""

import os
import threading

STREAMS = threading.RLock()  # threads of the host may share streams
ONE_LAUNCH = threading.Lock()  # the runtime's state is static, signal handlers are per process
BOOKS = threading.Lock()  # of what each device holds
_ALL = (STREAMS, ONE_LAUNCH, BOOKS)


def _take() -> None:
    for lock in _ALL:
        lock.acquire()


def _release() -> None:
    for lock in reversed(_ALL):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take, after_in_parent=_release, after_in_child=_release)
