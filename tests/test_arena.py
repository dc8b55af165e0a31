"""How the simulator's memory pool cuts up memory, as CuPy's does."""

import numpy as np
import pytest

from tinynet.simulator.devices.arena import GRANULE, Arena

LARGE = 1 << 62


def test_a_piece_is_cut_from_the_smallest_that_is_large_enough():
    arena = Arena()
    small, large = arena.hand_out(4 * GRANULE, 0), arena.hand_out(9 * GRANULE, 0)
    for piece in (large, small):
        arena.take_back(piece)
    assert arena.hand_out(3 * GRANULE + 1, 0) is small  # rounded up to 4
    assert arena.hand_out(3 * GRANULE, 0) is large and large.size == 3 * GRANULE
    assert (arena.taken, arena.used) == (13 * GRANULE, 7 * GRANULE)


def test_free_neighbours_become_one():
    arena = Arena()
    arena.take_back(arena.hand_out(6 * GRANULE, 0))
    a, b, c = (arena.hand_out(2 * GRANULE, 0) for _ in range(3))
    for piece in (a, c, b):
        arena.take_back(piece)
    assert arena.hand_out(6 * GRANULE, 0).size == 6 * GRANULE
    assert arena.taken == 6 * GRANULE


def test_gaps_too_small_for_what_comes_are_not_used():
    arena = Arena()
    arena.take_back(arena.hand_out(6 * GRANULE, 0))
    _, gap, _ = (arena.hand_out(2 * GRANULE, 0) for _ in range(3))
    arena.take_back(gap)
    arena.hand_out(3 * GRANULE, 0)
    assert (arena.taken, arena.used) == (9 * GRANULE, 7 * GRANULE)


def test_at_the_limit_whole_free_blocks_go_back_first():
    arena = Arena()
    kept, free = arena.hand_out(2 * GRANULE, 0), arena.hand_out(5 * GRANULE, 0)
    arena.take_back(free)
    assert arena.hand_out(6 * GRANULE, limit=8 * GRANULE).size == 6 * GRANULE
    assert arena.taken == 8 * GRANULE
    assert arena.hand_out(GRANULE, limit=8 * GRANULE) is None
    arena.take_back(kept)
    assert arena.hand_out(GRANULE, limit=8 * GRANULE) is kept


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_however_pieces_come_and_go(seed):
    rng, arena, held = np.random.default_rng(seed), Arena(), []
    for _ in range(500):
        if held and rng.random() < 0.5:
            arena.take_back(held.pop(rng.integers(len(held))))
        else:
            held.append(arena.hand_out(int(rng.integers(0, 9 * GRANULE)), LARGE))
        assert arena.used == sum(piece.size for piece in held) <= arena.taken
    for piece in held:
        arena.take_back(piece)
    arena.give_up_free_blocks()
    assert arena.taken == arena.used == 0  # all had become whole blocks again
