"""Draws every picture of the tour, in English and Korean: python docs/tour/draw.py [FOLDER]

Numbers in the pictures come from the programs beside this file, or from tinynet. In the order to
read: svg.py, what a drawing is made of; layers.py, windows.py, curves.py, the drawings.
"""

import sys
from pathlib import Path

import curves
import layers
import windows

DRAWINGS = (
    layers.convolution,
    curves.relu,
    layers.towers,
    curves.lrn,
    windows.pooling,
    layers.dropout,
    windows.augmentation,
    windows.views,
    curves.momentum,
    curves.initialization,
    curves.recipe,
    layers.parameters,
    windows.labels,
)


def main(folder: Path) -> None:
    for draw in DRAWINGS:
        draw("en").write(folder / f"{draw.__name__}.svg")
        draw("ko").write(folder / f"{draw.__name__}.ko.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
