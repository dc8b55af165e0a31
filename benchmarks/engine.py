"""A contestant of a benchmark: a process of its own, which does one piece of work when asked to.

What two libraries in one process would share (BLAS threads, caches of memory) they do not share
here, and each may have a Python of its own. The process is asked in JSON, line by line:

    {"do": "make", "case": {...}, "arrays": "in.npz"}    get ready; the arrays are the same for all
    {"do": "check", "out": "out.npz"}                    compute once, and write the results
    {"do": "time", "repeats": 3}                         {"forward": seconds of one, ...}
    {"do": "memory"}                                     {"peak": bytes}

This module knows NumPy alone, since it is imported by the engines of all libraries, engine_*.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


class EngineError(Exception):
    """The process could not do what it was asked to: why, in one line."""


class Engine:
    """The parent's side. `cores`: how many the process may use; None: all."""

    def __init__(self, name: str, python: str, arguments: list, cores: int | None = None):
        self.name = name
        file, *rest = arguments
        command = [python, str(HERE / file), *rest, *([f"--cores={cores}"] if cores else [])]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.folder = tempfile.TemporaryDirectory()

    def end(self) -> None:
        with suppress(BrokenPipeError):  # of a process that has died: what it never read
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.folder.cleanup()

    def make(self, case: dict, arrays: Path) -> None:
        self._ask(do="make", case=case, arrays=str(arrays))

    def check(self) -> dict[str, np.ndarray]:
        """The results of the work."""
        out = Path(self.folder.name) / "out.npz"
        self._ask(do="check", out=str(out))
        with np.load(out) as found:
            results = dict(found)
        out.unlink()
        return results

    def time(self, repeats: int) -> dict[str, float]:
        """Seconds of one piece of work, the mean of so many, for each of its phases."""
        return self._ask(do="time", repeats=repeats)

    def memory(self) -> dict[str, int]:
        return self._ask(do="memory")

    def _ask(self, **question) -> dict:
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise EngineError(f"the process of {self.name} ended")
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(f"{self.name}: {answer['error']}")
        return answer


def serve(make) -> None:
    """The child's side: answer until the parent closes the pipe.

    `make(case, arrays)` gives the work: an object whose check() returns arrays by name, and whose
    run() does the work once and returns the seconds of each phase.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    work = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if question["do"] == "make":
                with np.load(question["arrays"]) as arrays:
                    work = make(question["case"], dict(arrays))
                answer = {}
            else:
                answer = _answer(work, question)
        except Exception as error:  # of any library: the parent decides what becomes of it
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(work, question: dict) -> dict:
    if question["do"] == "check":
        np.savez(question["out"], **work.check())
        return {}
    if question["do"] == "memory":
        return {"peak": peak_memory()}
    total: dict = {}
    for _ in range(question["repeats"]):
        for phase, seconds in work.run().items():
            total[phase] = total.get(phase, 0.0) + seconds
    return {phase: seconds / question["repeats"] for phase, seconds in total.items()}


def peak_memory() -> int:
    """The most bytes that this process has held. Not getrusage's, which begins at the parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if "VmHWM" in line))


def limit_cores() -> None:
    """Keep this process to the cores that --cores=N leaves it. Before libraries count them."""
    for word in sys.argv:
        if word.startswith("--cores="):
            cores = sorted(os.sched_getaffinity(0))[: int(word[len("--cores=") :])]
            os.sched_setaffinity(0, cores)


def samples(gradient: np.ndarray) -> np.ndarray:
    """At most 1,000 of its elements, evenly spaced: all of a large net's would fill the disk."""
    flat = np.asarray(gradient).reshape(-1)
    return flat[:: max(1, flat.size // 1000)][:1000]
