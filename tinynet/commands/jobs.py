"""Several jobs at once, one a core, each in one thread of one process: none disturbs another.

A thread here for each core pins itself to that core, and the processes that it starts stay there;
on one core, NumPy's and tinynet's teams of threads have one member each. Results do not depend on
it: a sum is cut at the same places for any number of workers.

    folder/lrn/seed0        the run of a job
    folder/lrn/seed0.txt    what it printed
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from tinynet.commands import flags
from tinynet.commands.code_version import program
from tinynet.commands.example import Example
from tinynet.commands.job import Job, Record, read_record
from tinynet.console.printable import complain, printable
from tinynet.console.sentences import counted, listed

SHOWN = 4  # names of jobs in a line


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Those of a command that does jobs."""
    help_ = (
        f"runs at a time, each on a core of its own (one a core: here {len(_cores())}; on a GPU 1)"
    )
    parser.add_argument("--jobs", type=flags.count, metavar="N", help=help_)
    show = "train nothing: print what the runs say that are done by now"
    parser.add_argument("--show", action="store_true", help=show)


def _cores() -> list[int | None]:
    """The cores that this process may use; one without a number where none can be chosen."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [None]


def records(jobs: Sequence[Job]) -> Iterator[tuple[Job, Record]]:
    """The jobs that were begun, with what is on record. UserError if a place is another job's."""
    for job in jobs:
        record = read_record(job)
        if record is not None:
            yield job, record


def told_of(jobs: Sequence[Job]) -> list[str]:
    """What whoever reads the results must know: jobs not done, and jobs of different code."""
    begun = [*records(jobs)]
    done = {job.name for job, record in begun if record.found}
    told, left = [], [job.name for job in jobs if job.name not in done]
    if left:
        jobs_left = f"{counted(len(left), 'job')} of {len(jobs)} not done"
        told.append(f"unfinished: {jobs_left}: {_some(left)}")
    versions: dict[str, list[str]] = {}
    for job, record in begun:
        for version in record.versions:
            versions.setdefault(version, []).append(job.name)
    if len(versions) > 1:
        told.append("warning: the jobs are of different versions of the code:")
        for version, of_it in versions.items():
            told.append(f"    {version}: {_some(of_it)}")
    return told


def _some(names: list[str]) -> str:
    return listed([*names[:SHOWN], *(["others"] if len(names) > SHOWN else [])])


class Jobs:
    """Does jobs on these devices; `at_once` at most at a time, if not as many as there are cores.

    A GPU does one at a time, which all cores feed.
    """

    def __init__(self, devices: str, at_once: int | None):
        places = _cores() if devices == "cpu" else [None]
        self._places = places[-(at_once or len(places)) :]
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._status = 0  # of the first job that failed; no other is begun then

    def run(self, jobs: Sequence[tuple[Example, Job]]) -> int:
        """Do what is not done yet, each (example, job); those that begin with another's end wait.

        Returns the status of the first job that failed, else 0. KeyboardInterrupt ends all of them.
        """
        done = {job.place for job, record in records([job for _, job in jobs]) if record.found}
        left = [(example, job) for example, job in jobs if job.place not in done]
        if done:
            print(f"jobs     {len(done)} of {len(jobs)} done already", flush=True)
        numbers = {job.place: i for i, (_, job) in enumerate(left, len(done) + 1)}
        for later in (False, True):
            wave = deque(pair for pair in left if (pair[1].start is not None) == later)
            with ThreadPoolExecutor(len(self._places)) as team:
                try:
                    futures = [
                        team.submit(self._work, core, wave, numbers, len(jobs))
                        for core in self._places
                    ]
                    for future in futures:
                        future.result()
                except BaseException:
                    self._end_all()
                    raise
        return self._status

    def _work(self, core: int | None, wave: deque, numbers: dict, total: int) -> None:
        """Take job after job, on one core."""
        if core is not None:
            os.sched_setaffinity(0, {core})  # of this thread, and of what it starts
        while self._status == 0:
            try:
                example, job = wave.popleft()
            except IndexError:
                return
            print(f"begun    {numbers[job.place]} of {total}: {printable(job.name)}", flush=True)
            self._do(example, job)

    def _do(self, example: Example, job: Job) -> None:
        said = Path(f"{job.place}.txt")
        said.parent.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "tinynet.commands.job", str(program(example))]
        with open(said, "a") as file:
            with self._lock:
                if self._status:
                    return
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,  # Ctrl-C reaches this process, which ends the others
                )
                self._running.add(process)
            with suppress(BrokenPipeError):  # it ended at once, and has said why
                process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
                process.stdin.flush()
            status = process.wait()
            with suppress(BrokenPipeError):
                process.stdin.close()
        with self._lock:
            self._running.discard(process)
            if status == 0:
                print(f"done     {printable(job.name)}", flush=True)
            elif self._status == 0:
                self._status = status if status > 0 else 1
                last = said.read_text(errors="replace").strip().split("\n")[-1]
                complain(f"{job.name}: {last}")
                complain(f"more of what it said: {printable(said)}")

    def _end_all(self) -> None:
        with self._lock:
            self._status = self._status or 130
            for process in self._running:
                process.kill()
