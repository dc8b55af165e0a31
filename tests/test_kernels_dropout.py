"""The NumPy twin of dropout: published random numbers, and the same bits for any split."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernel_shapes import DTYPES, blank, integers

from tinynet.kernels.dropout import dropout_backward, dropout_forward, philox

PHILOX_KNOWN_ANSWERS = [  # from the authors' Random123 library: counter, key, words
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],  # the digits of pi
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
MASK = 2**32 - 1


def philox_by_the_paper(counter, key):
    """Philox4x32-10 in Python's integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & MASK, (a >> 32) ^ c3 ^ k1, a & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(("counter", "key", "words"), PHILOX_KNOWN_ANSWERS)
def test_kernels_dropout_reference_gives_the_published_words(counter, key, words):
    assert philox_by_the_paper(counter, key) == words


def kept_by_the_paper(rows, cols, full_cols, p, seed, counter, offset):
    kept = np.empty((rows, cols), bool)
    for r, j in np.ndindex(rows, cols):
        group, place = divmod(offset + r * full_cols + j, 4)
        words = philox_by_the_paper(
            (group & MASK, group >> 32, counter & MASK, counter >> 32), (seed & MASK, seed >> 32)
        )
        kept[r, j] = words[place] >= int(p * 2**32)
    return kept


@pytest.mark.parametrize(("counter", "key", "words"), PHILOX_KNOWN_ANSWERS)
def test_kernels_dropout_philox_gives_the_published_words(counter, key, words):
    ours = [np.full(3, word, np.uint64) for word in counter]
    philox(ours, key)
    np.testing.assert_array_equal(ours, [[word] * 3 for word in words])


def test_kernels_dropout_threshold_is_the_word_itself():
    """p at a word's own value keeps that element; p one step above drops it."""
    x, y = np.ones((1, 4)), np.empty((1, 4))
    _, _, words = PHILOX_KNOWN_ANSWERS[0]
    for place, word in enumerate(words):
        for p, kept in ((word / 2**32, 1), ((word + 1) / 2**32, 0)):
            dropout_forward(y, x, 1, 4, 4, p, 1.0, 0, 0, 0)
            assert y[0, place] == kept


words64 = st.integers(0, 2**64 - 1)


@given(
    integers(4),
    integers(13),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.3, 0.5]),
    words64,
    words64,
    st.integers(0, 40),
    DTYPES,
)
@example(2, 7, 3, 0.5, 2**40 + 3, 2**35 + 5, 2**34 - 9, np.float32)  # group number passes 2^32
def test_kernels_dropout(rows, cols, gap, p, seed, counter, offset, dtype):
    x = np.random.default_rng(0).standard_normal((rows, cols)).astype(dtype)
    kept = kept_by_the_paper(rows, cols, cols + gap, p, seed, counter, offset)
    expected = np.where(kept, x * dtype(1.25), 0)
    for dropout in (dropout_forward, dropout_backward):
        y = blank(x.shape, dtype)
        dropout(y, x, rows, cols, cols + gap, p, 1.25, seed, counter, offset)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("shape", [(1, 70_001), (37, 1000), (20_000, 3)])
def test_kernels_dropout_is_the_same_for_any_split(shape):
    """Sizes that cross the twin's blocks; parts of rows, of columns, and elements one by one."""
    rows, cols = shape
    x = np.ones(shape, np.float32)

    def drop(part, r, j):
        y = blank(part.shape, np.float32)
        offset = 5 + r * cols + j
        dropout_forward(y, np.ascontiguousarray(part), *part.shape, cols, 0.5, 2.0, 9, 3, offset)
        return y

    whole = drop(x, 0, 0)
    assert abs(whole.mean() - 1) < 6 / np.sqrt(whole.size)  # six standard deviations
    r, j = rows // 3, cols // 3
    by_rows = np.concatenate([drop(x[:r], 0, 0), drop(x[r:], r, 0)])
    by_columns = np.concatenate([drop(x[:, :j], 0, 0), drop(x[:, j:], 0, j)], axis=1)
    np.testing.assert_array_equal(by_rows, whole)
    np.testing.assert_array_equal(by_columns, whole)
    for at in ((0, 0), (r, j), (rows - 1, cols - 1)):
        one = x[at[0] : at[0] + 1, at[1] : at[1] + 1]
        assert drop(one, *at) == whole[at]
