"""Turns what the runtime found, which is numbers, into errors that say what happened and where."""

import signal

from tinynet.simulator.errors import KernelError
from tinynet.simulator.library import Finding, Library
from tinynet.simulator.source import KernelText

# In the order of `sim::Kind` in runtime.h.
KINDS = (
    "out of bounds", "race", "uninitialised read", "barrier", "barrier", "warp", "crash",
    "time limit",
)  # fmt: skip


def to_error(found: list[Finding], text: KernelText, library: Library) -> KernelError:
    """One error of everything found: the first finding, with the rest as its `others`."""
    places = library.lines([finding.pc for finding in found])
    errors = []
    for finding, (file, line) in zip(found, places):
        kind = KINDS[finding.kind]
        if file is None:
            file, line = text.file, text.line
        errors.append(KernelError(kind, _sentence(kind, finding), file, line, text.name))
    first = errors[0]
    first.others = tuple(errors[1:])
    return first


def _sentence(kind: str, finding: Finding) -> str:
    return f"{kind} {finding.detail} {signal.Signals}"
