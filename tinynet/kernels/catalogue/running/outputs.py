"""What a program's arrays are wanted for: printed, saved, compared with what was expected."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinynet.files.whole_file import whole_file
from tinynet.kernels.catalogue.running.values import read_npy

RTOL = {"f2": 1e-2, "f4": 1e-5, "f8": 1e-12}  # of integers and others: 0
ATOL = 1e-8  # of floating point, as in numpy.isclose


@dataclass(frozen=True)
class Wanted:
    """The names of arrays to print, to save, and to compare with a file.

    rtol, atol   of comparisons; None: those of the array's type
    """

    printed: tuple[str, ...] = ()
    saved: dict[str, Path] = field(default_factory=dict)
    expected: dict[str, Path] = field(default_factory=dict)
    rtol: float | None = None
    atol: float | None = None

    @property
    def names(self) -> list[str]:
        return [*self.printed, *self.saved, *self.expected]

    def show(self, results: dict[str, dict[str, np.ndarray]]) -> int:
        """Do so; of several orders of threads the first is shown, and all are compared.

        results: the arrays by order and name. Returns 1 if one is not as expected.
        """
        shown = next(iter(results.values()))
        for name in self.printed:
            print(described(name, shown[name]))
        for name, path in self.saved.items():
            save(path, shown[name])
        return max((self._compare(name, results) for name in self.expected), default=0)

    def _compare(self, name: str, results: dict[str, dict[str, np.ndarray]]) -> int:
        for order, arrays in results.items():
            compared = arrays[name], self.expected[name], self.rtol, self.atol
            sentence, same = difference(name, *compared)
            if not same:
                reverse = "" if order == next(iter(results)) else f" (threads {order})"
                print(f"{sentence}{reverse}")
                return 1
        print(sentence)
        return 0


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


def difference(
    name: str, array: np.ndarray, path: Path, rtol: float | None, atol: float | None
) -> tuple[str, bool]:
    """How an array compares with the one of a file, in words, and whether it is the same.

    As in numpy.isclose, an element is the same if |it - expected| <= atol + rtol |expected|; a nan
    equals a nan. None: the tolerances of its type, RTOL and ATOL.
    """
    expected = read_npy(path)
    if expected.shape != array.shape:
        raise ValueError(f"{name} has shape {array.shape}, {path} has {expected.shape}")
    if array.dtype.names:
        return _difference_of_fields(name, array, expected, path, (rtol, atol))
    return _difference(name, array, expected, path, rtol, atol)


def _difference_of_fields(
    name: str, array: np.ndarray, expected: np.ndarray, path: Path, within: tuple
) -> tuple[str, bool]:
    """The same of structures: the first field that differs, or the last."""
    if expected.dtype.names != array.dtype.names:
        raise ValueError(f"{path} holds {expected.dtype}, no structures such as those of {name}")
    for of in array.dtype.names:
        of_field = f"{name}.{of}", array[of], expected[of]
        sentence, same = _difference(*of_field, path, *within)
        if not same:
            return sentence, False
    return f"{name} is as in {path}: {array.size:,} structures", True


def _difference(
    name: str,
    array: np.ndarray,
    expected: np.ndarray,
    path: Path,
    rtol: float | None,
    atol: float | None,
) -> tuple[str, bool]:
    if expected.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds {expected.dtype}, no numbers to compare {name} with")
    rtol = RTOL.get(array.dtype.str[1:], 0.0) if rtol is None else rtol
    atol = (ATOL if array.dtype.kind == "f" else 0.0) if atol is None else atol
    same = _close(array, expected, rtol, atol)
    within = f"rtol {rtol:g}, atol {atol:g}"
    if same.all():
        return f"{name} is as in {path}: {array.size:,} elements, {within}", True
    at, index = _first(~same)
    wrong = int(same.size - np.count_nonzero(same))
    return (
        f"{name}{index} is {array[at]!s}, {path} has {expected[at]!s}; "
        f"{wrong:,} of {array.size:,} elements differ ({within})"
    ), False


def apart(name: str, one: np.ndarray, other: np.ndarray) -> tuple[str, str, str] | None:
    """Of two results of one kernel the first element, with its name, that is not the same in both.

    Sums may be added up in another order: they are the same to the precision of the largest.
    """
    if one.dtype.names:
        fields = (apart(f"{name}.{of}", one[of], other[of]) for of in one.dtype.names)
        return next(filter(None, fields), None)
    rtol = RTOL.get(one.dtype.str[1:], 0.0)
    largest = np.max(np.abs(one), initial=0, where=np.isfinite(one)) if rtol else 0
    same = _close(one, other, rtol, rtol * float(largest))
    if same.all():
        return None
    at, index = _first(~same)
    return f"{name}{index}", str(one[at]), str(other[at])


def _close(array: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    got, want = array.astype(np.float64), expected.astype(np.float64)
    room = atol + rtol * np.abs(want)
    if np.result_type(array, expected).kind != "f":
        # Large integers are no float64. Their distance fits uint64, and is right there.
        ends = np.maximum(array, expected), np.minimum(array, expected)
        larger, smaller = (end.astype(np.uint64) for end in ends)
        return larger - smaller <= room
    with np.errstate(invalid="ignore"):
        same = (got == want) | (np.abs(got - want) <= room)
    return same | (np.isnan(got) & np.isnan(want))


def _first(wanted: np.ndarray) -> tuple[tuple[int, ...], str]:
    """The place of the first True, and how it is written: [3, 4], or nothing for a number."""
    at = np.unravel_index(int(np.argmax(wanted.reshape(-1))), wanted.shape)
    return at, f"[{', '.join(map(str, at))}]" if at else ""
