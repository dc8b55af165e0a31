"""Worker threads for the NumPy twins: some images at a time, one worker per core.

NumPy releases Python's global lock inside its loops and inside BLAS, so threads are enough. A twin
hands each worker some images; its buffers then stay in its core's cache. Where tasks may multiply
matrices, BLAS is held to one thread meanwhile, or every worker would start a team of its own, and
the bits of a product would depend on the size of the team. A product too large for one worker is
cut by blas.py.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import lru_cache
from itertools import count as counter

import numpy as np
from threadpoolctl import ThreadpoolController

from tinynet.devices.memory import Scratch

CACHE = 1 << 20  # bytes: what a task reads and writes should stay in a core's cache
SHARES = 16  # a sum or a product is cut into this many, whatever the number of cores

_local = threading.local()
_kept: int | None = None  # so many cores, if `keep_to` has said so
# BLAS's thread limit holds for the whole process: of two calls that overlap, the second would
# restore the limit of the first. Reentrant, since a signal handler may compute too.
_turn = threading.RLock()
scratch = Scratch(lambda size: np.empty(size, np.uint8))  # a worker's buffers stay in its cache


def cores() -> list[int]:
    """The cores that this process may use, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]


@lru_cache(maxsize=1)
def workers() -> int:
    """The number of worker threads: one a core."""
    return len(cores()) if _kept is None else _kept


def keep_to(cores: list[int]) -> None:
    """Work on these cores alone from now on: for one of several processes on a machine.

    For the main thread, before any work is done: threads that already run stay where they are.
    Where the system pins no threads, only the number of workers changes.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    global _kept
    _kept = len(cores)
    workers.cache_clear()


@lru_cache(maxsize=1)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, "tinynet", initializer=_stay_on_a_core, initargs=(counter(),))


def _stay_on_a_core(turn: Iterator[int]) -> None:
    """Pin this new worker to a core of its own, where the system can (Linux).

    Workers wake one another whenever they pass Python's global lock on, and the scheduler likes to
    run the woken thread on the core of its waker: unpinned, all of them often share one core.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[next(turn) % len(cores)]})  # 0: the calling thread


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks for the BLAS libraries once: the search is slow


def at_work() -> bool:
    """Is this thread one of the workers, in the middle of a task?"""
    return getattr(_local, "inside", False)


def for_each(count: int, task: Callable[[int], object], blas: bool = True) -> None:
    """Run `task(i)` for every i below `count`, on the workers and in the calling thread, which is
    one of the team; what a task raises is raised here. With `blas`, BLAS is held to one thread.

    Which worker takes which i depends on timing, so a task must write only to places of its own.
    After an exception (Ctrl-C too) no new task starts, and those under way are waited for; if some
    of them fail too, one of the exceptions is raised. Called by a task, it runs all in the task's
    own thread. One call at a time has the workers: a call from another thread waits its turn.
    """
    if at_work():
        for i in range(count):
            task(i)
        return
    left = deque(range(count))  # shared by the team

    def work() -> None:
        _local.inside = True
        try:
            for i in _taken_from(left):
                task(i)
        finally:
            _local.inside = False
            left.clear()

    team = min(workers(), count)
    with _turn, _blas().limit(limits=1, user_api="blas") if blas else nullcontext():
        if team <= 1:
            work()
            return
        futures = [_pool(workers()).submit(work) for _ in range(team - 1)]
        try:
            work()
            wait(futures)
        finally:  # after Ctrl-C, too, in whichever of the two lines it came
            left.clear()
            wait(futures)
    for future in futures:
        future.result()


def wait(futures: list[Future]) -> None:
    """Until all have ended. concurrent.futures.wait() takes three times as long, and a step of a
    small net waits some thirty times."""
    for future in futures:
        future.exception()  # which it returns, and does not raise


def for_each_chunk(total: int, bytes_each: int, task: Callable[[slice], object]) -> None:
    """Run `task` on slices of `range(total)`, of whose elements `bytes_each` are read and written.

    A slice is as long as a cache lets it be, so that what one operation of a task has written is
    still in the cache when the next one reads it. No task may call BLAS, which is not held here.
    """
    for_each_slice(total, chunk(total, bytes_each), task, blas=False)


def chunk(total: int, bytes_each: int) -> int:
    """How long a slice of `for_each_chunk` is, at most."""
    return max(1, min(total, CACHE // max(1, bytes_each)))


def for_each_slice(total: int, step: int, task: Callable[[slice], object], blas=True) -> None:
    """Run `task` on consecutive slices of `range(total)`, `step` long (the last may be shorter).

    The cuts depend on `total` and `step` alone, never on the number of workers.
    """
    for_each(-(-total // step), lambda i: task(slice(i * step, min(total, (i + 1) * step))), blas)


def _taken_from(left: deque) -> Iterator[int]:
    """Its elements one by one, each to one thread, also in a Python without the global lock."""
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _wait_for_work() -> None:
    """No thread may be inside BLAS while the process forks: its locks would stay locked.

    A task that forks cannot wait for the others, of whose team it is one.
    """
    if not at_work():
        _turn.acquire()


def _go_on() -> None:
    if not at_work():
        _turn.release()


def _forget_workers() -> None:
    """A forked process inherits no thread: it starts workers of its own when it needs them."""
    global _turn
    _turn = threading.RLock()  # a thread that held the old one does not exist here to release it
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    # Before memory.py takes its locks, which a task may need to come to its end: what is registered
    # later is called first.
    os.register_at_fork(
        before=_wait_for_work, after_in_parent=_go_on, after_in_child=_forget_workers
    )
