"""One rank on a GPU that is not there: `mpiexec -n 2 python ranks.py direct buckets cuda:0`, ...

... or `ranks.py staged train FLAGS`. With `direct` MPI is said to take the memory of GPUs. It does
here: the stand-in's is memory of the process.
"""

import sys
from pathlib import Path
from unittest.mock import patch

import fakegpu

sys.path.insert(0, str(Path(__file__).parent.parent))

import ranks_buckets
from tiny_runs import load_example

from tinynet.commands import command_line
from tinynet.parallel import ranks


def main(way: str, program: str, *argv: str) -> int:
    with patch.object(ranks, "takes_gpu_memory", lambda mpi: way == "direct"):
        if program == "buckets":
            return ranks_buckets.main(*argv)
        return command_line.main(load_example("lenet").EXAMPLE, [program, *argv])


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    if error := fakegpu.error():
        sys.exit(error)
    sys.exit(status)
