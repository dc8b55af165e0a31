"""A matrix product with mistakes: what the exercises with products have in common."""

import numpy as np


def mistakes(given: dict) -> dict[str, np.ndarray]:
    """For each known mistake, in words that help, what it makes of a (m, k) and b (k, n)."""
    a, b, m, n, k = (given[name] for name in "abmnk")
    right = a @ b

    def among(first: int, end: int) -> np.ndarray:
        return a[:, first:end] @ b[first:end]

    found = {
        "a is read down its columns: its element (row, i) is a[row * k + i]": a.reshape(k, m).T @ b,
        "b is read along its rows: its element (i, column) is b[i * n + column]": a
        @ b.reshape(n, k).T,
        "c is written down its columns: its element is c[row * n + column]": right.T.reshape(m, n),
        "the last i is left out: i runs to k - 1": among(0, k - 1),
        "the first i is left out: i begins at 0": among(1, k),
        "only the last product has arrived: they must be added up": among(k - 1, k),
        "the products are taken away: they are added": -right,
    }
    for depth in (8, 16, 32, 64):
        last = k // depth * depth
        found |= {
            f"only the first {depth} products count: go on along k": among(0, depth),
            f"the last tile along k, which is not {depth} deep, is left out": among(0, last),
            f"only the last tile of {depth} has arrived: sums outlive a step": among(last, k),
        }
    return found
