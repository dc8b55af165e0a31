"""The worker threads, and what the twins promise on them: the same bits for any number."""

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tinynet.devices import device, threads
from tinynet.kernels.avg_pool import avg_pool_backward
from tinynet.kernels.bias import bias_backward
from tinynet.kernels.conv import col2im
from tinynet.kernels.dropout import dropout_forward
from tinynet.kernels.gemm import gemm
from tinynet.kernels.lrn import lrn_backward, lrn_forward
from tinynet.kernels.max_pool import max_pool_backward, max_pool_forward
from tinynet.kernels.softmax import softmax_cross_entropy_forward
from tinynet.ops.product import product


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    monkeypatch.setattr(threads, "workers", lambda: request.param)
    return request.param


def test_kernels_threads_run_every_task_once(workers):
    done = np.zeros(1000, int)

    def task(i):
        done[i] += 1

    threads.for_each(1000, task)
    assert (done == 1).all()


def test_kernels_threads_raise_the_first_exception_and_start_no_more(workers):
    started = []

    def task(i):
        started.append(i)
        if i == 3:
            raise KeyError("three")

    with pytest.raises(KeyError, match="three"):
        threads.for_each(100_000, task)
    assert len(started) < 100_000
    threads.for_each(10, started.append)  # and the workers are still there


def test_kernels_threads_nest_inline(workers):
    inner = []

    def task(i):
        here = threading.get_ident()
        threads.for_each(4, lambda j: inner.append(threading.get_ident() == here))

    threads.for_each(6, task)
    assert inner == [True] * 24


def test_kernels_threads_slices_cover_everything_once(workers):
    done = np.zeros(1001, int)

    def task(part):
        assert part.start % 64 == 0
        done[part] += 1

    threads.for_each_slice(1001, 64, task)
    assert (done == 1).all()


def blas_threads() -> list[int]:
    """Of the library that NumPy calls: SciPy, which other tests import, brings its own."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    of_numpy = [library for library in libraries if "numpy" in library["filepath"]]
    return [library["num_threads"] for library in of_numpy or libraries]


def test_kernels_threads_leave_blas_as_it_was_whoever_calls(workers):
    """If two limits overlapped, one of them would not hold, or would restore what the other set."""
    before, inside = blas_threads(), []
    if set(before) == {1}:
        pytest.skip("BLAS has one thread here in any case")

    def calls():
        for _ in range(30):
            threads.for_each(3, lambda i: inside.extend(blas_threads()))

    users = [threading.Thread(target=calls) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert set(inside) == {1}
    assert blas_threads() == before


def test_kernels_threads_hold_blas_for_slices_too_and_leave_it_alone_for_chunks(workers):
    """Chunks are for tasks that multiply nothing, which need not pay for the limit."""
    before, inside = blas_threads(), []
    threads.for_each_slice(5, 2, lambda part: inside.append(blas_threads()))
    assert inside == [[1] * len(before)] * 3
    inside.clear()
    threads.for_each_chunk(5, threads.CACHE // 2, lambda part: inside.append(blas_threads()))
    assert inside == [before] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # Python 3.12 and later
def test_kernels_threads_work_in_a_forked_process(monkeypatch):
    """A fork copies the pool but not its threads: waiting for them would take forever."""
    monkeypatch.setattr(threads, "workers", lambda: 2)
    threads.for_each(4, lambda i: None)
    child = multiprocessing.get_context("fork").Process(
        target=threads.for_each, args=(4, lambda i: None)
    )
    child.start()
    child.join(timeout=60)
    try:
        assert child.exitcode == 0
    finally:
        child.kill()


def test_kernels_threads_scratch_is_kept_and_private_to_a_thread():
    first = threads.scratch("test", (3, 4), np.float32)
    assert first.shape == (3, 4) and first.dtype == np.float32
    assert np.shares_memory(first, threads.scratch("test", (2, 2), np.float64))
    assert not np.shares_memory(first, threads.scratch("another", (3, 4), np.float32))
    others = []
    thread = threading.Thread(
        target=lambda: others.append(threads.scratch("test", (3, 4), np.float32))
    )
    thread.start()
    thread.join()
    assert not np.shares_memory(first, others[0])


RNG = np.random.default_rng(0)
X, DY = RNG.standard_normal((2, 9, 6, 31, 29)).astype(np.float32)
WINDOW = (9, 6, 31, 29, 3, 3, 2, 2, 0, 0, 15, 14)
DPOOL = RNG.standard_normal((9, 6, 15, 14)).astype(np.float32)
LOGITS = RNG.standard_normal((90, 100)).astype(np.float32)
A = RNG.standard_normal((90, 400)).astype(np.float32)
B = RNG.standard_normal((400, 2000)).astype(np.float32)
LABELS = RNG.integers(0, 100, 90, dtype=np.int32)


def every_twin_that_sums():
    """The outputs of all twins whose sums could depend on the split of the work."""
    dbias = np.empty(6, np.float32)
    bias_backward(dbias, DY.reshape(9, 6, -1), 9, 6, 31 * 29)
    col = np.random.default_rng(1).standard_normal((9, 54, 210)).astype(np.float32)
    dx, dpool, davg, y, scale, dlrn, dropped = (np.empty_like(X) for _ in range(7))
    col2im(dx, col, *WINDOW)
    pooled, argmax = np.empty_like(DPOOL), np.empty(DPOOL.shape, np.int32)
    max_pool_forward(pooled, argmax, X, *WINDOW)
    max_pool_backward(dpool, DPOOL, argmax, *WINDOW)
    avg_pool_backward(davg, DPOOL, *WINDOW)
    lrn_forward(y, scale, X, 9, 6, 31 * 29, 2, 5, 0.9, 0.75, 2.0)
    lrn_backward(dlrn, DY, X, scale, 9, 6, 31 * 29, 2, 5, 0.9, 0.75)
    dropout_forward(dropped, X, 9, 6 * 31 * 29, 6 * 31 * 29, 0.5, 2.0, 1, 2, 3)
    loss, probabilities = np.empty(90, np.float32), np.empty_like(LOGITS)
    softmax_cross_entropy_forward(loss, probabilities, LOGITS, LABELS, 90, 100)
    small, large = np.empty((50, 77), np.float32), np.empty((90, 2000), np.float32)
    gemm(small, A[:50, :333], B[:333, :77], 50, 77, 333)
    gemm(large, A, B, 90, 2000, 400)
    stacked = product(device("cpu"), A.reshape(3, 30, 400), B)  # of large products
    small_stack = product(device("cpu"), A.reshape(3, 1, 30, 400), B[:, :1000].reshape(2, 400, 500))
    return (
        small,
        large,
        stacked,
        small_stack,
        dbias,
        dx,
        pooled,
        argmax,
        dpool,
        davg,
        y,
        dlrn,
        dropped,
        loss,
        probabilities,
    )


ONE_RUN = every_twin_that_sums()


def test_kernels_threads_same_bits_for_any_number_of_workers(workers):
    for ours, expected in zip(every_twin_that_sums(), ONE_RUN):
        np.testing.assert_array_equal(ours.view(np.uint32), expected.view(np.uint32))


def test_ctrl_c_while_the_caller_waits_for_its_team(monkeypatch):
    both, finished, wait, interrupted = threading.Barrier(2), [], threads.wait, []

    def interrupted_once(futures):
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        wait(futures)

    def task(i):
        both.wait(60)  # one for each of the two
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.2)
        finished.append(i)

    monkeypatch.setattr(threads, "workers", lambda: 2)
    monkeypatch.setattr(threads, "wait", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        threads.for_each(2, task)
    assert sorted(finished) == [0, 1]  # nothing goes on behind the caller's back
