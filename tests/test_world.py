"""Which ranks there are: what the launchers say, and what is told where that does not fit."""

import os
import subprocess
import sys

from ranks_jobs import needs_mpi
from tiny_runs import EXAMPLES

from tinynet.parallel.world import launched


def refused_as_two(program: tuple, size: str, rank: str) -> str:
    """The one line of the first, where a launcher has put these variables for two processes."""
    found = []
    for own in ("0", "1"):
        environment = {**os.environ, size: "2", rank: own}
        found.append(
            subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
        )
    assert [result.returncode for result in found] == [2, 2]
    assert found[0].stderr.count("\n") == 1 and found[1].stderr == ""
    return found[0].stderr


def test_without_mpi4py_one_line_says_what_is_missing(tmp_path):
    hidden = "import sys; sys.modules['mpi4py'] = None; sys.argv = sys.argv[1:]\n"
    hidden += "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    program = (sys.executable, "-c", hidden, EXAMPLES / "alexnet.py", "train", "--out", tmp_path)
    line = refused_as_two(program, size="PMI_SIZE", rank="PMI_RANK")
    assert "mpi4py" in line and 'pip install -e ".[mpi]"' in line


@needs_mpi
def test_srun_that_brings_no_processes_together_is_refused(tmp_path):
    """Or else each would train alone, in silence."""
    program = (sys.executable, EXAMPLES / "alexnet.py", "train", "--out", tmp_path / "run")
    line = refused_as_two(program, size="SLURM_STEP_NUM_TASKS", rank="SLURM_PROCID")
    assert line.startswith("error: srun has started 2 processes, which know nothing of each other")
    assert not (tmp_path / "run").exists()


def test_one_process_under_mpiexec_is_one_process(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "1")
    assert launched() == 1
    monkeypatch.setenv("PMI_SIZE", "3")
    assert launched() == 3
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "7")  # of mpiexec's own helpers
    assert launched() == 3
    monkeypatch.delenv("PMI_SIZE")
    monkeypatch.setenv("PMIX_RANK", "0")
    assert launched() == 7
