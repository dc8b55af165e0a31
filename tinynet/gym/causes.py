"""Why is it wrong? What is likely behind what the simulator found, or behind wrong numbers."""

import re

import numpy as np

from tinynet.gym.exercise import NEVER, Exercise, Try
from tinynet.simulator import KernelError

ROUNDINGS = 64  # of the largest number: sums may go in any order
DIGITS_OF_FLOAT = 1e-5  # relative: what is right to this, but not to the last digit, went by float


# ---------------------------------------------------------------- what the simulator found


def of_error(error: KernelError, given: dict, outputs: list[str]) -> str:
    """What is likely behind a finding of check mode; "" if there is nothing to add.

    given: the arguments by name. outputs: which of them the kernel writes.
    """
    reason = str(error).splitlines()[0]
    names_output = any(re.search(rf"\b{name}\[", reason) for name in outputs)
    if error.kind == "out of bounds":
        return _of_place(reason, given, given[outputs[0]].size)
    if error.kind == "race":
        return _of_race(error, " read by " in reason, names_output)
    if error.kind == "uninitialised read":
        if names_output:
            return "the result holds nothing at first: add up in a register, and write it once."
        return (
            "shared memory is read where no thread has written: it holds nothing at first, not "
            "even 0. Or a barrier is missing, or fewer elements were written than are read."
        )
    if error.kind == "crash" and "does not exist" in reason:
        return "an array of the thread's own is written past its end, or a pointer leads nowhere."
    return {
        "barrier": "every thread of the block must come to a __syncthreads(): it cannot stand in "
        "an `if`, in a loop, or behind a `return` that only some of them take.",
        "warp": "the mask 0xffffffff promises that all 32 threads of the warp come to the shuffle: "
        "it cannot stand where only some come.",
        "time limit": "a loop that never ends: does its index move on?",
    }.get(error.kind, "")


def _of_race(error: KernelError, with_a_read: bool, on_output: bool) -> str:
    if not on_output:
        return (
            "a barrier is missing: __syncthreads() between what some threads write to shared "
            "memory and what others read there; and again before it is overwritten."
        )
    if with_a_read and len({culprit.line for culprit in error.culprits}) > 1:
        return (
            "a thread reads what another one writes: a barrier is missing between the two, or it "
            "should not read there."
        )
    if not with_a_read and len({culprit.thread for culprit in error.culprits}) == 1:
        return (
            "the same thread of two blocks writes to one element of the result: the index must "
            "hold blockIdx, and a step from one element to the next must be a whole grid."
        )
    return (
        "several threads write to one element of the result. If they mean to add to it together, a "
        "scatter: let each element belong to one thread, which gathers all that goes into it. If "
        "each means another one: the index runs past the end of its row, or is put together so "
        "that two threads come to one."
    )


def _of_place(reason: str, given: dict, elements: int) -> str:
    if "before its first" in reason:
        return "an index below 0: what lies outside on the left or at the top must be left out."
    found = re.search(r" of (\w+)\[", reason)
    array = given.get(found[1]) if found else None
    if array is None:
        return "an index is larger than what it counts in."
    if array.size == 0 and elements == 0:
        return f"{found[1]} is empty here: no thread has anything to do, not even the first one."
    if array.size == 0:
        return f"{found[1]} is empty here: nothing of it can be read, and a sum over it is 0."
    sizes = f"the index is put together of the wrong sizes: {found[1]} is {array.shape}. "
    if array.size == elements:
        ragged = "the last block is ragged: some of its threads have no element: they must do "
        return f"{ragged}nothing." if array.ndim == 1 else f"{ragged}nothing. Or {sizes}".strip()
    return f"{sizes}Or it runs past the end of a row."


# ---------------------------------------------------------------- what the numbers say


def first_wrong(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which elements are wrong, in reading order: their numbers."""
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    finite = wanted[np.isfinite(wanted) & (wanted != NEVER)]
    room = ROUNDINGS * np.spacing(np.abs(finite).max(initial=0)) if finite.size else 0
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(~(same | (np.abs(got - wanted) <= room)))


def of_numbers(
    exercise: Exercise, attempt: Try, name: str, given: dict, got: np.ndarray, wanted: np.ndarray
) -> str:
    """What is likely behind wrong numbers in the output called `name`; "" if that is not known."""
    wrong = first_wrong(got, wanted)
    for cause, predicted in exercise.mistakes(given).items():
        if predicted.shape != wanted.shape or not first_wrong(predicted, wanted).size:
            continue
        if not first_wrong(got, predicted).size:
            return cause if cause.endswith("?") else f"{cause}."
    before = given[name].ravel()
    unwritten = np.flatnonzero((got.ravel() == NEVER) | (got.ravel() == before))
    unwritten = np.intersect1d(unwritten, wrong)
    if unwritten.size == wrong.size:
        return _of_unwritten(attempt, name, got, wrong)
    a_map = got[0, 0].size if got.ndim > 2 else got.size
    if wrong[0] >= a_map and wrong.size > 0.9 * (got.size - a_map):
        return (
            f"the first map is right, and what comes after it is not: a map has {a_map} elements, "
            "and those of the maps before it must be counted."
        )
    return _of_size(got.ravel()[wrong], wanted.ravel()[wrong])


def _of_unwritten(attempt: Try, name: str, got: np.ndarray, wrong: np.ndarray) -> str:
    if wrong.size == got.size:
        return f"the kernel writes nothing to {name} yet."
    rows = got[..., 0].size if got.ndim > 1 else got.size
    each_row = got.size // max(rows, 1)
    is_tail = np.array_equal(wrong, np.arange(wrong[0], got.size))
    if is_tail and wrong[0] == 256 * attempt.blocks:
        return (
            f"there are fewer threads ({wrong[0]}) than elements, so a thread goes on to the "
            "element that is gridDim.x * blockDim.x further, and so on."
        )
    if is_tail and wrong[0] == attempt.blocks * each_row:
        return (
            f"there are fewer blocks ({attempt.blocks}) than rows, so a block goes on to the one "
            "that is gridDim.x further, and so on."
        )
    if is_tail and got.ndim == 2 and wrong[0] % (attempt.blocks * each_row) == 0:
        return (
            f"{name} is written up to row {wrong[0] // each_row - 1}: down the grid there are "
            f"fewer blocks ({attempt.blocks}) than it needs, so a block goes on to rows below."
        )
    if is_tail:
        return f"{name} is written up to element {wrong[0] - 1}, and no further."
    return f"{wrong.size} elements of {name} are never written, the first of them {wrong[0]}."


def _of_size(got: np.ndarray, wanted: np.ndarray) -> str:
    if not np.isfinite(got).all():
        return "what is not a finite number has come out of an overflow, or of a division by 0."
    if (np.abs(got - wanted) <= DIGITS_OF_FLOAT * np.abs(wanted)).all():
        return "it is right to 7 digits or so, but REAL is double here: somewhere a float is meant."
    ratio = got / np.where(wanted == 0, np.nan, wanted)
    if not got.any():
        return "those that are wrong are all 0: nothing has been added there."
    if np.isfinite(ratio).all() and np.ptp(ratio) <= 1e-9 * abs(ratio[0]):
        return f"every one is {ratio[0]:.6g} times what it should be."
    return ""
