"""A solution tried: compiled, every load and store watched in both orders, compared, counted.

python -m tinynet.gym.trial KERNEL FILE NAME RESULT    what judge.py runs: the verdict, as JSON
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tinynet.gym import causes
from tinynet.gym.exercise import DOUBLE, NEVER, Exercise, Try
from tinynet.gym.exercises import EXERCISES
from tinynet.kernels import KERNELS
from tinynet.kernels.catalogue import trials
from tinynet.kernels.catalogue.headers import arrays
from tinynet.kernels.launching.kernel import Parameter, signature
from tinynet.simulator import KernelError, RawModule
from tinynet.simulator.kernels.profiling import LineProfile

MUCH = 1.5  # times as many sectors or passes as ours: worth a remark
SECONDS = "20"  # of processor time for counting, which is slow


@dataclass(frozen=True)
class Verdict:
    solved: bool
    text: str


class Wrong(Exception):
    """What is wrong with a solution, in words for who wrote it."""


def verdict(exercise: Exercise, text: str, file: str) -> Verdict:
    """Is the text of a .cu file, called `file` in messages, a solution?"""
    try:
        _check_signature(exercise, text, file)
        module = _compiled(exercise, text, file)
        for attempt in exercise.tries:
            for order in ("forward", "reversed"):
                os.environ["TINYNET_SIM_ORDER"] = order
                _try(exercise, attempt, module)
        costs = _costs(exercise, text)
    except Wrong as wrong:
        return Verdict(False, str(wrong))
    shapes = f"{len(exercise.tries)} shapes, threads and blocks forward and reversed"
    return Verdict(True, f"solved: right in {shapes}.{costs}")


def _check_signature(exercise: Exercise, text: str, file: str) -> None:
    name, wanted = f"{exercise.kernel}_kernel", KERNELS[exercise.kernel].parameters
    try:
        declared = signature(text, name)
    except ValueError as error:
        raise Wrong(f"{file}: {error}. The declaration of the starter is the one wanted.") from None
    if len(declared) != len(wanted):
        raise Wrong(f"{file}: {name} takes {len(wanted)} parameters, here it has {len(declared)}.")
    for ours, theirs in zip(wanted, declared):
        if ours != theirs:
            raise Wrong(
                f"{file}: {name}: the parameter is `{_spelled(ours)}`, here `{_spelled(theirs)}`."
            )


def _spelled(p: Parameter) -> str:
    return f"{'const ' * p.is_const}{p.ctype}{'*' * p.is_pointer} {p.name}"


def _module(text: str, file: str, real: str, mode: str) -> RawModule:
    code = f'#line 1 "{file}"\n{text}'
    return RawModule(code=code, options=(f"-DREAL={real}",), mode=mode)


def _compiled(exercise: Exercise, text: str, file: str) -> RawModule:
    module = _module(text, file, "double", "check")
    try:
        module.get_function(f"{exercise.kernel}_kernel")
    except KernelError as error:
        raise Wrong(f"it does not compile: {str(error).splitlines()[0]}") from None
    return module


def _try(exercise: Exercise, attempt: Try, module: RawModule) -> None:
    """Launch it, and compare. Wrong says what is wrong."""
    kernel, given = KERNELS[exercise.kernel], exercise.arguments(attempt)
    wanted = exercise.right(given)
    got = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in given.items()}
    (*across, down), block = kernel.launch_shape(tuple(got.values()))
    grid = (*across, min(down, attempt.blocks))
    written = [array for array in arrays(exercise.kernel) if array.role != "in"]
    try:
        module.get_function(f"{exercise.kernel}_kernel")(
            grid,
            block,
            kernel.cast(tuple(got.values()), DOUBLE),
            uninitialised=tuple(array.name for array in written if array.role == "out"),
        )
    except KernelError as error:
        cause = causes.of_error(error, given, [array.name for array in written])
        raise Wrong(_worded(str(error).splitlines()[0] + ".", cause, attempt)) from None
    for array in written:
        a, b = got[array.name], wanted[array.name]
        wrong = causes.first_wrong(a, b)
        if wrong.size:
            at = np.unravel_index(wrong[0], a.shape)
            where = f"{array.name}[{', '.join(map(str, at))}]"
            came = "never written" if a[at] == NEVER else f"{a[at]:.9g}"
            many = f"{wrong.size} of {a.size} elements {'is' if wrong.size == 1 else 'are'} wrong"
            fact = f"{where} is {came}, wanted is {b[at]:.9g} ({many})."
            cause = causes.of_numbers(exercise, attempt, array.name, given, a, b)
            raise Wrong(_worded(fact, cause, attempt))


def _worded(fact: str, cause: str, attempt: Try) -> str:
    likely = f"\nLikely cause: {cause}" if cause else ""
    return f"{fact}{likely}\nWith {attempt}, in double."


# ---------------------------------------------------------------- costs


def _costs(exercise: Exercise, text: str) -> str:
    """What is to be said of the memory's part in it: at AlexNet's sizes, in float."""
    os.environ["TINYNET_SIM_TIMEOUT"] = SECONDS
    try:
        theirs = trials.profile(exercise.kernel, text)
    except KernelError as error:
        reason = str(error).splitlines()[0]
        raise Wrong(f"right in double, but in float, at AlexNet's sizes: {reason}") from None
    ours = trials.profile(exercise.kernel)
    for space, unit, what in (
        ("global", "sectors of 32 bytes", "asks for"),
        ("shared", "passes over the banks of shared memory", "takes"),
    ):
        asked, least = (sum(p.cost for p in lines if p.space == space) for lines in (theirs, ours))
        if least and asked >= MUCH * least:
            many = f"{asked / least:.1f} times as many {unit} as ours"
            lines = [p for p in theirs if p.space == space]
            return f"\nBut it {what} {many}. {_of_worst(lines, text)}"
    return ""


def _of_worst(lines: list[LineProfile], text: str) -> str:
    """Of these lines the one that could spare the most, or if none could, that asks most."""
    worst = max(lines, key=lambda p: p.cost - p.least)
    wasted = worst.cost > MUCH * worst.least
    if not wasted:
        worst = max(lines, key=lambda p: p.cost)
    words = text.splitlines()[worst.line - 1].strip()
    each = f"{worst.per_request:.1f} a warp"
    if wasted:
        each += f", where {worst.least / worst.requests:.1f} would do"
    share = worst.cost / sum(p.cost for p in lines)
    return f"Line {worst.line} has {share:.0%} of them, {each}: `{words}`"


def main(kernel: str, file: str, name: str, result: str) -> None:
    found = verdict(EXERCISES[kernel], Path(file).read_text(encoding="utf-8"), name)
    Path(result).write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
