"""Random numbers without a state: any thread can draw any of them, at any time."""

from tinynet.gym.exercise import Exercise, Try
from tinynet.gym.exercises.dropout_masks import ALL_KEPT, ONE, PART, mistakes

TASK = """
dropout_forward: y = x * scale where the element is kept, else 0.

An element is kept if its random number is at least p * 2^32. The number is a function of seed,
counter and the element's index, so that backward draws the same ones and no mask is stored:

    index = offset + row * full_cols + j          64 bits; row and j of these (rows, cols)
    word number index % 4 of Philox4x32-10 with

        c0, c1       index / 4, its lower and its upper 32 bits
        c2, c3       counter, lower and upper
        key0, key1   seed, lower and upper

    ten rounds of this, all at once, in unsigned ints; a product has 64 bits, hi and lo:

        c0' = hi(0xCD9E8D57 * c2) ^ c1 ^ key0        c1' = lo(0xCD9E8D57 * c2)
        c2' = hi(0xD2511F53 * c0) ^ c3 ^ key1        c3' = lo(0xD2511F53 * c0)
        then key0 += 0x9E3779B9, key1 += 0xBB67AE85

    To test it: with counters and key 0 the words are 6627e8d5 e169c58d bc57ac4c 9b00dbd8.

        the undivided array    . . . . . . . . . .     full_cols 10
                               . . . 0 1 2 3 4 . .     here: cols 5, offset 13, so row 0 has the
                               . . . 5 6 7 8 9 . .     indices 13 to 17, and row 1 has 23 to 27

  y (out), x   (rows, cols)

One thread for each element; but the grid has at most so many blocks of 256 threads, so each goes
on by one whole grid.
"""

HINTS = (
    """Write a function of its own, __device__ unsigned int philox(...), that gives one word. hi(p)
of an unsigned long long p is (unsigned int)(p >> 32), lo(p) is (unsigned int)p.""",
    """0xD2511F53u * c0 has 32 bits: the upper half is lost. 0xD2511F53ull * c0 has 64. Both
products must be there before any of the four words is overwritten. The index is a long long from
its start: offset is one.""",
    """for (int round = 0; round < 10; ++round) {
    const unsigned long long product0 = 0xD2511F53ull * c0, product1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned int)(product1 >> 32) ^ c1 ^ key0;
    c1 = (unsigned int)product1;
    c2 = ...;
    c3 = ...;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
}
return which == 0 ? c0 : which == 1 ? c1 : which == 2 ? c2 : c3;""",
)


EXERCISE = Exercise(
    "dropout_forward",
    "dropout: random numbers drawn from a counter",
    TASK,
    (Try(PART), Try(PART, blocks=1), Try(ALL_KEPT), Try(ONE), Try({**PART, "rows": 0})),
    HINTS,
    mistakes=lambda given: mistakes(given, given["x"]),
)
