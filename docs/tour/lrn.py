"""LRN by hand: one large response, equal ones, and what a wrong index or order makes of them."""

import numpy as np

from tinynet import Tensor
from tinynet import functional as F

PAPER = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}
LARGE = (10, 10, 10, 10, 300, 10, 10, 10, 10)
EQUAL = (1, 10, 50, 89.44, 200, 1000)


def lrn(*maps: float) -> np.ndarray:
    """One pixel of these maps, normalized as in the paper."""
    x = Tensor(np.array(maps, float).reshape(1, -1, 1, 1))
    return F.local_response_norm(x, **PAPER).numpy().ravel()


def of_itself(*maps: float) -> np.ndarray:
    """The same with a^i in the sum where the paper has a^j: each map knows itself alone."""
    a, maps_in_window = np.array(maps), PAPER["size"]
    return a / (PAPER["k"] + PAPER["alpha"] * maps_in_window * a**2) ** PAPER["beta"]


def row(label: str, numbers) -> None:
    print(f"  {label:<22}" + "".join(f"{number:8.2f}" for number in numbers))


def main() -> None:
    print("one large response: maps 1 to 9 at one pixel")
    row("before", LARGE)
    row("after", lrn(*LARGE))
    row("share that is left", lrn(*LARGE) / LARGE)
    row("with a^i for a^j", of_itself(*LARGE) / LARGE)

    print("nine maps that are all equal: the middle one")
    row("before", EQUAL)
    row("after", [lrn(*[value] * 9)[4] for value in EQUAL])

    alpha, size = PAPER["alpha"], PAPER["size"]
    print(f"alpha of programs that divide it by n: {alpha:.4f} / {size} = {alpha / size:.5f}")

    rng = np.random.default_rng(0)
    x = Tensor(rng.uniform(0, 200, (1, 16, 13, 13)))
    first = F.max_pool2d(F.local_response_norm(x, **PAPER), 3, 2).numpy()
    last = F.local_response_norm(F.max_pool2d(x, 3, 2), **PAPER).numpy()
    print("LRN and then the pool, or the pool and then LRN: 16 maps of random responses up to 200")
    differ = np.mean(np.abs(first - last) > 0.01 * first)
    print(f"  outputs that differ by more than 1 %: {differ:.0%}")
    print(f"  the second is smaller on average by {1 - last.mean() / first.mean():.0%}")


if __name__ == "__main__":
    main()
