"""A fork while another thread computes or takes memory: the child computes too, and never waits for
a thread that it does not have."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import tinynet
from tinynet import Tensor
from tinynet.devices import memory, threads
from tinynet.simulator import locks

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),  # Python 3.12 and later
]


def status_of_child(work):
    """Fork; the child does `work`, for half a minute at most. 0 if it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Meanwhile:
    """`with` it, another thread is in the middle of `work`, which calls it there."""

    def __init__(self, work):
        self._inside, self.done = threading.Event(), False
        self._thread = threading.Thread(target=work, args=(self,))

    def __call__(self):
        self._inside.set()
        time.sleep(0.2)
        self.done = True

    def __enter__(self):
        self._thread.start()
        assert self._inside.wait(60)
        return self

    def __exit__(self, *error):
        self._thread.join()


def compute():
    x = Tensor(np.ones((600, 600), np.float32))
    assert (x @ x).sum().item() == 600**3


def test_while_memory_is_taken(monkeypatch):
    pool, new_block = memory.Pool(), memory._new_block

    def take(pause):
        def slow(nbytes):
            pause()
            return new_block(nbytes)

        monkeypatch.setattr(memory, "_new_block", slow)
        pool.empty((2_000_000,), np.uint8)

    with Meanwhile(take):
        monkeypatch.undo()
        assert status_of_child(lambda: pool.empty((2_000_000,), np.uint8)) == 0


def test_while_buffers_are_counted():
    scratch = memory.Scratch(lambda size: np.empty(size, np.uint8))

    def hold(pause):
        with scratch.lock:
            pause()

    with Meanwhile(hold):
        assert status_of_child(lambda: scratch("a", (3,), np.uint8)) == 0


def test_a_fork_waits_for_what_is_computed():
    """BLAS has locks of its own, which cannot be made anew in the child."""
    with Meanwhile(lambda pause: threads.for_each(2, lambda i: pause())) as other:
        assert status_of_child(lambda: (compute(), other.done or os._exit(2))) == 0


def test_a_task_that_forks_does_not_wait_for_itself():
    statuses = []
    threads.for_each(1, lambda i: statuses.append(status_of_child(lambda: None)))
    assert statuses == [0]


@pytest.mark.parametrize("lock", ["STREAMS", "ONE_LAUNCH", "BOOKS"])
def test_while_the_simulator_is_at_work(lock):
    def hold(pause):
        with getattr(locks, lock):
            pause()

    def take():
        with getattr(locks, lock):
            pass

    with Meanwhile(hold):
        assert status_of_child(take) == 0


def test_forks_while_other_threads_compute_all_the_time():
    tinynet.manual_seed(0)
    going_on = True

    def work():
        while going_on:
            compute()

    team = [threading.Thread(target=work) for _ in range(2)]
    for thread in team:
        thread.start()
    try:
        assert [status_of_child(compute) for _ in range(5)] == [0] * 5
    finally:
        going_on = False
        for thread in team:
            thread.join()
