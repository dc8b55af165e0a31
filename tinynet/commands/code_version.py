"""Which code a result is from: a digest of the files on which it depends.

A digest and not a version number, since between two of these the code changes as well. A change of
a comment gives another digest too: what was computed by two texts is told, and whoever reads it
knows whether that matters.
"""

import hashlib
import inspect
from functools import lru_cache
from pathlib import Path

import numpy as np

import tinynet
from tinynet.commands.example import Example

# What trains, and then what measures; other reports and commands, and the simulator, may change.
ROOMS = ("", "ops", "kernels", "kernels/launching", "devices", "data", "parallel", "training")
ROOMS += ("alexnet_profiles",)
FILES = ("commands/run.py", "commands/measure.py", "reports/ablation.py", "reports/colour_score.py")


def code_version(example: Example) -> str:
    """ "tinynet 1.0 (1f3a5c...), NumPy 2.1.0": the digest is of the engine and the example."""
    digest = _digest(program(example))
    return f"tinynet {tinynet.__version__} ({digest}), NumPy {np.__version__}"


def program(example: Example) -> Path:
    """The file of the example."""
    return Path(inspect.getfile(example.build)).absolute()


@lru_cache
def _digest(file: Path) -> str:
    package = Path(tinynet.__file__).parent
    files = [path for room in ROOMS for path in sorted((package / room).glob("*.[pc][yu]"))]
    files += [package / name for name in FILES]
    digest = hashlib.sha256()
    for path in (*files, file):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
