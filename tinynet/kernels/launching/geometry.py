"""The grids and blocks of a launch, from the sizes that the kernel is given.

    elements("n", "c", "h", "w")   one thread for each of n*c*h*w elements, 256 threads per block
    rows("n")                      one block of 256 threads for each of n rows
    tiles(...)                     a two-dimensional grid over a matrix

The kernels loop over their elements, or the rows of their matrix, in steps of the grid (a
"grid-stride loop"), so a smaller grid gives the same result; more than 4096 blocks (a million
threads) would only wait for their turn, and down a grid there may be no more than 65,535.
"""

from collections.abc import Callable, Mapping
from math import prod

Dimensions = tuple[int, ...]
Shape = Callable[[Mapping[str, int]], tuple[Dimensions, Dimensions]]  # sizes -> (grid, block)

THREADS = 256
MOST_BLOCKS = 4096
# The kernels' indices are C ints. A grid-stride loop runs past the end by up to one grid.
MOST_ELEMENTS = 2**31 - MOST_BLOCKS * THREADS


def elements(*names: str) -> Shape:
    """One thread for each element of an array whose sizes have these names."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        total = prod(int(sizes[name]) for name in names)
        return (min(max(-(-total // THREADS), 1), MOST_BLOCKS),), (THREADS,)

    return shape


def rows(name: str) -> Shape:
    """One block for each row; the threads of a block reduce it together."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        return (min(max(int(sizes[name]), 1), MOST_BLOCKS),), (THREADS,)

    return shape


def tiles(tile: tuple[int, int], block: tuple[int, int], of: tuple[str, str] = ("m", "n")) -> Shape:
    """One block for each tile (rows, columns) of a matrix, whose sizes have the names `of`."""

    def shape(sizes: Mapping[str, int]) -> tuple[Dimensions, Dimensions]:
        down, across = (-(-int(sizes[name]) // side) for name, side in zip(of, tile))
        return (max(across, 1), min(max(down, 1), MOST_BLOCKS)), block

    return shape
