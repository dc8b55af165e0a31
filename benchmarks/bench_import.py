"""`import` of each library in a new process. The bound is NumPy's, on which tinynet stands.

First: `import tinynet` must not load what only some of its users need.
"""

import subprocess
import sys
import time
from collections.abc import Callable

from contest import Disagreement, Session
from pairs import BOUND, Row, Table, alternate
from peers import PEERS

NAME = "import"
LATER = ("cupy", "PIL", "matplotlib", "safetensors", "torch")  # loaded when they are needed


def benchmark(session: Session) -> list[Table]:
    session.tell(NAME)
    code = f"import sys, tinynet; print(*(name for name in {LATER} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if done.stdout.strip():
        raise Disagreement(f"import: tinynet loads {done.stdout.strip()} as well")
    pythons = {"tinynet": sys.executable}
    pythons |= {PEERS[peer.name][0]: peer.python for peer in session.peers}
    work = {library: _importing(python, library) for library, python in pythons.items()}
    work[BOUND] = _importing(sys.executable, "numpy")
    for one in work.values():
        one()  # its files are in the system's cache from now on
    found = alternate(work, session.rounds)
    return [Table(NAME, __doc__, [Row(label, values) for label, values in found.items()])]


def _importing(python: str, library: str) -> Callable[[], dict[str, float]]:
    def one() -> dict[str, float]:
        start = time.perf_counter()
        subprocess.run([python, "-W", "ignore", "-c", f"import {library}"], check=True)
        return {"a new process": time.perf_counter() - start}

    return one
