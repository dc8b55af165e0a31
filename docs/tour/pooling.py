"""Overlapping pooling by hand, and two pools of circulating notes that are none of AlexNet's."""

import numpy as np

from tinynet import Tensor
from tinynet import functional as F

SIDES = (55, 27, 13)
ROW = (1, 5, 2, 0, 3, 0, 4)


def side(of: int, window: int, stride: int, padding: int = 0) -> int:
    return F.max_pool2d(Tensor(np.zeros((1, 1, of, of))), window, stride, padding).shape[-1]


def pooled(window: int) -> list[int]:
    """ROW through windows two apart."""
    row = Tensor(np.array(ROW, float).reshape(1, 1, 1, -1))
    return F.max_pool2d(row, (1, window), (1, 2)).numpy().ravel().astype(int).tolist()


def spaced(numbers) -> str:
    return " ".join(map(str, numbers))


def main() -> None:
    print(f"sides {spaced(SIDES)}, pooled")
    for window, stride, padding in ((3, 2, 0), (2, 2, 0), (3, 1, 1)):
        sides = spaced(side(of, window, stride, padding) for of in SIDES)
        print(f"  window {window}, stride {stride}, padding {padding}: {sides}")
    for window in (3, 2):
        print(f"{spaced(ROW)} through windows of {window}, two apart: {spaced(pooled(window))}")

    maps = Tensor(np.zeros((1, 48, 27, 27)))
    filtered = F.conv2d(maps, Tensor(np.zeros((1, 48, 5, 5))), padding=2)
    largest = F.max_pool2d(maps, 5, 1, 2)
    print(f"48 maps through one 5x5x48 filter, {48 * 5 * 5:,} weights: {filtered.shape[1]} map")
    print(f"48 maps through a 5x5 max pool, no weights: {largest.shape[1]} maps")

    x = Tensor(np.random.default_rng(0).standard_normal((1, 48, 27, 27)))
    first, last = F.relu(F.max_pool2d(x, 3, 2)), F.max_pool2d(F.relu(x), 3, 2)
    same = np.array_equal(first.numpy(), last.numpy())
    print(f"pool and then ReLU is ReLU and then pool: {'yes' if same else 'no'}")


if __name__ == "__main__":
    main()
