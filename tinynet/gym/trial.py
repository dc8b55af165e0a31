"""A solution tried: compiled, every load and store watched in both orders, compared, counted.

python -m tinynet.gym.trial KERNEL FILE NAME RESULT    what judge.py runs: the verdict, as JSON
"""

import json
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np

from tinynet.gym import causes
from tinynet.gym.exercise import DOUBLE, NEVER, Exercise, Try
from tinynet.gym.exercises import EXERCISES
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.headers import arrays
from tinynet.kernels.catalogue.orders import in_order
from tinynet.kernels.launching.kernel import Kernel, Parameter
from tinynet.simulator import KernelError, RawModule
from tinynet.simulator.kernels.profiling import LineProfile

FEW = 16  # threads of a warp that ask together, where 32 could
MUCH = 1.5  # times as many sectors or passes as ours: worth a remark
NOT_KNOWN = "No usual mistake gives this: work out that one element by hand, or ask for --hint 1."
ADVICE = "; for a kernel that is only slow"  # of the simulator, where the judge sets the time
SECONDS = "8"  # of processor time for what profile mode does, which is slow
FLOAT, DIGITS = np.dtype(np.float32), 1e-4  # of the largest number: so far floats may be apart
ALL_SECONDS = 10  # of processor time, whatever a solution does: before its kernel runs, say


@dataclass(frozen=True)
class Verdict:
    solved: bool
    text: str


class Wrong(Exception):
    """What is wrong with a solution, in words for who wrote it."""


def found_wrong(exercise: Exercise, solution: Kernel) -> Verdict | None:
    """What is wrong with what a solution takes, does and computes, in double; None if nothing."""
    try:
        _check_signature(exercise, solution)
        module = _compiled(solution)
        for attempt, order in product(exercise.tries, ("forward", "reversed")):
            with in_order(order):
                _try(exercise, attempt, module)
    except Wrong as wrong:
        return Verdict(False, str(wrong))
    return None


def found_right(exercise: Exercise, solution: Kernel) -> Verdict:
    """What a solution that is right costs, in float: where little is the task, this may fail it."""
    os.environ["TINYNET_SIM_TIMEOUT"] = SECONDS
    try:
        _check_in_float(exercise, solution)
        costs = _costs(exercise, solution)
    except Wrong as wrong:
        return Verdict(False, str(wrong))
    shapes = f"{len(exercise.tries)} shapes, threads and blocks forward and reversed"
    if costs and exercise.frugal:
        return Verdict(False, f"right in {shapes}, which is half of the task.\n{costs}")
    return Verdict(True, f"solved: right in {shapes}." + (f"\n{costs}" if costs else ""))


def _check_signature(exercise: Exercise, solution: Kernel) -> None:
    name, wanted = f"{exercise.kernel}_kernel", exercise.reference.kernel.parameters
    try:
        declared = solution.parameters
    except ValueError as error:
        reason = f"{solution.file}: {error}. The declaration of the starter is the one wanted."
        raise Wrong(reason) from None
    about = f"{solution.file}: {name}"
    if len(declared) != len(wanted):
        raise Wrong(f"{about} takes {len(wanted)} parameters, here it has {len(declared)}.")
    for ours, theirs in zip(wanted, declared):
        if ours != theirs:
            raise Wrong(f"{about}: the parameter is `{_spelled(ours)}`, here `{_spelled(theirs)}`.")


def _spelled(p: Parameter) -> str:
    return f"{'const ' * p.is_const}{p.ctype}{'*' * p.is_pointer} {p.name}"


def _compiled(solution: Kernel) -> RawModule:
    module = trials.module_of(solution, "double", "check")
    try:
        module.compile()  # before its kernels are looked for: the compiler's word is the better one
        module.get_function(f"{solution.name}_kernel")
    except KernelError as error:
        reason, where = error.reason.splitlines()[0], f"{error.file}:{error.line}"
        if error.file != solution.file:  # what comes after it cannot be read
            where = f"{solution.file}, its end: is a brace open, or a comment?"
        raise Wrong(f"it does not compile: {where}: {reason}") from None
    return module


def _try(exercise: Exercise, attempt: Try, module: RawModule) -> None:
    """Launch it, and compare. Wrong says what is wrong."""
    kernel, given = exercise.reference.kernel, exercise.arguments(attempt)
    wanted = exercise.right(given)
    got = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in given.items()}
    (*across, down), block = kernel.launch_shape(tuple(got.values()))
    grid = (*across, min(down, attempt.blocks))
    written = [array for array in arrays(kernel) if array.role != "in"]
    try:
        module.get_function(f"{exercise.kernel}_kernel")(
            grid,
            block,
            kernel.cast(tuple(got.values()), DOUBLE),
            uninitialised=tuple(array.name for array in written if array.role == "out"),
        )
    except KernelError as error:
        cause = causes.of_error(error, given, [array.name for array in written])
        found = str(error).splitlines()[0].partition(ADVICE)[0]
        raise Wrong(_worded(f"{found}.", cause, attempt)) from None
    for array in written:
        a, b = got[array.name], wanted[array.name]
        wrong = causes.first_wrong(a, b)
        if wrong.size:
            at = np.unravel_index(wrong[0], a.shape)
            where = _place(array.name, at)
            came = "never written" if a[at] == NEVER else f"{a[at]:.9g}"
            many = f"{wrong.size} of {a.size} elements {'is' if wrong.size == 1 else 'are'} wrong"
            fact = f"{where} is {came}, wanted is {b[at]:.9g} ({many})."
            cause = causes.of_numbers(exercise, attempt, array.name, given, a, b)
            raise Wrong(_worded(fact if cause else f"{fact}\n{NOT_KNOWN}", cause, attempt))


def _check_in_float(exercise: Exercise, solution: Kernel) -> None:
    """Wrong if the numbers of the first shape are lost in float: by an overflow, say."""
    kernel, attempt = exercise.reference.kernel, exercise.tries[0]
    given = {
        name: value.astype(FLOAT) if getattr(value, "ndim", 0) and value.dtype == DOUBLE else value
        for name, value in exercise.arguments(attempt).items()
    }
    wanted = exercise.right(given)
    (*across, down), block = kernel.launch_shape(tuple(given.values()))
    module = trials.module_of(solution, "float", "profile")
    try:
        launched = module.get_function(f"{exercise.kernel}_kernel")
        launched((*across, down), block, kernel.cast(tuple(given.values()), FLOAT))
    except KernelError as error:
        reason = str(error).splitlines()[0]
        raise Wrong(f"right in double, but in float, with {attempt}: {reason}") from None
    written = [array for array in arrays(kernel) if array.role != "in"]
    for array in written:
        a, b = given[array.name], wanted[array.name]
        room = DIGITS * np.abs(b[np.isfinite(b)]).max(initial=0)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= room)
        if not same.all():
            at = np.unravel_index(np.argmin(same), a.shape)
            fact = f"{_place(array.name, at)} is {a[at]:.6g}, wanted is {b[at]:.6g}"
            raise Wrong(f"right in double, but in float {fact}.\nWith {attempt}.")


def _place(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]"


def _worded(fact: str, cause: str, attempt: Try) -> str:
    likely = f"\nLikely cause: {cause}" if cause else ""
    return f"{fact}{likely}\nWith {attempt}, in double."


# ---------------------------------------------------------------- costs


def _costs(exercise: Exercise, solution: Kernel) -> str:
    """What is to be said of the memory's part in it, in float; "" if it asks for no more than ours.

    At AlexNet's sizes, if the exercise is of AlexNet.
    """
    kernel, sizes = exercise.reference.kernel, exercise.reference.counted
    ours, theirs = (trials.module_of(each, "float", "profile") for each in (kernel, solution))
    least = trials.counted_at(kernel, sizes, ours).profile
    try:
        asked = trials.counted_at(kernel, sizes, theirs).profile
    except KernelError as error:
        reason = str(error).splitlines()[0]
        raise Wrong(f"right in double, but in float, with {Try(sizes)}: {reason}") from None
    for space, unit, what in (
        ("global", "sectors of 32 bytes", "asks for"),
        ("shared", "passes over the banks of shared memory", "takes"),
    ):
        lines, fewer = ([p for p in profile if p.space == space] for profile in (asked, least))
        cost, ours_cost = (sum(p.cost for p in profile) for profile in (lines, fewer))
        if ours_cost and cost >= MUCH * ours_cost:
            many = f"{cost / ours_cost:.1f} times as many {unit} as ours"
            return f"But it {what} {many}. {_of_worst(lines, solution.source)}"
    return ""


def _of_worst(lines: list[LineProfile], text: str) -> str:
    """Of these lines the one that could spare the most, or if none could, that asks most."""
    worst = max(lines, key=lambda p: p.cost - p.least)
    if worst.cost > MUCH * worst.least:
        each = f"{worst.per_request:.1f} a warp, where {worst.least / worst.requests:.1f} would do"
    else:
        worst = max(lines, key=lambda p: p.cost)
        each = f"{worst.per_request:.1f} a warp, which is little; but {worst.requests:,} times"
    if worst.lanes_per_request < FEW:
        each += f", for {worst.lanes_per_request:.0f} of its 32 threads"
    words, share = (
        text.splitlines()[worst.line - 1].strip(),
        worst.cost / sum(p.cost for p in lines),
    )
    return f"Line {worst.line} has {share:.0%} of them, {each}: `{words}`"


def main(kernel: str, file: str, name: str, result: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (ALL_SECONDS, ALL_SECONDS + 1))
    exercise = EXERCISES[kernel]
    solution = exercise.solution(Path(file).read_text(encoding="utf-8"), name)
    with ThreadPoolExecutor() as pool:  # what will count its costs is compiled meanwhile
        pool.submit(trials.compile_ahead, solution, "float", "profile")
        found = found_wrong(exercise, solution)
    found = found or found_right(exercise, solution)
    Path(result).write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
