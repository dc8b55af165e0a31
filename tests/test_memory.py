"""The pool of memory blocks behind `Device.empty`."""

import gc
import threading

import numpy as np
import pytest

from tinynet.devices.memory import ALIGNMENT, LOOSE, SLACK, SMALLEST, Pool

MB = 1 << 20


def block_of(array):
    return array.__array_interface__["data"][0]


@pytest.fixture
def pool():
    return Pool()


def test_a_dead_arrays_block_serves_the_next(pool):
    x = pool.empty((MB,), np.float32)
    first = block_of(x)
    del x
    assert (pool.in_use, pool.kept) == (0, 4 * MB)
    assert block_of(pool.empty((4, MB // 4), np.float32)) == first


def test_a_view_keeps_the_block_alive(pool):
    x = pool.empty((2, MB), np.float32)
    x[1] = 7.0
    row = x.reshape(-1)[MB:].view(np.int32)
    del x
    assert pool.in_use == 8 * MB
    y = pool.empty((2, MB), np.float32)
    y[...] = 0.0
    assert (row.view(np.float32) == 7.0).all()
    del row
    assert pool.in_use == 8 * MB  # y's
    assert pool.kept == 8 * MB


def test_small_arrays_are_left_to_numpy(pool):
    pool.empty((SMALLEST - 1,), np.uint8)
    assert pool.peak == 0


def test_the_tightest_block_is_taken_and_none_too_loose(pool):
    sizes = (3 * MB, 2 * MB, 9 * MB)
    arrays = [pool.empty((size,), np.uint8) for size in sizes]
    places = dict(zip(sizes, map(block_of, arrays)))
    del arrays
    x = pool.empty((2 * MB - 5,), np.uint8)
    assert x.shape == (2 * MB - 5,)
    assert block_of(x) == places[2 * MB]
    assert block_of(pool.empty((MB,), np.uint8)) == places[3 * MB]
    y = pool.empty((9 * MB // LOOSE - 1,), np.uint8)  # 9 MB are more than LOOSE times this
    assert block_of(y) != places[9 * MB]


def test_blocks_are_aligned(pool):
    arrays = [pool.empty((MB + i,), np.uint8) for i in range(5)]
    assert all(block_of(x) % ALIGNMENT == 0 for x in arrays)


def test_what_is_kept_is_bounded_when_sizes_change(pool):
    for size in range(2, 200, 3):  # no size comes twice
        pool.empty((size * MB,), np.uint8)
        assert pool.in_use + pool.kept <= SLACK * max(pool.peak, size * MB)


def test_a_repeated_step_asks_for_no_new_memory(pool):
    sizes = [5, 40, 3, 17, 40, 8]

    def step():
        return {block_of(x) for x in [pool.empty((size * MB,), np.uint8) for size in sizes]}

    assert step() == step()


def test_blocks_come_back_from_other_threads(pool):
    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x = pool.empty((int(rng.integers(MB, 3 * MB)),), np.uint8)
            x[0], x[-1] = 1, 2

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert pool.in_use == 0
