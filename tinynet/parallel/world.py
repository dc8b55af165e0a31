"""Which ranks there are: what the launcher of MPI has left in the environment, and MPI itself.

Only where there is such a launcher is mpi4py imported: one process needs no MPI.
"""

import hashlib
import os
import sys
from functools import cache
from pathlib import Path

import tinynet
from tinynet.console.printable import quoted
from tinynet.parallel.ranks import ONE_PROCESS, Alone, Ranks
from tinynet.parallel.watch import RankFailed

# What launchers say to each process they start, of MPICH, Slurm and Intel; of Open MPI; of MVAPICH.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PMIX_RANK")
# What Slurm says of its own, also where it was not asked to bring processes together (--mpi=none).
STEP_SIZE, STEP_RANK = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
INSTALL = 'pip install -e ".[mpi]"'


def launched() -> int:
    """The number of processes that a launcher of MPI says it has started; 1 if there is none."""
    sizes = [os.environ.get(name, "") for name in SIZES]
    if not any(sizes):  # else under mpiexec it may be the number of its helpers
        sizes = [os.environ.get(STEP_SIZE, "")]
    return max((int(size) for size in sizes if size.isdigit()), default=1)


@cache
def world() -> Alone:
    """The ranks of this job, of which this process is one.

    RankFailed, on the first of them alone, if they cannot find each other; the others end.
    """
    wanted = launched()
    if wanted == 1:
        return ONE_PROCESS
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        why = f"data parallelism takes mpi4py, which is not to be had ({error}): {INSTALL}"
        raise RankFailed(f"{wanted} processes were started, as by mpiexec; {why}") from None
    found = MPI.COMM_WORLD.size
    if found == 1 and not any(name in os.environ for name in (*SIZES, *RANKS)):
        raise RankFailed(
            f"srun has started {wanted} processes, which know nothing of each other: take `srun "
            "--mpi=pmi2` for MPICH, `srun --mpi=pmix` for Open MPI, or mpiexec within sbatch. For "
            f"{wanted} runs beside each other: srun env -u {STEP_SIZE} ..."
        )
    if found != wanted:
        raise RankFailed(
            f"the launcher has started {wanted} processes, and the MPI of mpi4py sees {found}: the "
            f"two are of different kinds. Take the mpiexec of this MPI; {INSTALL} brings both"
        )
    if MPI.Query_thread() < MPI.THREAD_SERIALIZED:
        raise RankFailed("this MPI lets no second thread call it (MPI_THREAD_SERIALIZED is wanted)")
    return Ranks(MPI)


def is_first() -> bool:
    """Is this the first of the processes, by what the launcher says?"""
    said = [os.environ[name] for name in RANKS if name in os.environ]
    return all(rank == "0" for rank in said or [os.environ.get(STEP_RANK, "0")])


def check_ranks(ranks: Alone) -> None:
    """RankFailed, on all ranks, if one runs another tinynet or has another command line."""
    if ranks.size > 1:
        ranks.check_same("tinynet", f"{tinynet.__version__} ({_digest_of_sources()})")
        ranks.check_same("the command line", " ".join(map(quoted, sys.argv[1:])))


def _digest_of_sources() -> str:
    """Eight digits that differ where any file of tinynet's does."""
    found = hashlib.sha256()
    root = Path(tinynet.__file__).parent
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.cu")]):
        found.update(path.read_bytes())
    return found.hexdigest()[:8]
