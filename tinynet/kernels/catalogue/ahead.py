"""Compiling on all cores, ahead of what is shown: a first run waits only for its first file."""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait

from tinynet.devices import threads
from tinynet.kernels import KERNELS


class Ahead:
    """Runs `jobs` on every file of `kernels`, in order, from the moment it is entered.

    with Ahead(kernels, jobs) as ahead:
        ahead.wait_for(kernel)      its file's jobs are done; an error in one comes up again where
                                    the result is needed
    """

    def __init__(self, kernels: Iterable[str], jobs: list[Callable[[str], object]]):
        self._files = dict.fromkeys(KERNELS[kernel].file for kernel in kernels)
        self._jobs = jobs
        self._announced = False

    def __enter__(self) -> "Ahead":
        self._pool = ThreadPoolExecutor(threads.workers())
        self._begun = {
            file: [self._pool.submit(job, file) for job in self._jobs] for file in self._files
        }
        return self

    def __exit__(self, *raised) -> None:
        self._pool.shutdown(cancel_futures=True)

    def wait_for(self, kernel: str) -> None:
        begun = self._begun[KERNELS[kernel].file]
        if wait(begun, timeout=1).not_done and not self._announced:
            print("compiling: the results are kept, so this happens once", file=sys.stderr)
            self._announced = True
        wait(begun)
