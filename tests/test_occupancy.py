"""Occupancy, against cases worked out by hand from the programming guide's table."""

import pytest

from tinynet.kernels.catalogue.occupancy import MULTIPROCESSORS, occupancy

W, B, R, S = "warps", "blocks", "registers", "shared memory"

# (capability, threads, registers, shared) -> (blocks, warps, limits), and how it comes about.
# A warp of r registers takes 32 r, rounded up to 256; a partition has 65536 / 4 = 16384 of them.
CASES = {
    # 256 threads are 8 warps; 64 warps are 8 such blocks. 32 registers: 1024 a warp, 16 warps in
    # each of 4 partitions: 64.
    ("8.0", 256, 32, 0): (8, 64, (W, R)),
    ("8.0", 256, 16, 0): (8, 64, (W,)),
    ("8.0", 256, 33, 0): (6, 48, (R,)),  # 1056 -> 1280: 12 warps x 4 = 48
    ("8.0", 256, 40, 0): (6, 48, (R,)),  # 1280
    ("8.0", 256, 41, 0): (5, 40, (R,)),  # 1312 -> 1536: 10 x 4 = 40
    ("8.0", 256, 48, 0): (5, 40, (R,)),  # 1536
    ("8.0", 256, 64, 0): (4, 32, (R,)),  # 2048: 8 x 4
    ("8.0", 256, 72, 0): (3, 24, (R,)),  # 2304: 7 x 4 = 28, three blocks of 8
    ("8.0", 256, 96, 0): (2, 16, (R,)),  # 3072: 5 x 4 = 20, two blocks
    ("8.0", 256, 128, 0): (2, 16, (R,)),  # 4096: 4 x 4
    ("8.0", 256, 168, 0): (1, 8, (R,)),  # 5376: 3 x 4 = 12
    ("8.0", 256, 255, 0): (1, 8, (R,)),  # 8160 -> 8192: 2 x 4
    ("8.0", 256, 256, 0): (0, 0, (R,)),  # a thread has 255 at most
    ("8.0", 1024, 64, 0): (1, 32, (R,)),  # 2048 x 32 warps: all 65536
    ("8.0", 1024, 65, 0): (0, 0, (R,)),  # 2304 x 32 = 73728
    ("8.0", 1024, 32, 0): (2, 64, (W, R)),
    ("8.0", 768, 32, 0): (2, 48, (W, R)),  # 64 / 24 warps
    ("8.0", 32, 32, 0): (32, 32, (B,)),  # 64 would fit, 32 blocks may
    ("8.0", 64, 32, 0): (32, 64, (W, B, R)),
    ("8.0", 48, 16, 0): (32, 64, (W, B)),  # a warp that is half full is a warp
    ("8.0", 33, 40, 0): (24, 48, (R,)),  # two warps a block, 48 warps
    # 164 KB = 167936; a block takes its own, and 1 KB of the system's, rounded up to 128.
    ("8.0", 256, 32, 16 * 1024): (8, 64, (W, R)),  # 17408: 9 would fit
    ("8.0", 256, 32, 20 * 1024): (7, 56, (S,)),  # 21504: 7.8
    ("8.0", 128, 32, 40 * 1024): (4, 16, (S,)),  # 41984: exactly 4
    ("8.0", 128, 32, 40 * 1024 + 1): (3, 12, (S,)),  # 42112
    ("8.0", 128, 32, 163 * 1024): (1, 4, (S,)),
    ("8.0", 128, 32, 163 * 1024 + 1): (0, 0, (S,)),
    ("8.0", 256, 64, 40 * 1024): (4, 32, (R, S)),
    # 48 warps, 16 blocks, 100 KB = 102400.
    ("8.6", 256, 32, 0): (6, 48, (W,)),  # registers: 8
    ("8.6", 256, 40, 0): (6, 48, (W, R)),
    ("8.6", 1024, 32, 0): (1, 32, (W,)),  # 48 / 32
    ("8.6", 64, 32, 0): (16, 32, (B,)),
    ("8.6", 96, 32, 0): (16, 48, (W, B)),
    ("8.6", 128, 64, 24 * 1024): (4, 16, (S,)),  # 25600: exactly 4
    ("8.6", 128, 64, 48 * 1024): (2, 8, (S,)),  # 50176
    ("8.7", 128, 32, 48 * 1024): (3, 12, (S,)),  # 167936 / 50176
    ("8.9", 64, 32, 0): (24, 48, (W, B)),
    ("8.9", 32, 32, 0): (24, 24, (B,)),
    ("8.9", 64, 168, 16888): (5, 10, (S,)),  # 17912 -> 17920: 5.7; registers: 3 x 4 / 2 = 6
    ("8.9", 64, 200, 16888): (4, 8, (R,)),  # 6400: 2 x 4 / 2
    ("8.9", 192, 24, 0): (8, 48, (W,)),
    ("12.0", 64, 32, 0): (24, 48, (W, B)),
    ("12.0", 128, 32, 99 * 1024): (1, 4, (S,)),
    # 64 warps, 32 blocks, 228 KB = 233472.
    ("9.0", 128, 168, 0): (3, 12, (R,)),  # 5376: 3 x 4
    ("9.0", 128, 32, 227 * 1024): (1, 4, (S,)),
    ("9.0", 128, 32, 56 * 1024): (4, 16, (S,)),  # 58368: exactly 4
    ("10.0", 512, 64, 0): (2, 32, (R,)),
    # No KB for the system before 8.0, and units of 256.
    ("7.0", 256, 32, 12 * 1024): (8, 64, (W, R, S)),  # 98304 / 12288
    ("7.0", 256, 32, 12 * 1024 + 1): (7, 56, (S,)),  # 12544: 7.8
    ("7.0", 128, 32, 96 * 1024): (1, 4, (S,)),
    ("7.5", 256, 32, 0): (4, 32, (W,)),  # 32 warps
    ("7.5", 256, 64, 0): (4, 32, (W, R)),
    ("7.5", 32, 32, 0): (16, 16, (B,)),
    ("7.5", 256, 65, 0): (3, 24, (R,)),  # 2304: 28 warps
    ("6.0", 256, 40, 0): (6, 48, (R,)),  # two partitions of 32768: 25 x 2 = 50 warps
    ("6.0", 320, 40, 0): (5, 50, (R,)),  # 50 warps: 5 blocks of 10, where 4 x 12 has room for 4
    ("6.1", 320, 40, 0): (4, 40, (R,)),
    ("6.1", 128, 32, 48 * 1024): (2, 8, (S,)),
    ("6.1", 128, 32, 48 * 1024 + 1): (0, 0, (S,)),
    ("5.3", 512, 64, 0): (2, 32, (R,)),  # 2048 x 16 warps: the 32768 that a block may have
    ("5.3", 512, 65, 0): (0, 0, (R,)),
    ("5.0", 256, 32, 32 * 1024): (2, 16, (S,)),
    ("5.2", 256, 32, 32 * 1024): (3, 24, (S,)),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_occupancy_is_as_worked_out_by_hand(case):
    found = occupancy(*case)
    blocks, warps, limits = CASES[case]
    assert (found.blocks, found.warps, set(found.limits)) == (blocks, warps, set(limits))
    assert found.most_warps == MULTIPROCESSORS[case[0]].warps


def test_there_are_fifty_cases_of_many_generations():
    assert len(CASES) >= 50 and len({capability for capability, *_ in CASES}) >= 12


def test_registers_may_be_unknown():
    assert occupancy("8.0", 256, None, 0).limits == ("warps",)


def test_an_unknown_generation_is_refused():
    with pytest.raises(ValueError, match=r"'4\.2' is not known; known are 5\.0, .*9\.0"):
        occupancy("4.2", 256, 32, 0)
