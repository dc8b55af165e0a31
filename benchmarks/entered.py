"""What a reader who follows one conv2d must enter: files of tinynet, and lines of functions.

    python benchmarks/entered.py            on cpu
    python benchmarks/entered.py sim:0      or any other device

Traced are `F.conv2d` and `backward` on Tensors that are there already. A function counts with all
of its lines, its docstring included, once, however often it runs. All runs on one thread, where
none is missed.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from unittest.mock import patch

import numpy as np

import tinynet
from tinynet import Tensor
from tinynet import functional as F
from tinynet.devices import threads

PACKAGE = Path(tinynet.__file__).parent


def conv2d(device: str) -> Callable[[], None]:
    """Forward and backward of a layer with groups, padding and a bias."""
    x, weight, bias, dy = (
        Tensor(np.ones(shape, np.float32), requires_grad=True, device=device)
        for shape in ((8, 16, 27, 27), (32, 8, 5, 5), (32,), (8, 32, 27, 27))
    )

    def forward_and_backward() -> None:
        F.conv2d(x, weight, bias, padding=2, groups=2).backward(dy)

    return forward_and_backward


def entered(work: Callable[[], None]) -> dict[str, dict[str, set[int]]]:
    """The functions of tinynet's that `work` enters: by file, by name, the lines of each."""
    codes: set[CodeType] = set()

    def note(frame, event: str, argument: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    with patch.object(threads, "workers", lambda: 1):
        sys.setprofile(note)
        try:
            work()
        finally:
            sys.setprofile(None)
    found: dict[str, dict[str, set[int]]] = {}
    for code in codes:
        path = Path(code.co_filename)
        if PACKAGE in path.parents:
            lines, first = inspect.getsourcelines(code)
            file = found.setdefault(path.relative_to(PACKAGE).as_posix(), {})
            file[f"{first} {code.co_name}"] = set(range(first, first + len(lines)))
    return found


def lines_of(functions: dict[str, set[int]]) -> int:
    """How many lines they have, those of a function within another counted once."""
    return len(set().union(*functions.values()))


def main() -> None:
    work = conv2d(sys.argv[1] if len(sys.argv) > 1 else "cpu")
    work()  # what happens but once, such as compiling a kernel, is not on the way
    found = entered(work)
    for file, functions in sorted(found.items(), key=lambda item: -lines_of(item[1])):
        names = ", ".join(name.split()[1] for name in sorted(functions) if "<" not in name)
        print(f"{lines_of(functions):4}  {file:<32}  {names}")
    print(f"{sum(map(lines_of, found.values())):4}  lines in {len(found)} files")


if __name__ == "__main__":
    main()
