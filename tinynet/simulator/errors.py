"""What is raised when a kernel cannot be compiled, cannot be launched, or does something wrong."""

from dataclasses import dataclass

from tinynet.simulator.kernels.sentences import Sentence


@dataclass(frozen=True)
class Culprit:
    """A thread that has a part in what went wrong, and what it did there.

    block, thread    (x, y, z)
    line             of the kernel's file; None if it is not known
    access           "read", "write" or "atomic" of `element` of `memory`; None if it is another
                     matter, such as a barrier
    """

    block: tuple[int, int, int]
    thread: tuple[int, int, int]
    line: int | None
    access: str | None = None
    memory: str | None = None
    element: int | None = None


class KernelError(RuntimeError):
    """A kernel failed. The message starts with `file:line: kernel:`, if a line is known.

    kind     one of "compile", "arguments", "limits", "shared memory", "out of bounds", "race",
             "uninitialised read", "barrier", "warp", "crash", "time limit", "trace", "misaligned",
             "assertion", "unsupported"
    file     the source file as its `#line` directive names it, or None
    line     the line in that file, or None
    kernel   the kernel's name, or None while compiling
    reason   the message without these
    said     the same as a sentence, to be told in other words; None: it has no other
    others   check mode: further KernelErrors of the same launch, in the order they were found
    culprits the threads that did it, two of a race
    """

    def __init__(
        self,
        kind: str,
        text: str,
        file: str | None = None,
        line: int | None = None,
        kernel: str | None = None,
    ):
        where = "" if file is None else f"{file}:{line}: " if line else f"{file}: "
        super().__init__(where + (f"{kernel}: " if kernel else "") + f"{kind}: {text}")
        self.kind = kind
        self.reason = text
        self.file = file
        self.line = line
        self.kernel = kernel
        self.others: tuple[KernelError, ...] = ()
        self.culprits: tuple[Culprit, ...] = ()
        self.said: Sentence | None = None


class ArgumentError(KernelError, TypeError):
    """An argument is not of the type that the kernel's parameter has. `kind` is "arguments"."""


class CompilerMissing(RuntimeError):
    """There is no C++ compiler on this machine; the message says how to get one."""
