"""Worker threads for the NumPy twins: one image at a time, one worker a core.

NumPy releases Python's global lock inside its loops and inside BLAS, so threads are enough. A twin
hands each worker one image; the worker's buffers then stay in its core's cache. Inside a worker
BLAS is held to one thread, or every worker would start a team of its own; outside (the fully
connected layers) BLAS uses all cores.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import count as counter

import numpy as np
from threadpoolctl import ThreadpoolController

_local = threading.local()


@lru_cache(maxsize=1)
def workers() -> int:
    """The number of worker threads: the cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), thread_name_prefix="tinynet")


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks for the BLAS libraries once: the search is slow


def for_each(count: int, task: Callable[[int], None]) -> None:
    """Run `task(i)` for every i below `count` on the workers; the first exception is raised here.

    Which worker takes which i depends on timing, so a task must write only to places of its own.
    """
    if count <= 1 or workers() == 1 or getattr(_local, "inside", False):
        for i in range(count):
            task(i)
        return
    indices = counter()  # next() on it is atomic under the global lock

    def work() -> None:
        _local.inside = True
        try:
            while (i := next(indices)) < count:
                task(i)
        finally:
            _local.inside = False

    with _blas().limit(limits=1, user_api="blas"):
        futures = [_pool().submit(work) for _ in range(min(workers(), count))]
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """This thread's buffer called `name`, kept from call to call so that it stays in cache."""
    buffers = _local.__dict__.setdefault("buffers", {})
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = buffers.get(name)
    if buffer is None or buffer.nbytes < size:
        buffer = buffers[name] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)
