"""What a program's arrays are wanted for: printed, saved, compared with what was expected."""

from pathlib import Path

import numpy as np

from tinynet.files.whole_file import whole_file
from tinynet.kernels.catalogue.running.values import read_npy

RTOL = {"f2": 1e-2, "f4": 1e-5, "f8": 1e-12}  # of integers and others: 0


def pairs(flag: str, texts: list[str]) -> dict[str, Path]:
    """NAME=FILE.npy of each; ValueError if one is something else."""
    found = {}
    for text in texts:
        name, mark, file = text.partition("=")
        if not (name and mark and file):
            raise ValueError(f"{flag} wants NAME=FILE.npy, got {text!r}")
        found[name] = Path(file)
    return found


def described(name: str, array: np.ndarray) -> str:
    """`y float32 (256,)` and its elements below; of a large one the first and last."""
    with np.printoptions(linewidth=100, precision=6):
        return f"{name} {array.dtype} {array.shape}\n{array}"


def save(path: Path, array: np.ndarray) -> None:
    """Write an .npy, whole or not at all; ValueError says why not."""
    try:
        with whole_file(path) as file:
            np.save(file, array)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from None


def difference(name: str, array: np.ndarray, path: Path, rtol: float | None) -> tuple[str, bool]:
    """How an array compares with the one of a file, in words, and whether it is the same.

    An element is the same if |it - expected| <= rtol |expected|; a nan equals a nan.
    """
    expected = read_npy(path)
    if expected.shape != array.shape:
        raise ValueError(f"{name} has shape {array.shape}, {path} has {expected.shape}")
    if expected.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds {expected.dtype}, no numbers to compare {name} with")
    rtol = RTOL.get(array.dtype.str[1:], 0.0) if rtol is None else rtol
    got, want = array.astype(np.float64), expected.astype(np.float64)
    if array.dtype.kind != "f" and expected.dtype.kind != "f":
        got, want = array, expected  # large integers are no float64
    with np.errstate(invalid="ignore"):
        same = (got == want) | (np.abs(got - want) <= rtol * np.abs(want))
    if got.dtype.kind == "f":
        same |= np.isnan(got) & np.isnan(want)
    if same.all():
        return f"{name} is as in {path}: {array.size:,} elements, rtol {rtol:g}", True
    at = np.unravel_index(int(np.argmin(same.reshape(-1))), array.shape)
    index = f"[{', '.join(map(str, at))}]" if at else ""
    wrong = int(same.size - np.count_nonzero(same))
    return (
        f"{name}{index} is {array[at]!s}, {path} has {expected[at]!s}; "
        f"{wrong:,} of {array.size:,} elements differ (rtol {rtol:g})"
    ), False
