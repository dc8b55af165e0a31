"""Jobs of several ranks under mpiexec, for the tests: where it is, and what becomes of them."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_runs import TINY

PROGRAM = Path(__file__).with_name("ranks_program.py")
BESIDE = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
MPIEXEC = shutil.which("mpiexec", path=BESIDE)
SECONDS = 240  # the longest that any run may take here, on a machine that is busy
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason='mpi4py and mpiexec are not installed: pip install -e ".[mpi]"',
)
ARGS = (*TINY, "--devices", "cpu", "--profile", "source2012", "--workers", "1")


class Ended(NamedTuple):
    status: int
    out: str
    err: str


class Job:
    """`mpiexec -n N` with its ranks, in a process group that is gone at the end of `with`."""

    def __init__(self, count: int, *argv: str | Path):
        self.command = [MPIEXEC, "-n", str(count), sys.executable, *map(str, argv)]

    def __enter__(self) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # One thread each for BLAS, which the ranks do not use beyond that.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            self.command, start_new_session=True, env=environment, **pipes
        )
        return self.process

    def __exit__(self, *_) -> None:
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def ended(process: subprocess.Popen) -> Ended:
    out, err = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, out, err)


def in_ranks(count: int, *argv: str | Path) -> Ended:
    with Job(count, *argv) as process:
        return ended(process)
