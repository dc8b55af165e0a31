"""Folders with a name of our own choice: always new ones, even if two processes choose the same."""

import itertools
from pathlib import Path


def new_folder(path: Path) -> Path:
    """Make a folder at `path` or, where there is something already, at `path`-2, `path`-3, ..."""
    path.parent.mkdir(parents=True, exist_ok=True)
    others = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    for place in itertools.chain([path], others):
        try:
            place.mkdir()
        except FileExistsError:
            continue
        break
    return place
